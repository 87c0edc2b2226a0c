"""Clients that send good and bad rows to the exports of every family at once; see `faults.py`."""

from __future__ import annotations

import copy
import ctypes
import gc
import itertools
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from bounded_work import BUILDERS, memory

_SHARE = 0.45  # of one core, for all clients together
_BAD_ROWS, _WRONG = 0.04, 0.04  # of rows, of requests
_MOST_ROWS = 24  # of a request
_TOLERANCE = 1e-4  # of scores and probabilities, in batches of other shapes

_GOOD = [
    " ".join("abcdefg"[(start + i) % 7] for i in range(count)).encode()
    for start in range(7)
    for count in (1, 3, 6, 20)
]
_BAD = [
    *(b"", b" ", b"\0", b"a\tb\nc", b"zz unknown zz", b"a" * 300, "é".encode() * 50),
    *(b"\xff\xfe", b"a \x80 b", b"\xed\xa0\x80", b"a \xc3", bytes(range(256))),
    *(b"a b " * 200, b"g" * 5_000, b"a b " * 2_500, b"a " * 40_000, b"x" * 1_000_000),
]


def _pictures() -> tuple[list[bytes], list[bytes]]:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), dtype="uint8")
    good = [tf.io.encode_png(each).numpy() for each in pixels]
    good += [tf.io.encode_jpeg(each).numpy() for each in pixels]
    large = tf.io.encode_png(np.zeros((700, 900, 3), "uint8")).numpy()
    announced = good[0][:16] + b"\0\0\xff\xff" * 2 + good[0][24:]
    bad = [b"", b"no picture", good[0][:40], good[-1][:-90], bytes(100_000), announced, large]
    damaged = [good[0][:60] + b"\xff" + good[0][61:], b"GIF89a" + bytes(30), b"BM" + bytes(60)]
    return good, bad + damaged


def _rows(name: str) -> tuple[list[bytes], list[bytes]]:
    if name == "captioner":
        return _pictures()
    if name == "tagger":  # rows of tokens
        return _GOOD, [b" ".join(row.split()) for row in _BAD]
    return _GOOD, _BAD


class Family:
    """An export, the rows that are sent to it, and the first answer to each of them."""

    def __init__(self, name: str, folder: Path):
        task = BUILDERS[name]()
        task.export(folder)
        self.name, self.key = name, task.preprocessor.raw_spec.name
        self.serve = tf.saved_model.load(str(folder / "1")).signatures["serving_default"]
        self.good, self.bad = _rows(name)
        self._first: dict[bytes, list[Any]] = {}

    def inputs(self, rows: list[bytes]) -> dict[str, tf.Tensor]:
        if self.name != "tagger":
            return {self.key: tf.constant(rows, tf.string, [len(rows)])}
        tokens = [row.split() for row in rows]
        width = max((len(each) for each in tokens), default=0)
        padded = [[*each, *[b""] * (width - len(each))] for each in tokens]
        return {self.key: tf.constant(padded, tf.string, [len(rows), width])}

    def send(self, rows: list[bytes]) -> int:
        """Sends a request; returns how many of its rows have another answer than before."""
        answers = {name: each.numpy() for name, each in self.serve(**self.inputs(rows)).items()}
        found = [self._answer(answers, index) for index in range(len(rows))]
        first = [self._first.setdefault(row, each) for row, each in zip(rows, found, strict=True)]
        return len(rows) - sum(map(_are_same, first, found))

    def _answer(self, answers: dict[str, np.ndarray], index: int) -> list[Any]:
        parts = [copy.copy(answers[name][index]) for name in sorted(answers)]
        if self.name == "tagger":  # its rows are padded with "" to the longest
            parts = [list(itertools.takewhile(bool, part)) for part in parts]
        return parts

    def send_wrong(self, draw: random.Random) -> None:
        """Sends what is no request; raises the error that it gets."""
        text = tf.constant(["a"])
        self.serve(
            **draw.choice(
                [
                    {self.key: tf.constant([1.5])},
                    {self.key: tf.constant([[[b"a"]]])},
                    {self.key: tf.constant(7)},
                    {"unknown": text},
                    {self.key: text, "unknown": text},
                    {},
                ]
            )
        )


