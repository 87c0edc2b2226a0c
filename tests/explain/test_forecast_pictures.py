"""The pictures of forecasts show the numbers of a backtest."""

import re

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.dates import date2num
from scipy.stats import binom

import seqzoo as sz
from seqzoo import explain

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


@pytest.fixture(scope="module")
def panel():
    """Two targets of two series, the second one longer; some values are missing."""
    rng, rows = np.random.default_rng(0), (14, 30)
    days = [np.datetime64("2024-01-30") + np.arange(count) for count in rows]
    values = rng.normal(10, 3, (sum(rows), 2))
    values[[20, 33]] = np.nan
    table = {
        "unique_id": ["a"] * rows[0] + ["b"] * rows[1],
        "ds": np.concatenate(days),
        "load": values[:, 0],
        "heat": values[:, 1],
    }
    return sz.preprocessing.read_panel(
        table, sz.preprocessing.Columns(("load", "heat")), every="1D"
    )


@pytest.fixture(scope="module")
def forecaster(panel):
    windows = sz.preprocessing.ForecastWindows(lookback=5, horizon=3)
    windows.adapt(panel)
    return sz.zoo.wen_2017(windows, units=4, head=sz.heads.Quantiles(3, levels=LEVELS))


@pytest.fixture(scope="module")
def tested(forecaster, panel):
    return forecaster.backtest(panel)


def line(axes, label):
    (found,) = [each for each in axes.lines if str(each.get_label()).startswith(label)]
    return found


def test_a_fan_holds_the_history_what_came_and_the_forecast_without_it(forecaster, panel, tmp_path):
    path = tmp_path / "fan.png"
    figure = explain.forecast_fan(forecaster, panel, path, hold_out=True)

    cut = panel.parts([0, 0], [11, 27])  # the last horizon is not read
    answer = forecaster.forecast_answers(cut)
    for target, axes in enumerate(figure.axes):
        drawn = line(axes, "history").get_ydata()
        np.testing.assert_array_equal(drawn, panel.targets[14:, target])
        forecast = line(axes, "forecast")
        np.testing.assert_allclose(forecast.get_ydata(), answer["forecast"][1, :, target])
        np.testing.assert_array_equal(date2num(forecast.get_xdata()), date2num(panel.stamps[-3:]))
        outer, inner = (each for each in axes.collections if isinstance(each, PolyCollection))
        for band, low, high in ((outer, 0, 4), (inner, 1, 3)):
            drawn = band.get_paths()[0].vertices[:, 1]
            quantiles = answer["quantiles"][1, :, target, [low, high]]
            np.testing.assert_allclose(np.unique(drawn), np.unique(quantiles), rtol=1e-6)
    assert [axes.get_ylabel() for axes in figure.axes] == ["load", "heat"]
    assert path.stat().st_size > 1000


def test_a_fan_of_a_named_series_goes_on_behind_its_end(forecaster, panel):
    axes = explain.forecast_fan(forecaster, panel, series="a").axes[0]
    ahead = line(axes, "forecast").get_xdata()
    np.testing.assert_array_equal(ahead, panel.stamps[13] + np.arange(1, 4) * panel.step)
    assert line(axes, "history").get_label() == "history"


def test_a_fan_reads_what_is_known_ahead_and_nothing_else_of_the_future():
    day = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-02-20"))
    rng = np.random.default_rng(1)
    table = {"ds": day, "y": rng.normal(size=50), "holiday": rng.normal(size=50)}
    table |= {"rain": rng.normal(size=50)}
    columns = sz.preprocessing.Columns(past=("rain",), known=("holiday",))
    windows = sz.preprocessing.ForecastWindows(5, 4, columns, every="1D")
    windows.adapt(table)
    forecaster = sz.zoo.wen_2017(windows, units=4)
    read = []
    answers = forecaster.forecast_answers
    forecaster.forecast_answers = lambda panel: read.append(panel) or answers(panel)

    explain.forecast_fan(forecaster, table, hold_out=True)

    raw = windows.as_raw(read[0])
    wanted = np.stack([table["y"], table["rain"]], axis=1)[41:46]
    np.testing.assert_allclose(raw["history"][0], wanted, rtol=1e-6)
    np.testing.assert_allclose(raw["known"][0, :, 0], table["holiday"][41:], rtol=1e-6)
    assert np.isnan(read[0].targets[46:]).all()
    assert np.isnan(read[0].past[46:]).all()


def test_a_backtest_shows_the_series_the_forecasts_and_the_errors(tested, panel, tmp_path):
    path = tmp_path / "backtest.png"
    above, below = explain.plot_backtest(tested, path, target=1).axes

    ours = tested.series == "b"
    errors = {"forecast": tested.forecasts, **tested.naive}
    for name, forecasts in errors.items():
        gaps = np.abs(forecasts[ours, :, 1] - tested.actual[ours, :, 1])
        drawn = line(below, name.replace("_", " "))
        np.testing.assert_allclose(drawn.get_ydata(), np.nanmean(gaps, axis=1), rtol=1e-6)
        np.testing.assert_array_equal(drawn.get_xdata(), tested.stamps[ours])
        assert f"({np.nanmean(gaps):.4g})" in drawn.get_label()
    came = line(above, "what came")
    values = dict(zip(panel.stamps[14:], panel.targets[14:, 1], strict=True))
    np.testing.assert_allclose(came.get_ydata(), [values[each] for each in came.get_xdata()])
    forecasts = [each for each in above.lines if len(each.get_xdata()) == 3]
    firsts = [each.get_xdata()[0] for each in forecasts]
    np.testing.assert_array_equal(firsts, tested.stamps[ours][::3])  # they do not overlap
    np.testing.assert_allclose(forecasts[1].get_ydata(), tested.forecasts[ours][3, :, 1])
    assert path.stat().st_size > 1000


