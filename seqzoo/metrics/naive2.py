"""Naive2, the forecast that M4 takes as its yardstick, in NumPy."""

from __future__ import annotations

import numpy as np

_CRITICAL = 1.645  # standard deviations: 90 % of a normal distribution


def naive2(history: np.ndarray, horizon: int, season: int) -> np.ndarray:
    """Returns Naive2 of a history `(L,)` without gaps, `(H,)`: the last value, deseasonalised.

    Where `is_seasonal` says so, the history is divided by seasonal indices, its last value is
    repeated, and the indices are multiplied on.

    Args:
        history: Array `(L,)`.
        horizon: Positive int, steps.
        season: Positive int, steps.

    Reference: Makridakis et al., 2020, https://doi.org/10.1016/j.ijforecast.2019.04.014

    Example:
        >>> history = np.tile([1.0, 2.0, 3.0], 6)
        >>> sz.metrics.naive2(history, horizon=4, season=3).round(6).tolist()
        [1.0, 2.0, 3.0, 1.0]
    """
    count = len(history)
    indices = np.ones(season)
    if is_seasonal(history, season):
        indices = seasonal_indices(history, season)
    level = history[-1] / indices[(count - 1) % season]
    return level * indices[np.arange(count, count + horizon) % season]


def is_seasonal(history: np.ndarray, season: int) -> bool:
    """Returns whether the autocorrelation at the lag of a season is significant at 90 %.

    A history of fewer than three seasons is not seasonal, nor is a constant one.

    Args:
        history: Array `(L,)`, without gaps.
        season: Positive int, steps.

    Example:
        >>> sz.metrics.is_seasonal(np.tile([1.0, 2.0, 3.0], 6), season=3)
        True
    """
    count = len(history)
    if season < 2 or count < 3 * season:
        return False
    centred = history - history.mean()
    energy = centred @ centred
    if energy == 0:
        return False
    lags = np.array([centred[lag:] @ centred[:-lag] for lag in range(1, season + 1)]) / energy
    limit = _CRITICAL * np.sqrt((1 + 2 * np.sum(lags[:-1] ** 2)) / count)
    return bool(abs(lags[-1]) > limit)


def seasonal_indices(history: np.ndarray, season: int) -> np.ndarray:
    """Returns the indices of the classical multiplicative decomposition `(season,)`, of mean 1.

    An index is the mean, over the seasons, of the value over the centred moving mean around it;
    the first one is that of the first step of the history.

    Args:
        history: Array `(L,)` of two seasons at least, without gaps.
        season: Int of at least 2, steps.

    Example:
        >>> history = np.tile([1.0, 2.0, 3.0], 6)
        >>> sz.metrics.seasonal_indices(history, season=3).round(6).tolist()
        [0.5, 1.0, 1.5]
    """
    weights = np.full(season, 1 / season)
    if season % 2 == 0:
        weights = np.concatenate([[0.5], np.ones(season - 1), [0.5]]) / season
    half = len(weights) // 2
    ratios = history[half:-half] / np.convolve(history, weights, "valid")
    steps = np.arange(half, len(history) - half) % season
    sums = np.bincount(steps, ratios, minlength=season)
    figures = sums / np.bincount(steps, minlength=season)
    return figures / figures.mean()