def _are_same(first: list[Any], found: list[Any]) -> bool:
    return all(
        np.shape(one) == np.shape(other)
        and (
            np.allclose(one, other, atol=_TOLERANCE)
            if isinstance(one, np.ndarray) and one.dtype != object
            else np.array_equal(one, other)
        )
        for one, other in zip(first, found, strict=True)
    )


def _request(families: list[Family], draw: random.Random) -> tuple[Counter[str], str | None]:
    """Sends a request; returns what to count, and the error that nobody asked for, if any."""
    family, wrong = draw.choice(families), draw.random() < _WRONG
    rows = [
        draw.choice(family.bad if draw.random() < _BAD_ROWS else family.good)
        for _ in range(draw.randint(0, _MOST_ROWS))
    ]
    counts = Counter({"requests": 1})
    try:
        if not wrong:
            counts.update({"rows": len(rows), "different": family.send(rows)})
            return counts, None
        family.send_wrong(draw)
        return counts, f"{family.name}: no error for what is no request"
    except Exception as error:
        if wrong and isinstance(error, (TypeError, ValueError, tf.errors.InvalidArgumentError)):
            counts.update({"errors asked for": 1})
            return counts, None
        return counts, f"{family.name}: {type(error).__name__}: {error}"[:300]


class _Heap(ctypes.Structure):
    """What `mallinfo2` of glibc returns."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def _memory_in_use() -> float:
    """Megabytes that were asked of glibc and not freed, without what it keeps for later."""
    gc.collect()
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = _Heap
    heap = mallinfo()
    return (heap.uordblks + heap.hblkhd) / 2**20


def load(minutes: float, clients: int, seed: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Lets clients send requests, and looks at answers, errors and memory.

    Returns:
        `requests`, `rows`; `errors asked for`, those of requests that are none; `unexpected`, the
        other errors, by their text; `different`, rows whose answer was not the first to the same
        row; `megabytes` after the first minute and then each minute; `growth`, from the first of
        these to the last, and from the middle one; `growth_in_use`, the same of the memory that
        is not free, after the first minute and in the end; `cores`, the processor time over the
        time.
    """
    with tempfile.TemporaryDirectory() as folder:
        families = [Family(name, Path(folder, name)) for name in BUILDERS]
    counts = Counter({"requests": 0, "rows": 0, "errors asked for": 0, "different": 0})
    unexpected: Counter[str] = Counter()
    megabytes: list[float] = []
    in_use: list[float] = []
    begin, used, lock = time.monotonic(), time.process_time(), threading.Lock()
    end = begin + 60 * minutes

    def client(number: int) -> None:
        draw = random.Random(f"{seed} {number}")
        while time.monotonic() < end:
            found, error = _request(families, draw)
            with lock:
                counts.update(found)
                unexpected.update([error] if error else [])
            while time.monotonic() < end and share() > _SHARE:
                time.sleep(draw.uniform(0.02, 0.2))

    def share() -> float:
        return (time.process_time() - used) / (time.monotonic() - begin)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(max(0.0, min(begin + 60 * (len(megabytes) + 1), end) - time.monotonic()))
        megabytes.append(round(memory(), 1))
        tell(f"{len(megabytes)} min: {megabytes[-1]} MB, {dict(counts)}, {dict(unexpected)}")
        for thread in threads:
            thread.join(0 if time.monotonic() < end else None)
        if len(megabytes) == 1 or time.monotonic() >= end:
            in_use.append(_memory_in_use())
    return {
        "minutes": minutes,
        **counts,
        "unexpected": dict(unexpected),
        "megabytes": megabytes,
        "growth": round(megabytes[-1] - megabytes[0], 1),
        "growth_of_second_half": round(megabytes[-1] - megabytes[len(megabytes) // 2], 1),
        "growth_in_use": round(in_use[-1] - in_use[0], 1),
        "cores": round(share(), 2),
    }
