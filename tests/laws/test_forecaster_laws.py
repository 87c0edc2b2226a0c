"""What holds for every named forecaster."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo import heads, metrics, training
from seqzoo.preprocessing import Columns, ForecastWindows
from seqzoo.zoo import FORECASTERS

L, H, C = 6, 4, 2
RNG = np.random.default_rng(0)
SERIES = [RNG.normal(size=(n, C)).cumsum(axis=0) * [1, 20] + [0, 300] for n in (30, 17)]
FED_BACK = ("graves_2013", "salinas_2020", "kuznetsov_2018")
STEPS = {"lin_2023": 2} | dict.fromkeys(FED_BACK, 1)  # of a hidden state; else the whole horizon
OPTIONS = {
    "lin_2023": {"segment": 2, "units": 4, "dropout": 0.0},
    "graves_2013": {"units": 5, "cell": "gru"},
    "salinas_2020": {"units": 4, "dropout": 0.0, "path_count": 40},
    "kuznetsov_2018": {"units": 4, "layers": 2, "attention": "additive"},
    "wen_2017": {"units": 5},
    "zeng_2023": {"kind": "dlinear", "trend": 3},
    "hewamalage_2021": {"units": 5, "cell": "gru"},
    "livieris_2020": {"filters": (3, 4), "units": 5},
    "chen_2020": {"units": 5, "blocks": 2},
    "smyl_2018": {"seasons": [2, 3], "units": 5, "dilations": [[1], [2]]},
    "nie_2023": {"patch": 3, "stride": 2, "units": 8, "layers": 1, "dropout": 0.0},
}
everywhere = pytest.mark.parametrize("name", FORECASTERS)


def make(name, head=None, data=SERIES, **options):
    keras.utils.set_random_seed(1)
    windows = ForecastWindows(L, H, **options)
    windows.adapt(data)
    steps = STEPS.get(name, H)
    head = heads.FORECAST_HEADS[head](steps) if head else None
    return FORECASTERS[name](windows, head=head, **OPTIONS[name])


def test_every_forecaster_of_the_registry_is_tested_here():
    assert OPTIONS.keys() == FORECASTERS.keys()


@everywhere
def test_a_step_of_training_reaches_every_weight_and_an_epoch_lowers_the_loss(name):
    forecaster = make(name)
    forecaster.compile(training.Adam(1e-2))
    before = [weight.numpy() for weight in forecaster.trainable_variables]
    first = forecaster.evaluate(SERIES, verbose=0, return_dict=True)
    forecaster.fit(SERIES, epochs=4, batch_size=4, verbose=0)
    after = forecaster.evaluate(SERIES, verbose=0, return_dict=True)
    assert after["loss"] < first["loss"]
    for old, weight in zip(before, forecaster.trainable_variables, strict=True):
        assert (old != weight.numpy()).any(), weight.path


@everywhere
@pytest.mark.parametrize("head", ["quantiles", "student_t"])
def test_quantiles_ascend_in_units_of_the_data(name, head):
    forecaster = make(name, head)
    x, _, _ = next(iter(forecaster.make_evaluation_batches(SERIES, batch_size=5)))
    outputs = forecaster(x)
    low, middle, high = (forecaster.quantile(outputs, level) for level in (0.1, 0.5, 0.9))
    assert (low < middle).numpy().all()
    assert (middle < high).numpy().all()


@everywhere
def test_an_evaluation_has_the_skill_against_naive_forecasts(name):
    forecaster = make(name)
    forecaster.compile()
    measured = forecaster.evaluate(SERIES, verbose=0, return_dict=True)
    windows = forecaster.preprocessor
    cut = windows.windows(SERIES)
    x, y, weight = windows.take(cut, tf.constant(cut.series), tf.constant(cut.origins))
    last = np.repeat(x["history"][:, -1:].numpy(), H, axis=1)
    error = np.average(np.abs(y.numpy() - last), weights=weight.numpy())
    np.testing.assert_allclose(measured["mae_repeat_last"], error, rtol=1e-5)
    np.testing.assert_allclose(
        measured["skill_repeat_last"], 1 - measured["mae"] / error, rtol=1e-4, atol=1e-5
    )
    assert {"skill_seasonal_naive", "skill_drift"} <= measured.keys()


def test_there_is_no_skill_beside_a_naive_forecast_that_makes_no_error():
    constant = [np.full_like(each, 7) for each in SERIES]
    windows = ForecastWindows(L, H)
    windows.adapt(SERIES)
    forecaster = FORECASTERS["zeng_2023"](windows)
    for weight in forecaster.trainable_variables:
        weight.assign(tf.zeros_like(weight))  # repeats the last value
    forecaster.compile()
    same = forecaster.evaluate(constant, verbose=0, return_dict=True)
    assert (same["mae"], same["skill_drift"]) == (0, -np.inf)
    for weight in forecaster.trainable_variables:
        weight.assign_add(tf.ones_like(weight))
    worse = forecaster.evaluate(constant, verbose=0, return_dict=True)
    assert worse["mae"] > 0
    assert worse["skill_repeat_last"] == -np.inf
    assert set(forecaster.backtest(constant).skill().values()) == {-np.inf}


@everywhere
def test_the_forecast_of_a_series_does_not_depend_on_the_others_or_on_what_is_long_ago(name):
    forecaster = make(name)
    whole = forecaster.forecast(SERIES)
    assert whole.shape == (2, H, C)
    named = {"history": np.float32([each[-L:] for each in SERIES]), "series": np.array(["0", "1"])}
    second = forecaster.answer_raw({k: v[1:] for k, v in named.items()})["forecast"]
    np.testing.assert_allclose(second[0], whole[1], rtol=1e-4)
    np.testing.assert_allclose(forecaster.forecast([each[-L:] for each in SERIES]), whole, 1e-4)


@everywhere
def test_a_series_in_other_units_has_the_forecast_in_those_units(name):
    scaled = [3 * each - 50 for each in SERIES]
    one, other = make(name), make(name, data=scaled)
    np.testing.assert_allclose(
        other.forecast(scaled), 3 * one.forecast(SERIES) - 50, rtol=1e-3, atol=1e-2
    )


@everywhere
def test_values_around_1e30_have_finite_forecasts_without_a_scaler(name):
    huge = [each[:, :1] * 1e29 + 1e30 for each in SERIES]
    assert np.isfinite(make(name, data=huge, scaler="none").forecast(huge)).all()


@everywhere
def test_missing_and_padded_steps_make_no_difference_but_by_their_being_missing(name):
    forecaster = make(name)
    short = [each[:3] for each in SERIES]
    np.testing.assert_allclose(
        forecaster.forecast([np.pad(e, [(5, 0), (0, 0)], constant_values=np.nan) for e in short]),
        forecaster.forecast(short),
        rtol=1e-5,
    )


@everywhere
def test_empty_short_and_missing_histories_have_finite_answers(name):
    forecaster = make(name)
    for history in (np.zeros((1, 0, C)), np.ones((1, 1, C)), np.full((1, L, C), np.nan)):
        raw = {"history": history.astype("float32"), "series": np.array(["0"], object)}
        assert np.isfinite(forecaster.answer_raw(raw)["forecast"]).all()
    assert forecaster.forecast([]).shape == (0, H, C)


@everywhere
def test_an_evaluation_of_quantiles_has_their_loss_and_their_coverage(name):
    forecaster = make(name, "quantiles")
    forecaster.compile(run_eagerly=True)
    measured = forecaster.evaluate(SERIES, batch_size=40, verbose=0, return_dict=True)
    x, y, weight = next(iter(forecaster.make_evaluation_batches(SERIES, batch_size=40)))
    outputs, levels = sz.heads.Forecast(*forecaster(x)), forecaster.levels
    quantiles = np.stack([forecaster.quantile(outputs, each) for each in levels], axis=-1)
    actual = np.where(weight > 0, y, np.nan)
    np.testing.assert_allclose(
        measured["wql"], metrics.weighted_quantile_loss(quantiles, actual, levels), rtol=1e-4
    )
    inside = metrics.coverage(quantiles[..., 0], quantiles[..., -1], actual)
    np.testing.assert_allclose(measured["coverage"], inside, rtol=1e-5)
    size = np.nanmean(np.abs(actual))
    np.testing.assert_allclose(
        measured["wql_seasonal_naive"], measured["mae_seasonal_naive"] / size, rtol=1e-4
    )


@everywhere
def test_a_compiled_forecaster_forecasts_as_one_in_a_graph_and_eagerly(name):
    forecaster = make(name)
    x, _, _ = next(iter(forecaster.make_evaluation_batches(SERIES, batch_size=5)))
    want = forecaster(x)[0]
    for compiled in (False, True):
        found = tf.function(lambda x: forecaster(x)[0], jit_compile=compiled)(x)
        np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)


@everywhere
def test_files_and_exported_models_give_the_same_forecasts(name, tmp_path):
    forecaster = make(name, "quantiles")
    forecaster.compile()
    want = forecaster.forecast(SERIES)
    forecaster.save(tmp_path / "f.keras")
    np.testing.assert_allclose(sz.load(tmp_path / "f.keras").forecast(SERIES), want, rtol=1e-5)
    forecaster.export(tmp_path / "served")
    signatures = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures
    served = signatures["serving_default"]
    raw = forecaster.preprocessor.as_raw(SERIES)
    answer = served(history=tf.constant(raw["history"]), series=tf.constant(raw["series"]))
    np.testing.assert_allclose(answer["forecast"], want, rtol=1e-5)
    assert answer["quantiles"].shape == (2, H, C, 9)
    assert (np.diff(answer["quantiles"].numpy(), axis=-1) > 0).all()
    follow(signatures, raw, want)


def follow(signatures, raw, want):
    """A stream that starts earlier and takes the last observations comes to the same forecast."""
    series = tf.constant(raw["series"])
    streamed = signatures["stream_start"](
        history=tf.constant(raw["history"][:, : L - 2]), series=series
    )
    for step in (L - 2, L - 1):
        streamed = signatures["stream_step"](
            state_history=streamed["state_history"],
            observation=tf.constant(raw["history"][:, step]),
            series=series,
        )
    np.testing.assert_allclose(streamed["forecast"], want, rtol=1e-5)


@everywhere
def test_a_backtest_forecasts_from_each_origin_what_was_forecast_there(name):
    forecaster = make(name, "quantiles")
    tested = forecaster.backtest(SERIES)
    assert tested.forecasts.shape == (21 + 8, H, C)
    assert tested.quantiles.shape == (21 + 8, H, C, 9)
    at = 7
    want = forecaster.forecast([SERIES[0][: L + at]])
    np.testing.assert_allclose(tested.forecasts[at], want[0], rtol=1e-4)
    np.testing.assert_allclose(tested.actual[at], SERIES[0][L + at : L + at + H], rtol=1e-5)
    last = np.repeat(SERIES[0][None, L + at - 1], H, axis=0)
    np.testing.assert_allclose(tested.naive["repeat_last"][at], last, rtol=1e-5)
    assert tested.series.tolist() == ["0"] * 21 + ["1"] * 8
    assert (tested.stamps[0], tested.stamps[21]) == (L, L)
    assert tested.skill().keys() == {"repeat_last", "seasonal_naive", "drift"}
    assert len(forecaster.backtest([]).forecasts) == 0


def test_one_pass_forecasts_from_each_step_what_all_before_it_says():
    forecaster = make("wen_2017")
    tested, by_windows = (forecaster.backtest(SERIES, one_pass=each) for each in (True, False))
    names = [name for name in tested._fields if name not in ("forecasts", "quantiles")]
    for name in names:
        np.testing.assert_equal(getattr(tested, name), getattr(by_windows, name))
    # At the first origin of a series a window holds all that was before.
    first = [0, 21]
    for name in ("forecasts", "quantiles"):
        whole, window = getattr(tested, name), getattr(by_windows, name)
        assert whole.shape == window.shape
        np.testing.assert_allclose(whole[first], window[first], rtol=1e-4)
        assert np.abs(whole[1:21] - window[1:21]).max() > 1e-4
    long = make("wen_2017", data=SERIES)
    long.preprocessor.lookback = 30  # windows that hold all of it
    want = [long.forecast([SERIES[0][: L + at], SERIES[1][:L]])[0] for at in (3, 20)]
    np.testing.assert_allclose(tested.forecasts[[3, 20]], want, rtol=1e-4)
    spoiled = [SERIES[0].copy(), SERIES[1]]
    spoiled[0][L + 5 :] = 1e6
    again = forecaster.backtest(spoiled, one_pass=True).forecasts
    np.testing.assert_array_equal(again[:6], tested.forecasts[:6])


def test_one_pass_is_for_forked_networks_and_known_series():
    with pytest.raises(ValueError, match=r"Received: one_pass=True and a WindowSteps"):
        make("zeng_2023").backtest(SERIES, one_pass=True)
    with pytest.raises(ValueError, match=r"'2', which is unknown"):
        make("wen_2017").backtest([*SERIES, SERIES[0]], one_pass=True)


def test_known_covariates_reach_the_forecast(tmp_path):
    columns = Columns(known=("k",))
    steps = np.arange(40)
    data = {"ds": steps, "y": np.sin(steps), "k": steps % 3 * 1.0}
    data["y"][-H:] = np.nan
    windows = ForecastWindows(L, H, columns)
    windows.adapt(data)
    forecaster = FORECASTERS["wen_2017"](windows, units=3)
    assert forecaster.forecast(data).shape == (1, H, 1)


def test_sizes_that_do_not_fit_are_refused():
    windows = ForecastWindows(L, H)
    windows.adapt(SERIES)
    with pytest.raises(ValueError, match="`horizon` is 4, and network and head tell of 3 steps"):
        sz.Forecaster(sz.layers.WindowSteps(), heads.Point(3), windows)
    with pytest.raises(ValueError, match=r"tell of 2 series where channels='joint'.* series=1"):
        sz.Forecaster(sz.layers.WindowSteps(), heads.Point(H), windows, channels="joint")
    forecaster = make("zeng_2023")
    forecaster.compile()
    with pytest.raises(ValueError, match=r"Received: `y`\. Leave it out"):
        forecaster.fit(SERIES, SERIES)