def test_skill_by_step_is_that_of_each_step(tested):
    (axes,) = explain.plot_skill(tested).axes
    actual = tested.actual.astype(float)
    own = np.abs(tested.forecasts - actual)
    for name, label in (("repeat_last", "repeat last"), ("drift", "drift")):
        other = np.abs(tested.naive[name] - actual)
        wanted = [1 - np.nanmean(own[:, h]) / np.nanmean(other[:, h]) for h in range(3)]
        drawn = line(axes, f"against {label}")
        np.testing.assert_allclose(drawn.get_ydata(), wanted, rtol=1e-4)
        assert f"({tested.skill()[name]:+.1%})" in drawn.get_label()


def test_a_naive_forecast_that_is_exact_leaves_no_skill():
    windows = sz.preprocessing.ForecastWindows(4, 2)
    windows.adapt(np.ones(20))
    tested = sz.zoo.zeng_2023(windows).backtest(np.ones(20))
    (axes,) = explain.plot_skill(tested).axes
    assert np.isnan(line(axes, "against drift (which is exact)").get_ydata()).all()


def test_calibration_counts_the_values_below_each_level(tested):
    (axes,) = explain.plot_calibration(tested).axes
    pairs = [
        (value <= quantiles)
        for value, quantiles in zip(
            tested.actual.reshape(-1), tested.quantiles.reshape(-1, 5), strict=True
        )
        if np.isfinite(value)
    ]
    shares = np.mean(pairs, axis=0)
    drawn = line(axes, "this model")
    np.testing.assert_allclose(drawn.get_xdata(), LEVELS)
    np.testing.assert_allclose(drawn.get_ydata(), shares)
    assert axes.get_title() == f"calibration error {np.abs(shares - LEVELS).mean():.3f}"
    # Forecasts of 3 steps from the steps 5 to 11 of one series, and from 5 to 27 of the other.
    count = 3 + 8
    (band,) = axes.collections
    assert band.get_label() == f"95% of chance, n = {count}"
    corners = band.get_paths()[0].vertices
    middle = corners[np.isclose(corners[:, 0], 0.5), 1]
    expected = binom.interval(0.95, count, 0.5)
    np.testing.assert_allclose([middle.min(), middle.max()], np.array(expected) / count)


def test_steps_behind_the_end_of_a_short_series_have_stamps():
    windows = sz.preprocessing.ForecastWindows(4, 5)
    series = [np.arange(3.0), np.arange(12.0)]
    windows.adapt(series)
    tested = sz.zoo.zeng_2023(windows).backtest(series)
    np.testing.assert_array_equal(tested.step_stamps, tested.stamps[:, None] + np.arange(5))
    assert tested.series.tolist() == ["0", "1", "1", "1", "1"]
    assert tested.stamps[0] + 4 > 2  # behind the end of the first


def test_a_run_draws_all_of_them_and_the_first_picture_of_an_input_is_the_fan(
    forecaster, panel, tmp_path
):
    said = []
    explain.run_pictures(forecaster, [], [], panel, tmp_path, said.append)
    names = ["backtest.png", "calibration.png", "fan.png", "skill.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert said == []
    first = explain.explain_input(forecaster, panel)
    assert line(first.axes[0], "history").get_label() == "history"
    for picture in ("backtest", "skill", "calibration"):
        explain.explain_input(forecaster, panel, tmp_path / "one.png", picture)


def test_what_cannot_be_drawn_is_told(forecaster, panel, tested):
    windows = sz.preprocessing.ForecastWindows(5, 3)
    windows.adapt(panel)
    points = sz.zoo.zeng_2023(windows)
    nothing = forecaster.backtest(panel.parts(0, 1))
    cases = [
        (lambda: explain.plot_calibration(points.backtest(panel)), "0 levels"),
        (lambda: explain.plot_backtest(nothing), "a backtest of none"),
        (lambda: explain.plot_skill(nothing), "an origin with values"),
        (lambda: explain.plot_calibration(nothing), "5 levels and 0 values"),
        (lambda: explain.plot_backtest(tested, series="c"), "one of a, b. Received: 'c'"),
        (lambda: explain.forecast_fan(forecaster, panel, series="c"), "one of a, b"),
        (
            lambda: explain.forecast_fan(forecaster, panel.parts(0, 3), hold_out=True),
            "more than 3 rows to draw its forecast. Received: 3",
        ),
        (lambda: explain.forecast_fan(forecaster, panel.parts(0, 0)), "more than 0 rows"),
        (lambda: explain.explain_input(points, panel, picture="calibration"), "It has: fan"),
    ]
    for draw, message in cases:
        with pytest.raises(ValueError, match=re.escape(message)):
            draw()
