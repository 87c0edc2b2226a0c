"""A check that no origin of a pass over a window has a gradient from the steps after it."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo.backtesting.look_ahead import LookAheadError


def check_causal_gradients(forecaster: Any, data: Any, windows: int = 4, seed: int = 0) -> int:
    """Raises `LookAheadError` where a forecast from a step has a gradient from a later step.

    For a forecaster that learns from every step as an origin, whose network and scaling must not
    look ahead within a window. One that forecasts from the end of its window alone has nothing
    ahead to look at; `prove_no_look_ahead` is for what happens around it.

    Args:
        forecaster: A `Forecaster` in whose training every step is an origin.
        data: Series in any form of `read_panel`.
        windows: Positive int, windows that are looked at.
        seed: Of their choice.

    Returns:
        How many pairs of a step and a later one were checked.

    Raises:
        LookAheadError: naming series, row and column of the largest gradient from ahead.
        ValueError: if the forecaster has one origin in each window.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=5, horizon=2)
        >>> windows.adapt(np.arange(20.0))
        >>> forecaster = sz.zoo.wen_2017(windows, units=3)
        >>> sz.backtesting.check_causal_gradients(forecaster, np.arange(20.0))
        40
    """
    if not forecaster.is_forked:
        raise ValueError(
            "Gradients are checked where every step of a window is an origin. Received: a "
            "forecaster with one origin, the end of its window. Use `prove_no_look_ahead`."
        )
    preprocessor = forecaster.preprocessor
    panel = preprocessor.read(data)
    cut = preprocessor.windows(panel)
    count = min(windows, len(cut.origins))
    chosen = np.random.default_rng(seed).choice(len(cut.origins), count, replace=False)
    series, origins = cut.series[chosen], cut.origins[chosen]
    x, _, _ = preprocessor.take(cut, tf.constant(series), tf.constant(origins))
    gradients = _from_each_step(forecaster, x)  # (L, B, L, C + P)
    steps = np.arange(preprocessor.lookback)
    ahead = np.abs(gradients) * (steps[None] > steps[:, None])[:, None, :, None]
    if ahead.any():
        step, window, later, column = np.unravel_index(np.argmax(ahead), ahead.shape)
        begin = origins[window] - preprocessor.lookback - panel.starts[series[window]]
        names = [*panel.columns.targets, *panel.columns.past]
        raise LookAheadError(
            f"The forecast from row {begin + step} depends on what comes after it: on series "
            f"{panel.names[series[window]]!r}, row {begin + later}, column {names[column]!r}, with "
            f"a gradient of {gradients[step, window, later, column]:.3g}."
        )
    return count * len(steps) * (len(steps) - 1) // 2


def _from_each_step(forecaster: Any, x: dict[str, tf.Tensor]) -> np.ndarray:
    """Gradients `(L, B, L, C + P)` of the forecasts from each step by the values of all steps."""
    history = x["history"]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(history)
        forecast = forecaster.head.decide(forecaster(x | {"history": history}, training=True))
        sums = [tf.reduce_sum(forecast[:, step]) for step in range(history.shape[1])]
    zeros = tf.zeros_like(history)
    found = [tape.gradient(each, history) for each in sums]
    return np.stack([(zeros if each is None else each).numpy() for each in found])
