"""What holds for everything that is read again: damage is seen, and named, before it is used."""

import functools
import random
import shutil

import pytest
from tiny_checkpoints import make_checkpoint
from tiny_tasks import make_bigram

import seqzoo as sz
from seqzoo.training.checkpoint_files import last_checkpoint, write_checkpoint

STEP = "step-000000003.npz"

task = functools.cache(make_bigram)


def read_checkpoint(path):
    found, damaged = last_checkpoint(path.parent)
    if damaged:
        raise ValueError(f"{damaged[0][0]}: {damaged[0][1]}")
    return found


FORMATS = {  # by name: a file or folder, a function that writes it, and one that reads it
    "checkpoint": (
        STEP,
        lambda path: write_checkpoint(path.parent, make_checkpoint(3)),
        read_checkpoint,
    ),
    ".keras": ("task.keras", lambda path: task().save(path), sz.load),
    "preset": ("preset", lambda path: task().save_preset(path), sz.from_preset),
}


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


@pytest.mark.parametrize("name", FORMATS)
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


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_cut_off_empty_or_another_file_is_refused_by_name(name, copy):
    read = FORMATS[name][2]
    for part in parts(copy):
        whole = part.read_bytes()
        for content in (b"", whole[: len(whole) // 2], whole[:-1], b"\xff\xfe" * 99, b"[" * 10**5):
            part.write_bytes(content)
            with pytest.raises((ValueError, OSError)) as error:
                read(copy)
            assert copy.name in str(error.value), (part.name, content[:9], str(error.value))
        part.write_bytes(whole)


@pytest.mark.parametrize("name", ["preset"])
def test_a_file_of_a_digest_is_needed_by_nobody(name, copy):
    (copy / "SHA256SUMS").unlink()
    FORMATS[name][2](copy)
