"""Scores of forecasts against utilsforecast, and against what M4 published."""

import numpy as np
import pandas as pd
import pytest
import utilsforecast.losses as reference

from seqzoo import metrics

RNG = np.random.default_rng(0)
N, H, SEASON = 4, 6, 3
HISTORIES = [RNG.gamma(2, 10, size=n) for n in (12, 20, 9, 15)]
ACTUAL = RNG.gamma(2, 10, size=(N, H))
FORECAST = ACTUAL + RNG.normal(size=(N, H)) * 5
LEVELS = (0.025, 0.5, 0.975)
QUANTILES = np.sort(FORECAST[..., None] + RNG.normal(size=(N, H, 3)) * 8, axis=-1)


def frame(values, **columns):
    rows = [(f"s{i}", t) for i, series in enumerate(values) for t in range(len(series))]
    ids, stamps = zip(*rows, strict=True)
    return pd.DataFrame({"unique_id": ids, "ds": stamps, "y": np.concatenate(values), **columns})


TEST = frame(
    ACTUAL,
    model=FORECAST.ravel(),
    **{f"q{i}": QUANTILES[..., i].ravel() for i in range(3)},
)
TRAIN = frame(HISTORIES)


def mean_of(function, models, **options):
    table = function(TEST, models=models, **options)
    return table.drop(columns="unique_id").to_numpy().mean()


@pytest.mark.parametrize("name", ["mse", "mae"])
def test_errors_are_those_of_utilsforecast(name):
    want = mean_of(getattr(reference, name), ["model"])
    assert getattr(metrics, name)(FORECAST, ACTUAL) == pytest.approx(want)


def test_smape_is_that_of_utilsforecast_in_the_unit_of_m4():
    want = 200 * mean_of(reference.smape, ["model"])
    assert metrics.smape(FORECAST, ACTUAL) == pytest.approx(want)


def test_mase_is_that_of_utilsforecast():
    want = mean_of(reference.mase, ["model"], seasonality=SEASON, train_df=TRAIN)
    assert metrics.mase(FORECAST, ACTUAL, HISTORIES, SEASON) == pytest.approx(want)


def test_coverage_is_that_of_utilsforecast():
    sides = QUANTILES[..., 0], QUANTILES[..., 2]
    table = TEST.rename(columns={"q0": "model-lo-95", "q2": "model-hi-95"})
    want = reference.coverage(table, ["model"], level=95)["model"].mean()
    assert metrics.coverage(*sides, ACTUAL) == pytest.approx(want)


def test_msis_is_the_winkler_score_of_utilsforecast_over_the_seasonal_error():
    table = TEST.rename(columns={"q0": "model-lo-95", "q2": "model-hi-95"})
    scores = reference.winkler_score(table, ["model"], level=95)["model"].to_numpy()
    want = np.mean(scores / metrics.seasonal_errors(HISTORIES, SEASON))
    found = metrics.msis(QUANTILES[..., 0], QUANTILES[..., 2], ACTUAL, HISTORIES, SEASON)
    assert found == pytest.approx(want)


def test_the_weighted_quantile_loss_is_the_scaled_crps_of_utilsforecast():
    table, names = TEST.assign(unique_id="all"), [f"q{i}" for i in range(3)]
    crps = reference.scaled_crps(table, {"model": names}, np.array(LEVELS))["model"].mean()
    assert metrics.weighted_quantile_loss(QUANTILES, ACTUAL, LEVELS) == pytest.approx(crps, 1e-6)


def test_owa_of_smyls_winning_entry_and_of_naive2_are_those_of_m4():
    # Makridakis et al., 2020, https://doi.org/10.1016/j.ijforecast.2019.04.014: M4 as a whole.
    assert metrics.owa(11.374, 1.536, 13.564, 1.912) == pytest.approx(0.821, abs=5e-4)
    assert metrics.owa(13.564, 1.912, 13.564, 1.912) == 1


def test_missing_values_count_nothing():
    missing = RNG.random((N, H)) < 0.3
    actual = np.where(missing, np.nan, ACTUAL)
    errors = np.abs(ACTUAL - FORECAST)[~missing]
    assert metrics.mae(FORECAST, actual) == pytest.approx(errors.mean())
    assert np.isfinite(metrics.smape(FORECAST, actual))
    inside = (QUANTILES[..., 0] <= ACTUAL) & (QUANTILES[..., 2] >= ACTUAL)
    found = metrics.coverage(QUANTILES[..., 0], QUANTILES[..., 2], actual)
    assert found == pytest.approx(inside[~missing].mean())


def test_series_that_repeat_themselves_or_are_short_are_left_out():
    histories = [np.ones(9), np.arange(2.0), np.arange(9.0)]
    np.testing.assert_array_equal(metrics.seasonal_errors(histories, 3), [np.nan, np.nan, 3.0])
    score = metrics.mase(np.zeros((3, 1)), np.full((3, 1), 6.0), histories, 3)
    assert score == 2
    assert metrics.smape(np.zeros(1), np.zeros(1)) == 0
