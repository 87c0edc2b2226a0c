"""Scores of forecasts, in NumPy; missing values count nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mse(forecast: np.ndarray, actual: np.ndarray) -> float:
    """Returns the mean of the squared errors.

    Example:
        >>> sz.metrics.mse(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        2.0
    """
    return float(np.nanmean(np.square(actual - forecast)))


def mae(forecast: np.ndarray, actual: np.ndarray) -> float:
    """Returns the mean of the absolute errors.

    Example:
        >>> sz.metrics.mae(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        1.0
    """
    return float(np.nanmean(np.abs(actual - forecast)))


def smape(forecast: np.ndarray, actual: np.ndarray) -> float:
    """Returns the symmetric mean absolute percentage error, from 0 to 200, as M4 computes it.

    Where forecast and value are both 0, it is 0.

    Example:
        >>> sz.metrics.smape(np.array([1.0]), np.array([3.0]))
        100.0
    """
    size = np.abs(forecast) + np.abs(actual)
    error = np.abs(actual - forecast)
    return 200 * float(np.nanmean(np.divide(error, size, where=size > 0, out=error * 0.0)))


def seasonal_errors(histories: Sequence[np.ndarray], season: int) -> np.ndarray:
    """Returns the mean absolute error of the seasonal naive forecast within each history `(N,)`.

    It is NaN for a history that is no longer than a season, or repeats itself exactly.

    Args:
        histories: Arrays `(L,)` of any lengths, NaN where missing.
        season: Positive int, steps.

    Example:
        >>> sz.metrics.seasonal_errors([np.array([1.0, 2.0, 4.0, 3.0])], season=2).tolist()
        [2.0]
    """
    errors = np.full(len(histories), np.nan)
    for i, history in enumerate(histories):
        gaps = np.abs(history[season:] - history[:-season])
        if np.isfinite(gaps).any() and np.nanmean(gaps) > 0:
            errors[i] = np.nanmean(gaps)
    return errors


def mase(
    forecast: np.ndarray, actual: np.ndarray, histories: Sequence[np.ndarray], season: int
) -> float:
    """Returns the mean absolute scaled error: the mean over series of error / seasonal error.

    Series whose seasonal error is 0 or unknown are left out.

    Args:
        forecast: `(N, H)`.
        actual: `(N, H)`.
        histories: N arrays `(L,)`, what was known before.
        season: Positive int, steps.

    Reference: Hyndman and Koehler, 2006, https://doi.org/10.1016/j.ijforecast.2006.03.001

    Example:
        >>> history = np.array([1.0, 2.0, 4.0, 3.0])
        >>> sz.metrics.mase(np.array([[4.0]]), np.array([[5.0]]), [history], season=2)
        0.5
    """
    errors = np.nanmean(np.abs(actual - forecast), axis=1)
    return float(np.nanmean(errors / seasonal_errors(histories, season)))


def owa(smape: float, mase: float, naive_smape: float, naive_mase: float) -> float:
    """Returns the overall weighted average of M4: sMAPE and MASE beside those of Naive2.

    Example:
        >>> sz.metrics.owa(smape=9.0, mase=1.0, naive_smape=18.0, naive_mase=2.0)
        0.5
    """
    return (smape / naive_smape + mase / naive_mase) / 2


def coverage(low: np.ndarray, high: np.ndarray, actual: np.ndarray) -> float:
    """Returns the share of the values that lie within an interval.

    Example:
        >>> sz.metrics.coverage(np.zeros(4), np.ones(4), np.array([0.5, 2.0, 1.0, np.nan]))
        0.6666666666666666
    """
    inside = (actual >= low) & (actual <= high)
    return float(np.mean(inside[np.isfinite(actual)]))


def msis(
    low: np.ndarray,
    high: np.ndarray,
    actual: np.ndarray,
    histories: Sequence[np.ndarray],
    season: int,
    level: float = 0.95,
) -> float:
    """Returns the mean scaled interval score: width and misses over the seasonal error.

    Args:
        low: `(N, H)`, lower ends of the intervals.
        high: `(N, H)`, upper ends.
        actual: `(N, H)`.
        histories: N arrays `(L,)`, what was known before.
        season: Positive int, steps.
        level: Share of the values that should lie inside.

    Reference: Gneiting and Raftery, 2007, https://doi.org/10.1198/016214506000001437; as in M4.

    Example:
        >>> history, ends = np.array([1.0, 2.0, 4.0, 3.0]), np.array([[4.0]])
        >>> sz.metrics.msis(ends, ends + 2, np.array([[5.0]]), [history], season=2)
        1.0
    """
    alpha = 1 - level
    below, above = np.maximum(low - actual, 0), np.maximum(actual - high, 0)
    score = np.nanmean(high - low + 2 / alpha * (below + above), axis=1)
    return float(np.nanmean(score / seasonal_errors(histories, season)))


def weighted_quantile_loss(
    quantiles: np.ndarray, actual: np.ndarray, levels: Sequence[float]
) -> float:
    """Returns twice the pinball loss of all levels over the sum of the absolute values.

    With many levels it is the continuous ranked probability score, scaled.

    Args:
        quantiles: `(…, levels)`.
        actual: `(…)`.
        levels: Above 0 and below 1.

    Reference: Salinas et al., 2020, https://arxiv.org/abs/1704.04110

    Example:
        >>> quantiles = np.array([[1.0, 3.0]])
        >>> sz.metrics.weighted_quantile_loss(quantiles, np.array([4.0]), levels=(0.5, 0.5))
        0.5
    """
    error = actual[..., None] - quantiles
    shares = np.asarray(levels)
    pinball = np.maximum(shares * error, (shares - 1) * error)
    sums = 2 * np.nansum(pinball.reshape(-1, len(shares)), axis=0)
    return float(np.mean(sums) / np.nansum(np.abs(actual)))
