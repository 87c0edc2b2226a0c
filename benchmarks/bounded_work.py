"""What long rows, many searches and long lines cost; see `faults.py`."""

from __future__ import annotations

import gc
import io
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import tensorflow as tf
from tiny_answering_tasks import make_classifier, make_tagger
from tiny_captioners import make_captioner
from tiny_tasks import make_language_model, make_translator

from seqzoo import BeamSearch
from seqzoo.datasets.lines import line_groups

_SHORT = "a b c d e f"
BUILDERS = {
    "seq2seq": make_translator,
    "language_model": make_language_model,
    "classifier": make_classifier,
    "tagger": make_tagger,
    "captioner": lambda: make_captioner("vinyals_2015"),
}
_REPEATS = 7


def long_rows(size: int) -> dict[str, Any]:
    """For each family's export, 63 short rows with one of `size` bytes beside 64 short ones."""
    return {name: _long_row(name, build(), size) for name, build in BUILDERS.items()}


def _long_row(name: str, task: Any, size: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        task.export(f"{folder}/export")
        serve = tf.saved_model.load(f"{folder}/export/1").signatures["serving_default"]
    key = task.preprocessor.raw_spec.name
    short = _raw(name, [None] * 64, size)
    mixed = _raw(name, [None] * 63 + ["long"], size)
    usual, answers = _timed(serve, {key: short})
    before = _peak_memory()
    seconds, found = _timed(serve, {key: mixed})
    same = all(_are_same(part.numpy(), answers[key].numpy()) for key, part in found.items())
    megabytes = round(_peak_memory() - before)
    times = round(seconds / usual, 2)
    return {"times": times, "megabytes": megabytes, "others_the_same": same}


def _are_same(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether the answers of the short rows are; those of a tagger are padded to the longest."""
    found = found[:63] if found.ndim == 1 else found[:63, : wanted.shape[1]]
    if found.dtype == object:
        return np.array_equal(found, wanted[:63])
    return np.allclose(found, wanted[:63], atol=1e-5)


def _raw(name: str, rows: list, size: int) -> tf.Tensor:
    if name == "captioner":
        pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype="uint8")
        whole = tf.io.encode_png(pixels).numpy()
        # A header that announces gigabytes, and `size` bytes of what is no picture.
        bad = whole[:16] + b"\0\0\xff\xff" * 2 + bytes(size)
        return tf.constant([bad if row else whole for row in rows])
    texts = ["abcdefg " * (size // 8) if row else _SHORT for row in rows]
    if name == "tagger":
        return tf.ragged.constant([text.split() for text in texts], tf.string).to_tensor("")
    return tf.constant(texts)


def _timed(serve: Any, inputs: dict[str, tf.Tensor]) -> tuple[float, Any]:
    serve(**inputs)
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        answers = serve(**inputs)
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[_REPEATS // 2], answers


def searches(count: int) -> dict[str, Any]:
    """So many distinct searches on one task, and by how many megabytes the process grows."""
    task = make_translator("sutskever_2014")
    task.generate([_SHORT], BeamSearch(2, max_length=3))
    gc.collect()
    before = memory()
    for number in range(count):
        task.generate([_SHORT], BeamSearch(2, max_length=3, alpha=number / count))
    gc.collect()
    return {"searches": count, "megabytes": round(memory() - before)}


def lines(size: int) -> dict[str, Any]:
    """Reads a line of `size` bytes, and one of half of them, as `predict` does."""
    result: dict[str, Any] = {"told": []}
    for name, length in (("half", size // 2), ("whole", size)):
        stream = io.BytesIO(b"x" * length + b"\nend\n")
        start = time.perf_counter()
        groups = line_groups(stream, 64, tell=result["told"].append)
        found = [line for group in groups for line in group]
        assert found[1:] == ["end"]
        result[f"seconds_{name}"] = round(time.perf_counter() - start, 3)
    return result


def memory() -> float:
    """Megabytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def _peak_memory() -> float:
    """The most megabytes that this process has had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
