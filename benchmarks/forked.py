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
    print("training, origins a second:", {name: round(each) for name, each in rates.items()})
    print(f"forked to windows: {rates['forked'] / rates['by window']:.0f}")

    count = len(windows.windows(series).origins)
    tests = {
        "one pass": lambda: forked.backtest(series, one_pass=True),
        "by window": lambda: forked.backtest(series),
    }
    seconds = median_seconds(tests, 3)
    print("backtest, origins a second:", {n: round(count / each) for n, each in seconds.items()})
    print(f"one pass to windows: {seconds['by window'] / seconds['one pass']:.0f}")


if __name__ == "__main__":
    main()
