"""Naive forecasts against NumPy."""

import numpy as np

from seqzoo.ops.naive_forecasts import drift, repeat_last, seasonal_naive

RNG = np.random.default_rng(0)
HISTORY = RNG.normal(size=(3, 7, 2)).astype("float32")


def test_the_last_value_and_the_last_season_are_repeated():
    last = np.asarray(repeat_last(HISTORY, 4))
    np.testing.assert_array_equal(last, np.repeat(HISTORY[:, -1:], 4, axis=1))
    seasons = np.asarray(seasonal_naive(HISTORY, 5, season=3))
    np.testing.assert_array_equal(seasons, HISTORY[:, [4, 5, 6, 4, 5]])
    np.testing.assert_array_equal(seasonal_naive(HISTORY, 7, season=99), HISTORY)


def test_drift_goes_on_from_the_first_real_step_through_the_last():
    mask = np.array([[True] * 7, [False] * 4 + [True] * 3, [False] * 6 + [True]])
    found = np.asarray(drift(HISTORY, mask, 3))
    for row, count in enumerate((7, 3, 1)):
        last, first = HISTORY[row, -1], HISTORY[row, 7 - count]
        slope = (last - first) / (count - 1) if count > 1 else 0
        want = last + np.arange(1, 4)[:, None] * slope
        np.testing.assert_allclose(found[row], want, rtol=1e-5)
