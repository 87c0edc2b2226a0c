"""Exponential smoothing against its equations, step by step in float64."""

import numpy as np
import pytest
from keras import ops

from seqzoo.ops.exponential_smoothing import smooth

B, H = 4, 9
RNG = np.random.default_rng(0)


def example(length, seasons):
    values = RNG.normal(size=(B, length)) + 3
    observed = RNG.random((B, length)) > 0.2
    observed[0] = True
    observed[1, : length // 3] = False
    observed[2] = False
    rates = [RNG.uniform(0.05, 0.95, size=(B, 1)) for _ in range(1 + len(seasons))]
    return values, observed, rates


def first_parts(values, observed, seasons):
    """Level and indices before the first step, as the definition says."""
    period, rest = seasons[0], values.copy()
    for begin in range(len(values) - period, -period, -period):
        rows = slice(max(begin, 0), begin + period)
        if observed[rows].any():
            rest[rows] -= values[rows][observed[rows]].mean()
    indices = []
    for season in seasons:
        first = -len(values) % period  # the phase of the first value; blocks end with the last one
        phases = (np.arange(len(values)) + first) % season
        own = np.zeros(season)
        for phase in range(season):
            chosen = (phases == phase) & observed
            own[phase] = rest[chosen].mean() if chosen.any() else 0.0
        rest = rest - own[phases]
        indices.append({t: own[phases[t]] for t in range(len(values))} | {"own": own})
    level = values[observed].mean() if observed.any() else 0.0
    return level, indices, first


def smooth_slowly(values, observed, rates, seasons, horizon):
    level, indices, first = first_parts(values, observed, seasons)
    table = [
        {t: each["own"][(t + first) % season] for t in range(season)}
        for each, season in zip(indices, seasons, strict=True)
    ]
    levels, seasonal = [], []
    for t, value in enumerate(values):
        total = sum(each[t] for each in table)
        if observed[t]:
            level = level + rates[0] * (value - total - level)
        left = value - level - total if observed[t] else 0.0
        for each, season, rate in zip(table, seasons, rates[1:], strict=True):
            each[t + season] = each[t] + rate * left
        levels.append(level)
        seasonal.append(total)
    for each, season in zip(table, seasons, strict=True):
        for t in range(len(values), len(values) + horizon):
            each.setdefault(t + season, each[t])
    ahead = [sum(each[len(values) + h] for each in table) for h in range(horizon)]
    return levels, seasonal, ahead


@pytest.mark.parametrize(("length", "seasons"), [(24, (4,)), (22, (3, 6)), (31, (5, 7)), (5, (8,))])
def test_a_scan_over_seasons_gives_what_steps_give(length, seasons):
    values, observed, rates = example(length, seasons)
    dirty = ops.convert_to_tensor(np.where(observed, values, 1e6))
    found = smooth(dirty, ops.convert_to_tensor(observed), rates[0], rates[1:], seasons, H)
    for row in range(B):
        own = [float(rate[row, 0]) for rate in rates]
        want = smooth_slowly(values[row], observed[row], own, seasons, H)
        for part, expected in zip(found, want, strict=True):
            np.testing.assert_allclose(np.asarray(part)[row], expected, atol=1e-12)


def test_rates_near_their_ends_are_exact_enough_in_single_precision():
    steps = np.arange(48.0)
    values = (np.sin(steps) + 0.1 * steps)[None].repeat(3, axis=0)
    level_rate = np.array([[1e-6], [0.5], [1 - 1e-6]])
    rate = np.array([[0.0], [0.5], [1.0]])
    single, double = (
        smooth(
            *(ops.cast(values, d), np.ones((3, 48), bool), ops.cast(level_rate, d)),
            *([ops.cast(rate, d)], (12,), 5),
        )
        for d in ("float32", "float64")
    )
    for low, high in zip(single, double, strict=True):
        np.testing.assert_allclose(low, high, atol=2e-5)
