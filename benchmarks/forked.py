"""Origins a second where every step of a pass is one, beside a window for each origin.

    python benchmarks/forked.py

MQ-RNN with an LSTM of 128 units, a look-back of 336 and a horizon of 96 steps: a training step, and
a backtest of seven series. A training by windows has one origin a row: the same model, whose
scaling is not causal. Both sides of a comparison take turns, and medians are printed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import seqzoo as sz  # ahead of TensorFlow: it turns oneDNN on

import tensorflow as tf  # isort: skip

LOOKBACK, HORIZON, UNITS, SERIES, ROWS = 336, 96, 128, 7, 1440


def median_seconds(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """The median time of each, after one that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            begin = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - begin)
    return {name: float(np.median(each)) for name, each in times.items()}


def tell(what: str, rates: dict[str, float]) -> None:
    """Prints the origins a second of two ways, and their ratio."""
    (one, first), (other, second) = rates.items()
    print(f"{what}: {first:.0f} origins a second {one}, {second:.0f} {other}: {first / second:.0f}")


def main() -> None:
    rng = np.random.default_rng(0)
    series = [rng.normal(size=ROWS).cumsum() for _ in range(SERIES)]
    windows = sz.preprocessing.ForecastWindows(LOOKBACK, HORIZON)
    windows.adapt(series)
    point = sz.heads.Point(HORIZON)
    forked = sz.zoo.wen_2017(windows, units=UNITS, head=point)
    encoder = sz.encoders.RecurrentEncoder(None, 1, UNITS, 1, "lstm", "forward")
    network = sz.layers.EncodedWindow(encoder, "last")
    by_window = sz.Forecaster(network, sz.heads.Point(HORIZON), windows)

    steps = {}
    for name, task in (("forked", forked), ("by window", by_window)):
        task.compile()
        batches = iter(task.make_training_batches(series, None, 16, None, 0, None).dataset)
        batch, step = next(batches), tf.function(task.train_step)
        steps[name] = lambda step=step, batch=batch: step(batch)["loss"].numpy()
    seconds = median_seconds(steps, 8)
    origins = {"forked": 16 * LOOKBACK, "by window": 16}
    rates = {name: origins[name] / each for name, each in seconds.items()}
    tell("training", rates)

    cut = windows.windows(series)
    whole = windows.take_whole(cut, tf.range(SERIES, dtype=tf.int64), ROWS)
    batch, _, _ = windows.take(cut, tf.constant(cut.series[:256]), tf.constant(cut.origins[:256]))
    read, answer = tf.function(forked.from_every_step), tf.function(forked.call)
    runs = {
        "one pass": lambda: read(whole).parameters.numpy(),
        "by window": lambda: answer(batch).parameters.numpy(),
    }
    seconds = median_seconds(runs, 8)
    rates = {
        "one pass": SERIES * ROWS / seconds["one pass"],
        "by window": 256 / seconds["by window"],
    }
    tell("network and head alone", rates)

    tests = {
        "one pass": lambda: forked.backtest(series, one_pass=True),
        "by window": lambda: forked.backtest(series),
    }
    seconds = median_seconds(tests, 3)
    tell("whole backtest", {name: len(cut.origins) / each for name, each in seconds.items()})


if __name__ == "__main__":
    main()
