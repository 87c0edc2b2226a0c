"""Windows of series: what is read and forecast, and the constants that scale it."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import boxcox

from seqzoo.preprocessing import CALENDAR, Columns, ForecastWindows, calendar_features, read_panel
from seqzoo.preprocessing.regular_grid import shown_stamp

L, H = 4, 2
SERIES = [np.arange(9.0), 100 + 10 * np.arange(3.0), np.arange(2.0) + 5]


def adapted(data, **options):
    windows = ForecastWindows(L, H, **options)
    windows.adapt(data)
    return windows


def batch_of(windows, data, **options):
    cut = windows.windows(data, **options)
    return cut, windows.take(cut, tf.constant(cut.series), tf.constant(cut.origins))


def test_windows_are_whole_but_of_series_that_are_too_short():
    windows = adapted(SERIES, scaler="none")
    cut, (x, y, weight) = batch_of(windows, SERIES)
    assert cut.series.tolist() == [0, 0, 0, 0, 1, 2]
    assert cut.origins.tolist() == [4, 5, 6, 7, 10, 13]
    np.testing.assert_array_equal(x["history"][1, :, 0], [1, 2, 3, 4])
    np.testing.assert_array_equal(y[1, :, 0], [5, 6])
    np.testing.assert_array_equal(x["mask"][4], [False, False, False, True])
    np.testing.assert_array_equal(y[4, :, 0], [110, 120])
    np.testing.assert_array_equal(weight[5, :, 0], [1, 0])  # the second step is behind the end


def test_every_stride_holds_the_last_origin():
    windows = adapted(SERIES[:1], scaler="none")
    assert windows.windows(SERIES[:1], stride=2).origins.tolist() == [5, 7]
    assert windows.windows(SERIES[:1], stride=99).origins.tolist() == [7]


def test_constants_are_those_of_the_rows_that_were_adapted_to():
    windows = adapted([each[:4] for each in SERIES])
    assert windows.fitted.location[0, 0] == np.arange(4.0).mean()
    assert windows.fitted.scale[1, 0] == (100 + 10 * np.arange(3.0)).std()
    _, (x, y, _) = batch_of(windows, SERIES)
    np.testing.assert_allclose(y[0, :, 0], (np.array([4, 5]) - 1.5) / np.arange(4).std(), 1e-6)
    np.testing.assert_allclose(windows.unscale(y, x)[0, :, 0], [4, 5], 1e-6)


def test_an_unknown_series_is_scaled_by_its_own_history_and_no_later_value():
    windows = adapted({"ds": [1, 2], "y": [1, 2], "unique_id": ["a", "a"]})
    other = {"ds": np.arange(6), "y": [4.0, 6, 4, 6, 1e9, 1e9], "unique_id": ["b"] * 6}
    _, (x, y, _) = batch_of(windows, other)
    np.testing.assert_allclose(x["history"][0, :, 0], [-1, 1, -1, 1])
    np.testing.assert_allclose(windows.unscale(y, x)[0, :, 0], [1e9, 1e9], rtol=1e-6)


@pytest.mark.parametrize("transform", ["log", "box_cox"])
def test_transforms_are_those_of_scipy_and_are_taken_back(transform):
    values = np.exp(np.random.default_rng(0).normal(size=60)) * 50
    windows = adapted(values, transform=transform)
    power = windows.fitted.power[0, 0]
    want = boxcox(values, power)
    if transform == "box_cox":
        assert abs(power - boxcox(values)[1]) <= 0.03
    _, (x, y, _) = batch_of(windows, values)
    np.testing.assert_allclose(x["history"][0, :, 0], ((want - want.mean()) / want.std())[:L], 1e-5)
    np.testing.assert_allclose(windows.unscale(y, x)[0, :, 0], values[L : L + H], rtol=1e-5)


def test_values_around_1e30_and_constant_ones_are_scaled():
    series = [1e30 * np.arange(1.0, 9.0), np.full(8, 7.0)]
    windows = adapted(series)
    _, (x, y, _) = batch_of(windows, series)
    assert np.isfinite(x["history"]).all()
    np.testing.assert_allclose(windows.unscale(y, x)[0, :, 0], [5e30, 6e30], rtol=1e-5)
    np.testing.assert_allclose(windows.unscale(y, x)[-1, :, 0], [7, 7])


def test_what_is_served_is_what_was_trained_on():
    windows = adapted(SERIES)
    _, (x, _, _) = batch_of(windows, SERIES)
    raw = {"history": np.array([SERIES[0][:L, None]], "float32"), "series": np.array(["0"], object)}
    served = windows.prepare(raw)
    for name, value in served.items():
        np.testing.assert_allclose(value[0], x[name][0], rtol=1e-6)
    long = np.concatenate([np.full((1, 7, 1), 3.0, "float32"), raw["history"]], axis=1)
    np.testing.assert_allclose(
        windows.prepare(raw | {"history": long})["history"], served["history"]
    )
    short = windows.prepare(raw | {"history": raw["history"][:, 2:]})
    np.testing.assert_array_equal(short["mask"], [[False, False, True, True]])


def test_every_step_is_an_origin_with_the_steps_behind_it():
    windows = adapted(SERIES[:1], scaler="none")
    cut = windows.windows(SERIES[:1], stride=99)
    _, y, weight = windows.take_every_origin(cut, *(tf.constant([i], tf.int64) for i in (0, 6)))
    np.testing.assert_array_equal(y[0, :, :, 0], [[3, 4], [4, 5], [5, 6], [6, 7]])
    assert (weight.numpy() == 1).all()


def test_known_covariates_are_taken_around_the_origin_and_asked_for_ahead():
    columns = Columns(known=("price",))
    days = [f"2024-01-{day:02d}" for day in range(1, 11)]
    data = {"ds": days, "y": [*range(8), None, None], "price": np.arange(10.0)}
    windows = adapted(data, columns=columns, calendar=("weekday",))
    raw = windows.as_raw(data)
    assert raw["known"].shape == (1, L + H, 3)
    np.testing.assert_array_equal(raw["known"][0, :, 0], [4, 5, 6, 7, 8, 9])
    stamps = np.array(days[4:], "datetime64[ns]")
    np.testing.assert_allclose(raw["known"][0, :, 1:], calendar_features(stamps, ["weekday"]), 1e-6)
    short = {name: column[6:] for name, column in data.items()}
    cut = windows.windows({name: column[:8] for name, column in data.items()})
    x, _, _ = windows.take(cut, *(tf.constant(each) for each in (cut.series, cut.origins)))
    np.testing.assert_array_equal(windows.prepare(raw)["known"][0, :2], x["known"][-1, 2:4])
    assert not windows.prepare(windows.as_raw(short))["known"][0, :2].numpy().any()
    with pytest.raises(ValueError, match=r"known covariates \['price'\] of 2 rows behind.* '0'"):
        windows.as_raw({name: column[:8] for name, column in data.items()})


def test_parts_of_dates_are_those_of_the_calendar():
    stamps = np.array(["2023-12-31T18:30"], "datetime64[ns]")  # a Sunday
    angles = {"minute": 30 / 60, "hour": 18.5 / 24, "weekday": 6 / 7, "monthday": 30 / 31}
    angles |= {"yearday": 364 / 366, "month": 11 / 12}
    assert angles.keys() == CALENDAR.keys()
    for name, turn in angles.items():
        want = [np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)]
        np.testing.assert_allclose(calendar_features(stamps, [name])[0], want, atol=1e-12)
    with pytest.raises(ValueError, match="stamps that are dates"):
        calendar_features(np.arange(3), ["hour"])


def test_a_config_makes_the_same_windows_again():
    data = {"ds": ["2024-01-01", "2024-01-02"], "y": [1.0, 4.0], "unique_id": ["a", "a"]}
    windows = adapted(data, transform="log", calendar=("hour",))
    again = ForecastWindows.from_config(windows.get_config())
    assert again.get_config() == windows.get_config()
    assert again.season == 7
    raw = windows.as_raw(data)
    for name, value in windows.prepare(raw).items():
        np.testing.assert_array_equal(value, again.prepare(raw)[name])


def test_a_part_shorter_than_the_horizon_is_forecast_as_far_as_it_goes():
    values = np.arange(30.0)
    parts = read_panel(values).split(validation=3, test=3)
    windows = ForecastWindows(6, 8)
    windows.adapt(parts["train"])
    for name, origin in (("validation", 24), ("test", 27)):
        cut, (_, _, weight) = batch_of(windows, parts[name])
        assert cut.origins.tolist() == [origin]
        assert weight[0, :, 0].numpy().tolist() == [1.0] * 3 + [0.0] * 5
    nothing = read_panel(values).split(validation=3, test=0)["test"]
    assert windows.windows(nothing).origins.tolist() == []


@pytest.mark.parametrize(
    ("stamps", "every", "ahead"),
    [
        (np.arange("2024-01-01", "2024-01-20", dtype="datetime64[D]"), "1D", "2024-01-20"),
        (np.arange("2024-01-01T00", "2024-01-02T00", 6, "datetime64[h]"), "6h", "2024-01-02"),
        (["2023-11-30", "2023-12-31", "2024-01-31"], "1M", "2024-02-29"),
        (["2024-01-01", "2024-01-01 00:15"], "15m", "2024-01-01T00:30:00"),
    ],
)
def test_the_step_is_that_of_what_was_adapted_to(stamps, every, ahead):
    windows = adapted({"ds": list(stamps), "y": np.arange(len(stamps) * 1.0)})
    assert windows.every == every
    again = ForecastWindows.from_config(windows.get_config())
    panel = again.read({"ds": list(stamps)[-1:], "y": [1.0]})
    assert shown_stamp(panel.stamps_of(0, 1, 2)[0]) == ahead
    with_a_gap = again.read({"ds": [stamps[0], stamps[-1]], "y": [1.0, 2.0]})
    assert len(with_a_gap.stamps) == len(stamps)


def test_dates_whose_step_nobody_knows_have_no_next_one():
    panel = read_panel({"ds": ["2024-01-01"], "y": [1.0]})
    with pytest.raises(ValueError, match=r"two rows of a series\. Received: one at 2024-01-01\."):
        panel.stamps_of(0, 1, 2)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"`season` must be an int of at least 1\. Received: -3"):
        ForecastWindows(4, 2, season=-3)
    for stride in (0, -3, 1.5):
        with pytest.raises(ValueError, match=rf"`stride` must be an int .* Received: {stride}"):
            adapted(np.arange(9.0)).windows(np.arange(9.0), stride)
    with pytest.raises(ValueError, match=r"`horizon` must be an int of at least 1\. Received: 0"):
        ForecastWindows(4, 0)
    with pytest.raises(
        ValueError, match=r"above 0\. Received: -1\.0 in column 'y', series '0', row 1"
    ):
        adapted([3.0, -1.0, 2.0], transform="log")
    with pytest.raises(ValueError, match="`adapt` them first"):
        ForecastWindows(4, 2).windows(np.arange(9.0))
    windows = adapted(np.arange(9.0))
    with pytest.raises(ValueError, match="A series needs two rows"):
        windows.training_batches(windows.windows(np.arange(1.0)), 4, 0)
    assert len(read_panel([[]])) == 1


@pytest.mark.parametrize("transform", ["none", "log", "box_cox"])
def test_a_known_series_beside_an_unknown_one_is_scaled_as_alone(transform):
    windows = ForecastWindows(lookback=5, horizon=2, transform=transform)
    names = np.repeat(["a", "b"], 9)
    values = np.concatenate([np.arange(1.0, 10), np.arange(1.0, 10) ** 2])
    windows.adapt({"unique_id": names, "ds": np.tile(np.arange(9), 2), "y": values})
    history = np.array([[3.0, 9, 2, 5, 7], [40, 20, 90, 10, 30], [2, 2, 8, 4, 4]])[..., None]
    series = np.array(["b", "unknown", "a"])
    together = windows.prepare({"history": history, "series": series})
    for row in range(3):
        alone = windows.prepare(
            {"history": history[row : row + 1], "series": series[row : row + 1]}
        )
        for name, value in alone.items():
            np.testing.assert_array_equal(together[name][row : row + 1], value)
    np.testing.assert_allclose(np.mean(together["history"][1]), 0, atol=1e-6)
