"""Files of every format with one bit flipped, and what reading them does."""

from __future__ import annotations

import functools
import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import seqzoo as sz  # ahead of Keras, for its settings of TensorFlow

# isort: split
import keras

from seqzoo.datasets import streams
from seqzoo.preprocessing import ByteTokenizer, SubwordTokenizer, WordTokenizer, tokenised
from seqzoo.training.checkpoint_files import Checkpoint, last_checkpoint, write_checkpoint

PAIRS = [("a b", "b a"), ("c", "c"), ("b c a", "a c b")]


class Format(NamedTuple):
    """How a format is written and read.

    Attributes:
        name: Of the file or folder.
        write: Takes its path.
        read: Takes its path; returns what can be compared with `==`.
    """

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], Any]


@functools.cache
def _task() -> Any:
    words = WordTokenizer(normalization=None, vocabulary=["", "<unk>", "<start>", "<end>", *"abc"])
    keras.utils.set_random_seed(3)
    task = sz.zoo.sutskever_2014(words, words, units=4, layers=1, embedding_dim=3)
    task.compile(run_eagerly=True)
    return task


def _content(task: Any) -> Any:
    config = json.dumps(task.get_config(), sort_keys=True, default=str)
    variables = [*task.variables, *(task.optimizer.variables if task.compiled else ())]
    return config, [np.asarray(each).tobytes() for each in variables]


def _write_checkpoints(path: Path) -> None:
    """Writes two, of which the last is damaged then."""
    kind, keys, *rest = np.random.RandomState(3).get_state()
    for step in (3, 4):
        kernel = np.arange(600, dtype="float32").reshape(20, 30) + step
        state = {
            "step": step,
            "epoch": 0,
            "batch": step,
            "stopped": False,
            "made_by": {"seqzoo": sz.__version__},
            "data": {"checksum": 1},
            "variables": [["kernel", [20, 30]]],
            "random": {
                "python": random.Random(3).getstate(),
                "numpy": [kind, keys.tolist(), *rest],
            },
            "tables": [[["1", "0.5"]] * 9],
            "early_stopping": {},
            "plateau": {},
        }
        write_checkpoint(path.parent, Checkpoint(state, [kernel], [kernel], [np.ones(2)]))


def _read_checkpoint(path: Path) -> Any:
    """The last whole one; `_OlderReadError` if that is the one before, which must be whole."""
    found, damaged = last_checkpoint(path.parent)
    assert found is not None
    content = json.dumps(found.state), [[v.tobytes() for v in values] for values in found[1:]]
    if not damaged:
        return content
    if found.state["step"] != 3 or damaged[0][0] != path:
        raise AssertionError(f"step {found.state['step']} after {damaged}")
    raise _OlderReadError(f"{path}: {damaged[0][1]}")


class _OlderReadError(ValueError):
    """An older checkpoint was read."""


def _subwords() -> SubwordTokenizer:
    tokenizer = SubwordTokenizer(20)
    tokenizer.adapt(["hello world", "hell"])
    return tokenizer


def _stream(path: Path) -> Any:
    raw = path.parent / "raw.tsv"
    raw.write_text("".join(f"{source}\t{target}\n" for source, target in PAIRS))
    return tokenised(streams.tab_separated(raw), _task().preprocessor, path)


def _read_stream(path: Path) -> Any:
    stream = _stream(path)
    return [str(row) for name in stream.names for row in stream.read(name).as_numpy_iterator()]


FORMATS = {
    "checkpoint": Format("step-000000004.npz", _write_checkpoints, _read_checkpoint),
    "preset": Format(
        "preset", lambda path: _task().save_preset(path), lambda p: _content(sz.from_preset(p))
    ),
    "keras": Format(
        "task.keras", lambda path: _task().save(path), lambda path: _content(sz.load(path))
    ),
    "words": Format(
        "words.json",
        lambda path: WordTokenizer(
            vocabulary=["", "<unk>", "<start>", "<end>", "a", "é", "\n", "["]
        ).save_vocabulary(path),
        lambda path: WordTokenizer.load_vocabulary(path).vocabulary,
    ),
    "bytes": Format(
        "bytes.json",
        lambda path: ByteTokenizer().save_vocabulary(path),
        lambda path: ByteTokenizer.load_vocabulary(path).vocabulary,
    ),
    "subwords": Format(
        "words.model",
        lambda path: _subwords().save_vocabulary(path),
        lambda path: SubwordTokenizer.load_vocabulary(path).model,
    ),
    "stream": Format("ids", _stream, _read_stream),
}


def flip(name: str, count: int, seed: int) -> Counter[str]:
    """Counts what becomes of so many flipped bits, one at a time.

    Returns:
        `refused`: a ValueError or OSError that names the file; `older read`: the same, and an
        older whole checkpoint was read; `same content`: what was read is what was written;
        `silent`: something else was read; `other errors`.
    """
    form, moments = FORMATS[name], random.Random(seed)
    counts: Counter[str] = Counter({"silent": 0, "other errors": 0})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, form.name)
        form.write(path)
        wanted = form.read(path)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        contents = {file: file.read_bytes() for file in files}
        for _ in range(count):
            file = moments.choice(files)
            damaged = bytearray(contents[file])
            damaged[moments.randrange(len(damaged))] ^= 1 << moments.randrange(8)
            file.write_bytes(damaged)
            counts[_outcome(form, path, wanted)] += 1
            file.write_bytes(contents[file])
    return counts


def _outcome(form: Format, path: Path, wanted: Any) -> str:
    try:
        return "same content" if form.read(path) == wanted else "silent"
    except _OlderReadError:
        return "older read"
    except (ValueError, OSError) as error:
        return "refused" if form.name in str(error) else "other errors"
    except Exception:
        return "other errors"
