"""LSTM, GRU and both directions over 40 shapes, beside keras.layers, through a Keras model.

    python benchmarks/shapes.py                       # all cells, several hours
    python benchmarks/shapes.py --only LSTM --mode predict --rows fixed --every 4
    python benchmarks/shapes.py --seconds 0.1         # shorter measurements
    python benchmarks/shapes.py --only LSTM --shape 256 336 1 128 --shape 64 96 1 128

A training cell is `train_on_batch` of a model of one layer, a prediction cell `predict_on_batch`;
rows are fixed in `keras.Input`, or open as in Keras's own examples. Both libraries take turns in
one process. A ratio is keras.layers' time to seqzoo's, the median of the rounds, with an interval
of 95 % (bootstrap of the rounds' ratios); above 1 seqzoo is faster. At the end: geometric means,
and the cells whose interval lies wholly below 0.97.
"""

from __future__ import annotations

import argparse
import gc
import math
import time
from typing import NamedTuple

import backend_option  # noqa: F401  ahead of Keras

import seqzoo as sz  # ahead of TensorFlow, for its settings of it

# isort: split
import keras
import numpy as np

SHAPES = (
    # rows, steps, features, units: fixed, whatever is measured
    *((1, 10, 16, 64), (1, 100, 64, 64), (1, 100, 64, 512), (1, 1000, 8, 128), (1, 20, 256, 1024)),
    *((2, 50, 32, 256), (4, 100, 64, 256), (4, 400, 1, 32), (8, 200, 300, 100), (8, 30, 512, 512)),
    *(
        (8, 1000, 4, 64),
        (16, 96, 7, 128),
        (16, 20, 128, 1024),
        (16, 250, 40, 320),
        (32, 30, 128, 256),
    ),
    *(
        (32, 10, 64, 64),
        (32, 336, 1, 128),
        (32, 50, 300, 300),
        (32, 100, 16, 16),
        (32, 28, 28, 128),
    ),
    *(
        (32, 200, 128, 64),
        (64, 40, 256, 512),
        (64, 24, 8, 64),
        (64, 100, 100, 100),
        (64, 500, 2, 50),
    ),
    *(
        (64, 60, 32, 256),
        (128, 50, 64, 128),
        (128, 720, 1, 128),
        (128, 20, 512, 64),
        (128, 10, 32, 512),
    ),
    *(
        (128, 100, 12, 24),
        (256, 24, 16, 32),
        (256, 10, 100, 100),
        (256, 50, 1, 64),
        (256, 30, 64, 256),
    ),
    *(
        (512, 10, 8, 16),
        (512, 24, 1, 64),
        (512, 50, 32, 32),
        (512, 20, 128, 128),
        (512, 100, 4, 16),
    ),
)
KINDS = ("LSTM", "GRU", "bidirectional LSTM")
SLOWEST = 0.97  # of keras.layers' speed


class Cell(NamedTuple):
    """One measurement: a layer of a kind on a shape."""

    kind: str
    shape: tuple[int, int, int, int]
    mode: str
    rows: str

    def __str__(self) -> str:
        return f"{self.kind} {self.shape} {self.mode} {self.rows}"


def make_step(library, cell: Cell):
    """Returns a function that runs the cell once."""
    batch, time_steps, features, units = cell.shape
    keras.utils.set_random_seed(0)
    kind = cell.kind.removeprefix("bidirectional ")
    layer = getattr(library, kind)(units)
    if cell.kind != kind:
        layer = library.Bidirectional(layer)
    rows = batch if cell.rows == "fixed" else None
    model = keras.Sequential([keras.Input((time_steps, features), batch_size=rows), layer])
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, time_steps, features)).astype("float32")
    if cell.mode == "predict":
        return lambda: model.predict_on_batch(x)
    y = rng.normal(size=(batch, model.output_shape[-1])).astype("float32")
    return lambda: model.train_on_batch(x, y)


def measure(cell: Cell, rounds: int, seconds: float) -> list[float]:
    """Returns the ratio of each round."""
    steps = [make_step(library, cell) for library in (keras.layers, sz.layers)]
    counts = []
    for step in steps:
        step()
        counts.append(max(1, round(seconds / timed(step, 2))))
    ratios = []
    for number in range(rounds):
        order = (0, 1) if number % 2 else (1, 0)
        times = dict.fromkeys(order, 0.0)
        for i in order:
            times[i] = timed(steps[i], counts[i])
        ratios.append(times[0] / times[1])
    return ratios


def timed(step, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


def interval(ratios: list[float]) -> tuple[float, float]:
    """Returns the interval of 95 % of the median."""
    rng = np.random.default_rng(0)
    drawn = np.median(rng.choice(ratios, (2000, len(ratios))), axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend")
    parser.add_argument("--only", choices=KINDS, action="append")
    parser.add_argument("--mode", choices=("train", "predict"), action="append")
    parser.add_argument("--rows", choices=("fixed", "open"), action="append")
    parser.add_argument("--every", type=int, default=1, help="take each n-th shape")
    parser.add_argument("--shape", type=int, nargs=4, action="append", help="in place of all")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one measurement")
    args = parser.parse_args()
    medians: dict[str, list[float]] = {}
    slow = []
    for mode in args.mode or ("train", "predict"):
        for kind in args.only or KINDS:
            for rows in args.rows or ("fixed", "open"):
                for shape in args.shape or SHAPES[:: args.every]:
                    cell = Cell(kind, (shape[0], shape[1], shape[2], shape[3]), mode, rows)
                    ratios = measure(cell, args.rounds, args.seconds)
                    low, high = interval(ratios)
                    median = float(np.median(ratios))
                    medians.setdefault(mode, []).append(median)
                    slow += [str(cell)] if high < SLOWEST else []
                    print(f"{cell}: {median:.2f} [{low:.2f}, {high:.2f}]", flush=True)
                    keras.utils.clear_session()
                    gc.collect()
    for mode, values in medians.items():
        mean = math.exp(sum(map(math.log, values)) / len(values))
        print(f"{mode}: geometric mean {mean:.2f} of {len(values)} cells, least {min(values):.2f}")
    print("wholly below", SLOWEST, "of keras.layers' speed:", ", ".join(slow) or "none")


if __name__ == "__main__":
    main()
