"""Covariates that are the same in all rows of a series."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo.preprocessing import Columns, ForecastWindows, read_panel
from seqzoo.zoo import FORECASTERS

COLUMNS = Columns(targets=["y"], static=["kind", "size"])
READ = [name for name in FORECASTERS if name != "zeng_2023"]
OPTIONS = {
    "lin_2023": {"segment": 2, "units": 6},
    "smyl_2018": {"seasons": [2], "units": 5, "dilations": [[1]]},
    "nie_2023": {"patch": 3, "stride": 2, "units": 8, "layers": 1},
    "chen_2020": {"units": 5, "blocks": 1},
    "livieris_2020": {"filters": (3, 4), "units": 5},
}


def table(kinds=(0, 1), rows=20, sizes=(3.0, np.nan)):
    """Series that go up where their kind is 1, and down where it is 0."""
    ids = np.repeat([f"s{i}" for i in range(len(kinds))], rows)
    steps = np.tile(np.arange(rows), len(kinds))
    kind = np.repeat(kinds, rows)
    y = np.sin(steps) + np.where(kind == 1, steps, -steps)
    size = np.repeat(sizes[: len(kinds)], rows)
    return {"unique_id": ids, "ds": steps, "y": y, "kind": kind, "size": size}


def test_each_series_has_its_own_and_they_are_scaled_over_the_series():
    panel = read_panel(table(), COLUMNS)
    np.testing.assert_array_equal(panel.static, [[0, 3], [1, np.nan]])
    np.testing.assert_array_equal(panel.parts(3, 9).static, panel.static)
    windows = ForecastWindows(4, 2, COLUMNS)
    windows.adapt(panel)
    cut = windows.windows(panel)
    np.testing.assert_array_equal(cut.static, [[-1, 0], [1, 0]])
    x, _, _ = windows.take(cut, tf.constant([1, 0], tf.int64), tf.constant([25, 9], tf.int64))
    np.testing.assert_array_equal(x["static"], [[1, 0], [-1, 0]])
    np.testing.assert_array_equal(windows.as_raw(panel)["static"], [[0, 3], [1, np.nan]])
    again = ForecastWindows.from_config(windows.get_config())
    np.testing.assert_array_equal(again.windows(panel).static, cut.static)


def test_rows_that_differ_are_refused_with_series_and_row():
    data = table()
    data["kind"][25] = 0
    with pytest.raises(
        ValueError, match=r"1\.0 as in the rows before.*0\.0 in column 'kind'.*'s1'.*25"
    ):
        read_panel(data, COLUMNS)


def test_a_missing_column_and_arrays_are_refused():
    data = table()
    del data["size"]
    with pytest.raises(ValueError, match="without \\['size'\\]"):
        read_panel(data, COLUMNS)
    with pytest.raises(ValueError, match="Static covariates are columns of a table"):
        read_panel(np.arange(9.0), COLUMNS)


def make(name, data):
    keras.utils.set_random_seed(0)
    windows = ForecastWindows(6, 2, COLUMNS)
    windows.adapt(data)
    return FORECASTERS[name](windows, **OPTIONS.get(name, {"units": 5}))


@pytest.mark.parametrize("name", READ)
def test_forecasts_depend_on_them_and_a_saved_model_answers_alike(name, tmp_path):
    forecaster = make(name, table())
    windows = forecaster.preprocessor
    raw = windows.as_raw(windows.read(table()))
    answer = forecaster.answer_raw(raw)["forecast"].numpy()
    other = forecaster.answer_raw(raw | {"static": raw["static"][::-1].copy()})
    assert (answer != other["forecast"].numpy()).any()
    alone = forecaster.answer_raw({key: value[1:] for key, value in raw.items()})
    np.testing.assert_allclose(alone["forecast"], answer[1:], rtol=1e-4, atol=1e-5)
    forecaster.export(tmp_path / "saved")
    served = tf.saved_model.load(str(tmp_path / "saved" / "1")).signatures["serving_default"]
    found = served(**{key: tf.constant(value) for key, value in raw.items()})["forecast"]
    np.testing.assert_allclose(found, answer, rtol=1e-4, atol=1e-5)


def test_a_series_never_seen_is_told_by_its_kind():
    """Each window alone, scaled by its last value, is a wave: only the kind tells the direction."""
    forecaster = make("wen_2017", table(kinds=(0, 1, 0, 1), sizes=(1.0,) * 4))
    forecaster.compile(keras.optimizers.Adam(1e-2))
    forecaster.fit(table(kinds=(0, 1, 0, 1), sizes=(1.0,) * 4), epochs=30, verbose=0)
    unseen = table(kinds=(0, 1), rows=1)
    unseen["unique_id"] = np.array(["new a", "new b"])
    down, up = forecaster.forecast(unseen)[:, -1, 0] - unseen["y"]
    assert down < 0 < up


def test_a_network_that_reads_none_refuses_them():
    windows = ForecastWindows(6, 2, COLUMNS)
    windows.adapt(table())
    with pytest.raises(ValueError, match=r"must read the static covariates.*WindowSteps"):
        sz.zoo.zeng_2023(windows)


@pytest.mark.parametrize("name", ["zeng_2023", "lin_2023", "smyl_2018"])
def test_a_network_without_known_covariates_refuses_them(name):
    windows = ForecastWindows(6, 2, calendar=("hour",))
    windows.adapt({"ds": np.arange("2024-01-01", "2024-01-03", dtype="M8[h]"), "y": np.arange(48)})
    with pytest.raises(ValueError, match="must read the known covariates"):
        FORECASTERS[name](windows, **({} if name == "zeng_2023" else OPTIONS[name]))
