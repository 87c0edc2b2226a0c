"""What holds for everything that writes: see `seqzoo.files.atomic_write`."""

import errno
import functools
import os

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from tiny_tasks import make_bigram

from seqzoo.datasets import streams
from seqzoo.explain.figures import save as save_picture
from seqzoo.export import saved_model
from seqzoo.files import atomic_write as module
from seqzoo.preprocessing import ByteTokenizer, WhitespaceTokenizer, tokenised, write_midi
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS
from seqzoo.recipe.folder import RunFolder
from seqzoo.recipe.record import Provenance, RunOptions, RunRecord
from seqzoo.training.callbacks import HistoryFile
from seqzoo.training.checkpoint_files import Checkpoint, write_checkpoint

STEP = "step-000000003.npz"


task = functools.cache(make_bigram)


class Doubler(tf.Module):
    """The smallest model that can be served."""

    def serving_signatures(self, search=None):
        signature = [tf.TensorSpec((None,), tf.float32, name="x")]
        double = tf.function(lambda x: {"y": 2 * x}, input_signature=signature)
        return {"serving_default": double}


def write_history(path):
    table = HistoryFile(path)
    table.add_row({"epoch": 1, "loss": 0.5})


def write_stream(path):
    raw = path.parent.parent / "raw.tsv"
    raw.write_text("a b\tb a\n")
    tokenised(streams.tab_separated(raw), task().preprocessor, path.parent)


def write_run(path):
    made_of = Provenance("tiny", "0" * 64, "generated", False, {})
    RunFolder(path).create(b"# a recipe", RunRecord(RunOptions(), made_of))


FILES = {  # writers by name: the name of the file, and a function of its path
    "checkpoint": (
        STEP,
        lambda path: write_checkpoint(
            path.parent, Checkpoint({"step": 3}, [np.ones(2, "float32")], [], [])
        ),
    ),
    ".keras": ("task.keras", lambda path: task().save(path)),
    "vocabulary": (
        "words.json",
        lambda path: WhitespaceTokenizer(vocabulary=[*SPECIAL_TOKENS, "a"]).save_vocabulary(
            str(path)
        ),
    ),
    "vocabulary of bytes": (
        "bytes.json",
        lambda path: ByteTokenizer().save_vocabulary(str(path)),
    ),
    "picture": ("map.png", lambda path: save_picture(Figure(figsize=(0.3, 0.2)), path)),
    "MIDI": ("piece.mid", lambda path: write_midi([[60]], path)),
    "history": ("history.csv", write_history),
    "tokenised stream": ("part-00000.tfrecord", write_stream),
    "record of a stream": ("made_of.json", write_stream),
}
FOLDERS = {
    "preset": ("preset", lambda path: task().save_preset(path)),
    "export": ("1", lambda path: saved_model(Doubler(), path.parent, overwrite=True)),
    "run": ("run", write_run),
}
WRITERS = FILES | FOLDERS


def rows(*names):
    """The names of writers; streams, whose graphs take seconds to trace, are slow."""
    slow = [pytest.mark.slow]
    return [pytest.param(n, marks=slow if "stream" in n else []) for n in names]


REPLACES_ITS_OWN = rows(*FILES, "preset", "export")  # a run is never replaced


def tree(folder):
    """What is in a folder: the bytes of each file, None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "neighbour").write_text("mine")
    return folder


def assert_refused(write, path):
    before = tree(path.parent)
    with pytest.raises((ValueError, OSError)) as error:
        write(path)
    assert str(path) in str(error.value) or str(path.parent) in str(error.value)
    assert ".writing-" not in str(error.value)
    after = tree(path.parent)
    if "part-" in path.name:
        after.setdefault("made_of.json", None)  # of a stream, which is written first
        before["made_of.json"] = after["made_of.json"]
    assert after == before


@pytest.mark.parametrize("name", FILES)
def test_no_file_replaces_a_folder(name, folder):
    file_name, write = FILES[name]
    path = folder / file_name
    path.mkdir()
    assert_refused(write, path)
    (path / "file").write_text("mine")
    assert_refused(write, path)


@pytest.mark.parametrize("name", FOLDERS)
def test_no_folder_replaces_a_file_or_a_folder_of_others(name, folder):
    folder_name, write = FOLDERS[name]
    (folder / folder_name).write_text("mine")
    assert_refused(write, folder / folder_name)
    (folder / folder_name).unlink()
    (folder / folder_name).mkdir()
    (folder / folder_name / "file").write_text("mine")
    assert_refused(write, folder / folder_name)


@pytest.mark.parametrize("name", rows(*WRITERS))
def test_a_writer_replaces_its_own_and_leaves_nothing_beside(name, folder):
    file_name, write = WRITERS[name]
    write(folder / file_name)
    names = {path.name for path in folder.iterdir()}
    assert names >= {"neighbour", file_name}
    assert not any(name.startswith(".") for name in names)
    if name != "run":
        write(folder / file_name)
        assert {path.name for path in folder.iterdir()} == names


def error_of_full_disk(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("call", ["_sync", "_mode"])
@pytest.mark.parametrize("name", REPLACES_ITS_OWN)
def test_an_error_leaves_the_old_one_whole_and_names_it(name, call, folder, monkeypatch):
    file_name, write = WRITERS[name]
    write(folder / file_name)
    if name in ("tokenised stream", "record of a stream"):
        (folder / file_name).unlink()  # they are written once
    before = tree(folder)
    monkeypatch.setattr(module, call, error_of_full_disk)
    assert_refused(write, folder / file_name)
    assert tree(folder) == before


class FullFile:
    """An open file on a disk that has no space left."""

    def __init__(self, file):
        self.file = file

    def __getattr__(self, name):
        return error_of_full_disk if name == "write" else getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


@pytest.mark.parametrize("name", ["vocabulary", "picture", "history", "preset"])
def test_a_full_disk_leaves_the_old_one_whole(name, folder, monkeypatch):
    file_name, write = WRITERS[name]
    write(folder / file_name)
    before, real = tree(folder), open

    def full(file, mode="r", *arguments, **options):
        opened = real(file, mode, *arguments, **options)
        return FullFile(opened) if "w" in mode and ".writing-" in str(file) else opened

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", full)
        with pytest.raises(OSError, match=os.path.basename(file_name)) as error:
            write(folder / file_name)
    assert error.value.errno == errno.ENOSPC
    assert tree(folder) == before


def test_tensorflows_errors_of_writing_are_os_errors(folder):
    with pytest.raises(OSError, match=r"map.*cannot be written") as error:  # noqa: SIM117
        with module.atomic_file(folder / "map") as written:
            raise tf.errors.ResourceExhaustedError(None, None, f"{written}; No space left")
    assert ".writing-" not in str(error.value)
    with (
        pytest.raises(tf.errors.InvalidArgumentError),
        module.atomic_file(folder / "map") as written,
    ):
        raise tf.errors.InvalidArgumentError(None, None, "a wrong row")
    assert tree(folder) == {"neighbour": b"mine"}
