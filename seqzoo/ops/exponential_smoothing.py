"""Exponential smoothing of series with seasons, each by its own rates: a scan over seasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras import ops


class Smoothed(NamedTuple):
    """The parts of smoothed series.

    Attributes:
        levels: `(B, L)`, after each step.
        seasonal: `(B, L)`, the sum of the seasonal indices of each step, as they stood before it.
        ahead: `(B, H)`, that of the steps to come.

    Example:
        >>> tuple(sz.ops.exponential_smoothing.Smoothed(1, 2, 3))
        (1, 2, 3)
    """

    levels: Any
    seasonal: Any
    ahead: Any


def smooth(
    values: Any,
    observed: Any,
    level_rate: Any,
    season_rates: Sequence[Any],
    seasons: Sequence[int],
    horizon: int,
) -> Smoothed:
    """Smooths series into a level and seasonal indices that add up.

        level[t] = level[t-1] + a (y[t] - s[t] - level[t-1])
        s[t+m]   = s[t] + g (y[t] - level[t] - s[t])          for each season of m steps

    where `s[t]` in the first line is the sum over all seasons, and in the second one's own beside
    that sum: each takes its share g of what all of them leave. A step that is not observed changes
    nothing. The level begins with the mean of the observed values, and the indices of a season with
    the means of what is left at its steps by the level of each shortest season and by the shorter
    seasons. Of logarithms, it is multiplicative smoothing.

    Within the shortest season all indices are known before it, so that its levels are a parallel
    scan: the loop takes a step for each season, not for each value.

    Args:
        values: Float tensor `(B, L)`, where L is fixed; what stands where nothing was observed does
            not matter.
        observed: Boolean `(B, L)`.
        level_rate: `(B, 1)`, a, from above 0 to below 1.
        season_rates: `(B, 1)` for each season, g, from 0 to 1.
        seasons: Steps of each, ascending; none is below the first.
        horizon: H.

    Reference: Smyl, 2020, https://doi.org/10.1016/j.ijforecast.2019.03.017
    Differs from the paper: rates and first indices are not learned together: the latter are means.

    Example:
        >>> values, rate = np.array([[1.0, 3.0, 1.0, 3.0]]), np.array([[0.5]])
        >>> observed = np.ones((1, 4), bool)
        >>> parts = sz.ops.exponential_smoothing.smooth(values, observed, rate, [rate], [2], 3)
        >>> parts.levels.numpy().tolist(), parts.ahead.numpy().tolist()
        ([[2.0, 2.0, 2.0, 2.0]], [[-1.0, 1.0, -1.0]])
    """
    period, steps = seasons[0], values.shape[1]
    missing = -steps % period
    values = ops.pad(values, [[0, 0], [missing, 0]])
    observed = ops.pad(observed, [[0, 0], [missing, 0]])
    weight = ops.cast(observed, values.dtype)
    values = ops.where(observed, values, 0.0)
    count = (steps + missing) // period
    blocks = ops.reshape(values, (-1, count, period))
    weights = ops.reshape(weight, (-1, count, period))
    rest = (blocks - _mean(blocks, weights, 2)) * weights
    indices = _first_indices(ops.reshape(rest, (-1, count * period)), weight, seasons)
    rates = level_rate[..., None] * weights
    decays = _decays(1.0 - rates)
    level = _mean(values, weight, 1)
    levels, seasonal = [], []
    for block in range(count):
        now = [each[:, :period] for each in indices]
        total, seen = sum(now), weights[:, block]
        smoothed = rates[:, block] * (blocks[:, block] - total)
        for i, decay in enumerate(decays[:-1]):
            smoothed = smoothed + decay[:, block] * _later(smoothed, 2**i)
        smoothed = smoothed + decays[-1][:, block] * level
        left = (blocks[:, block] - smoothed - total) * seen
        indices = [
            ops.concatenate([each[:, period:], own + rate * left], axis=1)
            for each, own, rate in zip(indices, now, season_rates, strict=True)
        ]
        level = smoothed[:, -1:]
        levels.append(smoothed)
        seasonal.append(total)
    times = [-(-horizon // season) for season in seasons]
    ahead = [ops.tile(e, (1, n))[:, :horizon] for e, n in zip(indices, times, strict=True)]
    levels, seasonal = (ops.concatenate(e, axis=1)[:, missing:] for e in (levels, seasonal))
    return Smoothed(levels, seasonal, sum(ahead))


def _mean(values, weights, axis: int):
    """The weighted mean along an axis, which stays; 0 where there is no weight."""
    total = ops.sum(values * weights, axis=axis, keepdims=True)
    return total / ops.maximum(ops.sum(weights, axis=axis, keepdims=True), 1.0)


def _first_indices(rest, weight, seasons):
    """The indices of each season `(B, m)` from the first step on, means of what is left."""
    indices, steps = [], rest.shape[1]
    for season in seasons:
        behind = [[0, 0], [0, -steps % season]]
        shape = (-1, (steps + behind[1][1]) // season, season)
        rest_of, weight_of = (ops.reshape(ops.pad(e, behind), shape) for e in (rest, weight))
        own = _mean(rest_of, weight_of, 1)[:, 0]
        indices.append(own)
        rest = (rest - ops.tile(own, (1, shape[1]))[:, :steps]) * weight
    return indices


def _decays(keep):
    """What 1, 2, 4 … steps leave of a level, and all from the first of a season on, `(B, N, m)`."""
    decays = [keep]
    while 2 ** (len(decays) - 1) < keep.shape[2]:
        decays.append(decays[-1] * _later(decays[-1], 2 ** (len(decays) - 1), 1.0))
    return decays


def _later(values, steps: int, first: float = 0.0):
    """Values `(…, m)` that stand some steps later, behind as many of another."""
    before = ops.full_like(values[..., :steps], first)
    return ops.concatenate([before, values[..., : values.shape[-1] - steps]], axis=-1)
