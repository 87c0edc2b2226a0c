"""Naive2 against its definitions, written as loops, and against what M4 and others published."""

import os
from pathlib import Path

import numpy as np
import pytest

from seqzoo import metrics
from seqzoo.datasets import series as series_of

RNG = np.random.default_rng(0)


def waves(length, season, strength=1.0):
    steps = np.arange(length)
    return (10 + 0.1 * steps) * (1 + strength * 0.3 * np.sin(steps * 2 * np.pi / season)) + (
        RNG.normal(size=length)
    )


def slow_indices(history, season):
    ratios = [[] for _ in range(season)]
    half = season // 2
    for t in range(half, len(history) - half):
        around = history[t - half : t + half + 1].copy()
        if season % 2 == 0:
            around[0] /= 2
            around[-1] /= 2
        ratios[t % season].append(history[t] / (around.sum() / season))
    means = np.array([np.mean(each) for each in ratios])
    return means / np.mean(means)


def slow_autocorrelation(history, lag):
    centred = [value - np.mean(history) for value in history]
    products = [centred[t] * centred[t - lag] for t in range(lag, len(history))]
    return sum(products) / sum(value**2 for value in centred)


@pytest.mark.parametrize(("length", "season"), [(50, 4), (47, 5), (31, 12)])
def test_seasonal_indices_are_means_of_values_over_the_centred_moving_mean(length, season):
    history = waves(length, season)
    found = metrics.seasonal_indices(history, season)
    np.testing.assert_allclose(found, slow_indices(history, season), rtol=1e-12)


@pytest.mark.parametrize("strength", [0.0, 0.2, 1.0])
def test_a_season_is_seen_by_its_autocorrelation(strength):
    season, history = 6, waves(40, 6, strength)
    lags = [slow_autocorrelation(history, lag) for lag in range(1, season + 1)]
    limit = 1.645 * np.sqrt((1 + 2 * sum(r**2 for r in lags[:-1])) / len(history))
    assert metrics.is_seasonal(history, season) == (abs(lags[-1]) > limit)


def test_short_and_constant_histories_and_those_without_seasons_repeat_the_last_value():
    for history, season in ((waves(17, 6), 6), (np.full(40, 3.0), 6), (waves(40, 6), 1)):
        assert not metrics.is_seasonal(history, season)
        assert metrics.naive2(history, 3, season).tolist() == [history[-1]] * 3


def test_the_last_deseasonalised_value_is_repeated_and_the_indices_go_on():
    history, season = waves(50, 4), 4
    assert metrics.is_seasonal(history, season)
    indices = slow_indices(history, season)
    want = [history[-1] / indices[49 % 4] * indices[(50 + t) % 4] for t in range(6)]
    np.testing.assert_allclose(metrics.naive2(history, 6, season), want, rtol=1e-12)


@pytest.fixture
def data():
    if "SEQZOO_DATA" not in os.environ:
        pytest.skip("SEQZOO_DATA names no folder that holds m4_hourly and exchange_rate")
    return Path(os.environ["SEQZOO_DATA"])


@pytest.mark.slow
def test_naive_forecasts_of_m4_hourly_have_the_published_scores(data):
    _, series = series_of.m4(data / "m4_hourly")
    past, future = [each[:-48] for each in series], np.stack([each[-48:] for each in series])
    naive2 = np.stack([metrics.naive2(each, 48, 24) for each in past])
    seasonal = np.stack([np.tile(each[-24:], 2) for each in past])
    for forecast, smape, mase in ((naive2, 18.383, 2.395), (seasonal, 13.912, 1.193)):
        assert metrics.smape(forecast, future) == pytest.approx(smape, abs=5e-4)
        assert metrics.mase(forecast, future, past, 24) == pytest.approx(mase, abs=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("horizon", "error"), [(96, 0.0811), (192, 0.1671), (336, 0.3057), (720, 0.8101)]
)
def test_the_last_exchange_rate_has_the_published_error(data, horizon, error):
    rates = series_of.exchange_rates(data / "exchange_rate")
    learned, first = int(0.7 * len(rates)), len(rates) - int(0.2 * len(rates))
    scaled = (rates - rates[:learned].mean(axis=0)) / rates[:learned].std(axis=0)
    future = np.lib.stride_tricks.sliding_window_view(scaled[first:], horizon, axis=0)
    last = scaled[first - 1 : first - 1 + len(future), :, None]
    assert metrics.mse(last, future) == pytest.approx(error, abs=5e-5)
