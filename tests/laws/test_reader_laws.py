"""What holds for everything that reads files of users: a wrong one is an error that names it."""

import gzip
import io
import random
import zipfile

import pytest

from seqzoo.datasets import (
    captioned_images,
    conll,
    labelled_text,
    lines,
    parallel_text,
    pieces,
    plain_text,
    unlabelled_text,
)
from seqzoo.preprocessing import SubwordTokenizer, WordTokenizer, read_midi
from seqzoo.recipe import Run, load_recipe
from seqzoo.recipe.record import read_record
from seqzoo.training.checkpoint_files import last_checkpoint


def archive():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("a.png", b"x" * 99)
    return file.getvalue()


PACKED, ZIPPED = gzip.compress(b"a\tb\n" * 99), archive()
CONTENTS = {
    "nothing": b"",
    "line ends": b"\n\n",
    "zeros": bytes(99),
    "noise": random.Random(0).randbytes(2000),
    "Latin 1": b"a\xe9b\tc\n",
    "a surrogate": b"\xed\xa0\x80\tb\n",
    "UTF-16": "a\tb\n".encode("utf-16"),
    "a cut character": b"a\tb\xc3",
    "nested lists": b"[" * 10**5,
    "nested objects": b'{"a":' * 10**5,
    "a number": b"3",
    "a long number": b"9" * 10**4,
    "null": b"null",
    "a list": b"[1, 2]",
    "objects of others": b'{"text": [1], "label": {}, "tokens": {"a": 1}}',
    "an open quote": b'"abc',
    "unequal columns": b"a b c\td\n\te\nf\n",
    "a gzip file": PACKED,
    "a cut gzip file": PACKED[:-9],
    "the start of a gzip file": b"\x1f\x8b",
    "a zip archive": ZIPPED,
    "a cut zip archive": ZIPPED[:-9],
    "a damaged zip archive": ZIPPED[:30] + b"zz" + ZIPPED[32:],
    "the start of an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(99),
}


def in_folder(*names):
    """Writes files of a content to a folder."""

    def write(path, content):
        path.mkdir()
        for name in names:
            (path / name).write_bytes(content)

    return write


def in_file(path, content):
    path.write_bytes(content)


def zipped_images(path, content):
    in_folder("images.zip")(path, content)
    (path / "x.token.txt").write_text("a.png#0\ta\n")
    (path / "x.trainImages.txt").write_text("a.png\n")


READERS = {  # by name: the name of the file or folder, what writes it, and what reads it
    "lines": ("f.txt", in_file, lines.read_lines),
    "text": ("f.txt", in_file, lines.read_text),
    "columns between tabs": ("f.tsv", in_file, lambda path: list(lines.tab_columns(path))),
    "last column": ("f.tsv", in_file, lambda path: list(lines.tab_columns(path, (0, -2)))),
    "columns between commas": ("f.csv", in_file, lambda path: list(lines.csv_columns(path))),
    "JSON lines": ("f.jsonl", in_file, lambda path: list(lines.json_lines(path, "text", "label"))),
    "CoNLL": ("f.conll", in_file, conll.load),
    "CoNLL-U": ("f.conllu", in_file, conll.load_conllu),
    "labelled lines": ("f.txt", in_file, labelled_text.load_lines),
    "labelled JSON lines": ("f.jsonl", in_file, labelled_text.load_json_lines),
    "a file for a label": (
        "f",
        in_file,
        lambda path: labelled_text.load_file_per_label({"a": path}),
    ),
    "texts without labels": ("f.txt", in_file, lambda path: unlabelled_text.load([path])),
    "pairs": ("f.tsv", in_file, parallel_text.load_tab_separated),
    "aligned lines": (
        "pairs",
        in_folder("train.de", "train.en"),
        lambda path: parallel_text.load(path, "de", "en", ["train"]),
    ),
    "running text": (
        "text",
        in_folder("train.txt"),
        lambda path: plain_text.load(path, ["train"]),
    ),
    "pieces": (
        "songs",
        in_folder("songs.json"),
        lambda path: pieces.load(path, "songs.json"),
    ),
    "MIDI": ("song.mid", in_file, read_midi),
    "captions": (
        "images",
        in_folder("x.token.txt", "x.trainImages.txt", "x.png"),
        lambda path: captioned_images.load(path, ["train"]),
    ),
    "images": ("images", zipped_images, lambda path: captioned_images.load(path, ["train"])),
    "a vocabulary": ("words.json", in_file, WordTokenizer.load_vocabulary),
    "a model of subwords": ("words.model", in_file, SubwordTokenizer.load_vocabulary),
    "checkpoints": ("checkpoints", in_folder("step-000000001.npz"), last_checkpoint),
    "a record": ("run.json", in_file, read_record),
    "a recipe": ("recipe.py", in_file, load_recipe),
    "a run": (
        "run",
        in_folder("run.json", "recipe.py", "signature"),
        lambda path: Run.open(path, trust=True),
    ),
}
PACKED_READERS = {
    f"{name}, packed": (f"{file}.gz", write, read)
    for name, (file, write, read) in READERS.items()
    if name in ("lines", "columns between commas", "JSON lines", "CoNLL", "labelled lines")
}
READERS |= PACKED_READERS


def error_of(read, path):
    try:
        read(path)
    except (ValueError, OSError) as error:
        return error
    return None


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", READERS)
def test_a_wrong_file_is_a_value_error_or_os_error_that_names_it(name, tmp_path):
    file, write, read = READERS[name]
    refused = 0
    for number, (kind, content) in enumerate(CONTENTS.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder / file, content)
        error = error_of(read, folder / file)
        if error is not None:
            refused += 1
            assert type(error) in (ValueError, FileNotFoundError), kind
            assert str(folder / file) in str(error), kind
    assert refused > 2  # some contents are legal for some readers


@pytest.mark.parametrize("name", READERS)
def test_a_missing_file_and_a_folder_in_its_place_are_named(name, tmp_path):
    file, _, read = READERS[name]
    (tmp_path / "folder" / file).mkdir(parents=True)
    for path in (tmp_path / "missing" / file, tmp_path / "folder" / file):
        if name == "checkpoints":
            assert read(path) == (None, [])
            continue
        with pytest.raises((ValueError, OSError), match=file.replace(".", r"\.")):
            read(path)


@pytest.mark.parametrize("encoding", ["nix", "rot13", "utf-16", "idna"])
def test_a_text_in_an_unknown_or_another_encoding_is_named(encoding, tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("ä\n".encode("latin-1") * 3)
    with pytest.raises(ValueError, match=r"text\.txt"):
        lines.read_lines(path, encoding)


def test_columns_count_from_the_end_too_and_missing_ones_are_told(tmp_path):
    path = tmp_path / "columns"
    path.write_text("a\tb\tc\n")
    assert list(lines.tab_columns(path, (0, -1))) == [("a", "c")]
    with pytest.raises(ValueError, match=r"at least 5 columns .* line 1 of .*columns"):
        list(lines.tab_columns(path, (-5, 0)))
    with pytest.raises(ValueError, match=r"at least 4 columns\. Received: line 1 of"):
        conll.load(path, token_column=-4)
    path.write_text("a,b,c\n")
    assert list(lines.csv_columns(path, (0, -1), header=False)) == [("a", "c")]
    with pytest.raises(ValueError, match=r"at least 5 fields .* line 1 of .*columns"):
        list(lines.csv_columns(path, (-5, 0)))
