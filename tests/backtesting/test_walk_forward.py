"""Models that are fitted again and again, and what their forecasts of returns are worth."""

import numpy as np
import pytest

from seqzoo.backtesting import prove_no_look_ahead, trading_report, walk_forward
from seqzoo.preprocessing import ForecastWindows
from seqzoo.zoo import zeng_2023

RNG = np.random.default_rng(0)
L, H = 4, 2


def fit(past):
    windows = ForecastWindows(L, H)
    windows.adapt(past)
    forecaster = zeng_2023(windows)
    for weight in forecaster.trainable_variables:
        weight.assign(np.full(weight.shape, past.targets.mean() / 10, "float32"))
    return forecaster


def test_each_origin_is_forecast_once_by_a_model_of_the_rows_before():
    series = RNG.normal(size=20).cumsum()
    seen = []

    def noted(past):
        seen.append(len(past.stamps))
        return fit(past)

    tested = walk_forward(noted, series, first=9, refit=4)
    assert seen == [9, 13, 17]
    assert tested.stamps.tolist() == list(range(9, 19))
    for origin, forecast, actual in zip(
        tested.stamps, tested.forecasts, tested.actual, strict=True
    ):
        fitted = 9 + (origin - 9) // 4 * 4
        want = fit(_panel(series[:fitted])).forecast(series[:origin])
        np.testing.assert_allclose(forecast, want[0], rtol=1e-4)
        np.testing.assert_allclose(actual[:, 0], series[origin : origin + H], rtol=1e-4)


def _panel(series):
    windows = ForecastWindows(L, H)
    return windows.read(series)


def test_a_walk_knows_nothing_of_the_future():
    def pipeline(panel, origin):
        tested = walk_forward(fit, panel.parts(0, origin), first=8, refit=3)
        return tested.forecasts

    assert prove_no_look_ahead(pipeline, RNG.normal(size=16), [13]) == 3


def test_series_that_are_too_short_are_told():
    with pytest.raises(ValueError, match=r"first=30 and series of at most 20 rows"):
        walk_forward(fit, np.arange(20.0), first=30, refit=1)
    with pytest.raises(ValueError, match="`first` and `refit` must be at least 1"):
        walk_forward(fit, np.arange(20.0), first=3, refit=0)


def test_a_report_tells_chance_from_skill_and_counts_costs():
    returns = RNG.normal(0.0002, 0.01, 600)
    chance = trading_report(RNG.normal(0, 0.003, 600), returns)
    assert chance.lines()[-1].startswith("no skill")
    knows = trading_report(0.3 * returns + RNG.normal(0, 0.003, 600), returns)
    assert knows.lines()[-1].startswith("skill")
    assert knows.hits.low > 0.5
    free, dear = (trading_report(returns[::-1], returns, cost=cost) for cost in (0, 0.01))
    position = np.sign(returns[::-1])
    net = position * returns - 0.01 * np.abs(np.diff(position, prepend=0))
    assert dear.sharpe.estimate == pytest.approx(np.sqrt(252) * net.mean() / net.std(ddof=1))
    assert dear.sharpe.estimate < free.sharpe.estimate
    many = trading_report(returns[::-1], returns, trials=RNG.normal(0, 0.1, 500))
    assert many.deflated < free.deflated


def test_pegged_quotes_are_flagged():
    returns = np.where(RNG.random(200) < 0.3, 0.0, RNG.normal(0, 0.01, 200))
    report = trading_report(np.full(200, 0.001), returns)
    assert any("pegged or stale" in line for line in report.lines())
    assert report.hits.estimate == np.mean(returns[returns != 0] > 0)


def test_prices_that_are_copied_have_no_skill_in_returns():
    price = np.exp(RNG.normal(0, 0.01, 800).cumsum())
    copy = price[:-1]
    r2_of_prices = (
        1 - np.square(price[1:] - copy).sum() / np.square(price[1:] - price[1:].mean()).sum()
    )
    assert r2_of_prices > 0.95
    returns = np.diff(np.log(price))
    report = trading_report(np.concatenate([[0], returns[:-1]]), returns)
    assert not report.has_skill
    with pytest.raises(ValueError, match="9 and 9, 1 of them missing"):
        trading_report(np.ones(9), np.array([np.nan] + [1.0] * 8))
