"""What holds for everything that is read again: damage is seen, and named, before it is used."""

import base64
import functools
import random
import shutil
import tempfile
from pathlib import Path

import pytest
import sentencepiece
from tiny_checkpoints import make_checkpoint
from tiny_tasks import make_bigram

import seqzoo as sz
from seqzoo.datasets import streams
from seqzoo.preprocessing import ByteTokenizer, SubwordTokenizer, WordTokenizer, tokenised
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS
from seqzoo.training.checkpoint_files import last_checkpoint, write_checkpoint

STEP = "step-000000003.npz"

task = functools.cache(make_bigram)


def read_checkpoint(path):
    found, damaged = last_checkpoint(path.parent)
    if damaged:
        raise ValueError(f"{damaged[0][0]}: {damaged[0][1]}")
    return found


def words():
    return WordTokenizer(vocabulary=[*SPECIAL_TOKENS, "a", "é", "\n", "[", "b c"])


@functools.cache
def subwords():
    tokenizer = SubwordTokenizer(20)
    tokenizer.adapt(["hello world", "hell"])
    return tokenizer


@functools.cache
def raw_folder():
    return tempfile.TemporaryDirectory()


def read_stream(path):
    raw = Path(raw_folder().name, "raw.tsv")
    raw.write_text("a b\tb a\nc\tc\n")
    return tokenised(streams.tab_separated(raw), task().preprocessor, path)


FORMATS = {  # by name: a file or folder, a function that writes it, and one that reads it
    "checkpoint": (
        STEP,
        lambda path: write_checkpoint(path.parent, make_checkpoint(3)),
        read_checkpoint,
    ),
    ".keras": ("task.keras", lambda path: task().save(path), sz.load),
    "preset": ("preset", lambda path: task().save_preset(path), sz.from_preset),
    "vocabulary": (
        "words.json",
        lambda path: words().save_vocabulary(path),
        WordTokenizer.load_vocabulary,
    ),
    "vocabulary of bytes": (
        "bytes.json",
        lambda path: ByteTokenizer().save_vocabulary(path),
        ByteTokenizer.load_vocabulary,
    ),
    "vocabulary of subwords": (
        "words.model",
        lambda path: subwords().save_vocabulary(path),
        SubwordTokenizer.load_vocabulary,
    ),
    "tokenised stream": ("ids", read_stream, read_stream),
}
ROWS = [  # the graph of a stream takes seconds to trace
    pytest.param(name, marks=[pytest.mark.slow] if "stream" in name else []) for name in FORMATS
]


@functools.cache
def written(name, root):
    """Where a format was written once."""
    file_name, write, _ = FORMATS[name]
    (root / name).mkdir()
    write(root / name / file_name)
    return root / name


@pytest.fixture
def copy(name, tmp_path, tmp_path_factory):
    """The path of a copy, which a test may damage."""
    root = written(name, tmp_path_factory.getbasetemp())
    shutil.copytree(root, tmp_path / "copy")
    return tmp_path / "copy" / FORMATS[name][0]


def parts(path):
    return sorted(path.rglob("*")) if path.is_dir() else [path]


@pytest.mark.parametrize("name", ROWS)
def test_a_flipped_bit_in_any_part_is_refused_by_name(name, copy):
    read, moments = FORMATS[name][2], random.Random(name)
    read(copy)
    for part in parts(copy):
        whole = part.read_bytes()
        for place in [0, len(whole) - 1, *(moments.randrange(len(whole)) for _ in range(20))]:
            damaged = bytearray(whole)
            damaged[place] ^= 1 << moments.randrange(8)
            part.write_bytes(damaged)
            with pytest.raises((ValueError, OSError)) as error:
                read(copy)
            assert copy.name in str(error.value), (part.name, place, str(error.value))
        part.write_bytes(whole)
    read(copy)


@pytest.mark.parametrize("name", ROWS)
def test_what_is_cut_off_empty_or_another_file_is_refused_by_name(name, copy):
    read = FORMATS[name][2]
    for part in parts(copy):
        whole = part.read_bytes()
        for content in (b"", whole[: len(whole) // 2], whole[:-2], b"\xff\xfe" * 99, b"[" * 10**5):
            part.write_bytes(content)
            with pytest.raises((ValueError, OSError)) as error:
                read(copy)
            assert copy.name in str(error.value), (part.name, content[:9], str(error.value))
        part.write_bytes(whole)


@pytest.mark.parametrize("name", ["preset"])
def test_a_folder_of_an_earlier_version_has_no_digests(name, copy):
    (copy / "SHA256SUMS").unlink()
    assert isinstance(FORMATS[name][2](copy), sz.tasks.Task)


def test_vocabularies_that_others_wrote_have_no_digests(tmp_path):
    path = tmp_path / "words.json"
    path.write_text('["", "<unk>", "<start>", "<end>",  "a"]', encoding="utf-8")
    assert WordTokenizer.load_vocabulary(path).vocabulary[4:] == ["a"]
    model = base64.b64decode(subwords().model)
    (tmp_path / "words.model").write_bytes(model)
    again = SubwordTokenizer.load_vocabulary(tmp_path / "words.model")
    assert again.vocabulary == subwords().vocabulary


def test_a_model_of_subwords_with_a_digest_is_one_of_sentencepiece(tmp_path):
    subwords().save_vocabulary(tmp_path / "words.model")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "words.model"))
    learned = [processor.id_to_piece(id) for id in range(4, processor.vocab_size())]
    assert learned == subwords().vocabulary[4:]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"3",
        b'["a", 3]',
        b'["a"]',
        b"\xff",
        b"[" * 10**5,
        b'{"tokens": [], "sha256": 1}',
    ],
)
def test_a_file_that_holds_no_vocabulary_is_named(tmp_path, content):
    path = tmp_path / "words.file"
    path.write_bytes(content)
    for tokenizer in (WordTokenizer, ByteTokenizer, SubwordTokenizer):
        with pytest.raises(ValueError, match=r"words.file"):
            tokenizer.load_vocabulary(path)
