"""Paths of forecasters that feed back what they forecast, against theory and NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import seqzoo as sz
from seqzoo import heads
from seqzoo.heads import Forecast
from seqzoo.preprocessing import Columns, ForecastWindows
from seqzoo.tasks import AutoregressiveForecaster
from seqzoo.training import Adam

L, H, C = 5, 4, 2
RNG = np.random.default_rng(0)
SERIES = [RNG.normal(size=(n, C)).cumsum(axis=0) * [1, 20] + [0, 300] for n in (23, 17)]


def adapted(data=SERIES, **options):
    windows = ForecastWindows(L, H, **options)
    windows.adapt(data)
    return windows


def deep_ar(data=SERIES, head=None, **options):
    keras.utils.set_random_seed(1)
    windows = adapted(data, **options)
    return sz.zoo.salinas_2020(windows, units=4, layers=1, dropout=0.0, head=head, path_count=30)


def batch(forecaster, data=SERIES, size=7):
    return next(iter(forecaster.make_evaluation_batches(data, batch_size=size)))


def with_following(x, y, weight):
    return x | {"following": y, "is_following": weight > 0}


class Walk(keras.layers.Layer):
    """Hidden states that are the values themselves, so that a head makes an AR(1) of them."""

    predicts_window = False

    supports_masking = True

    def call(self, values, mask=None, known=None, static=None, following=None, training=False):
        return values[:, -1:] if following is None else tf.concat([values[:, -1:], following], 1)

    def start(self, values, steps, mask=None, known=None, static=None, width=1):
        return tf.repeat(values[:, -1], width, axis=0), (), ()

    def stepper(self):
        return lambda previous, state, memory: (previous, state)


def autoregression(decay, spread, **options):
    """y(t) = decay * y(t - 1) + spread * noise, of series that are not scaled."""
    windows = adapted([np.arange(20.0)], scaler="none")
    forecaster = AutoregressiveForecaster(Walk(), heads.Gaussian(1), windows, "none", **options)
    raw = np.log(np.expm1(spread - 1e-3))  # of the softplus, to which 1e-3 is added
    forecaster.head.set_weights([np.array([[decay, 0.0]]), np.array([0.0, raw])])
    return forecaster


def test_paths_spread_as_an_autoregression_does_in_theory():
    forecaster = autoregression(0.8, 0.5)
    paths = forecaster.paths([np.array([1.0, 2.0, 3.0])], count=3000, seed=4)[0, :, :, 0]
    for h in range(H):
        mean, variance = 3.0 * 0.8 ** (h + 1), 0.25 * sum(0.64**k for k in range(h + 1))
        assert stats.kstest(paths[:, h], "norm", (mean, variance**0.5)).pvalue > 1e-3
    covariance = np.cov(paths[:, 0], paths[:, 2])[0, 1]
    assert abs(covariance - 0.25 * 0.64) < 5 * 0.25 / 3000**0.5  # a path is one future


def test_quantiles_and_the_median_of_a_forecast_are_those_of_its_paths():
    forecaster = deep_ar()
    paths = forecaster.paths(SERIES)
    answer = forecaster.forecast_answers(SERIES)
    want = np.quantile(paths, forecaster.levels, axis=1, method="weibull").transpose(1, 2, 3, 0)
    np.testing.assert_allclose(answer["quantiles"], want, rtol=1e-4)
    np.testing.assert_allclose(answer["forecast"], np.median(paths, axis=1), rtol=1e-4)


def test_paths_begin_alike_for_any_count_and_differ_by_seed_and_series():
    same = np.repeat(SERIES[0][:, :1], 2, axis=1)
    forecaster = deep_ar([same, same])
    paths = forecaster.paths([same, same], count=6, seed=3)
    assert paths.shape == (2, 6, H, C)
    np.testing.assert_allclose(
        forecaster.paths([same, same], count=2, seed=3), paths[:, :2], rtol=1e-5
    )
    assert (forecaster.paths([same, same], count=6, seed=4) != paths).all()
    streams = paths.transpose(0, 3, 1, 2).reshape(4, -1)  # of two series and two targets
    assert all((streams[i] != streams[j]).all() for i in range(4) for j in range(i))


@pytest.mark.parametrize("of_window", [True, False])
def test_the_loss_of_training_is_the_likelihood_of_all_steps_that_are_there(of_window):
    series = [each.copy() for each in SERIES]
    series[0][[3, 9, 10]] = np.nan
    windows = adapted(series)
    if of_window:
        forecaster = sz.zoo.salinas_2020(windows, units=4, layers=1, dropout=0.0)
    else:
        forecaster = sz.zoo.kuznetsov_2018(windows, 4, feeding="true", head=heads.Gaussian(1))
    forecaster.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    x, y, weight = batch(forecaster, series, size=40)
    logs = forecaster.train_step((x, y, weight))
    outputs = Forecast(*forecaster(with_following(x, y, weight)))
    mean = outputs.from_scaled(outputs.parameters[..., 0]).numpy()
    width = outputs.width_from_scaled(outputs.parameters[..., 1]).numpy()
    actual, is_there = y.numpy(), weight.numpy() > 0
    if of_window:  # of each step after a real one
        seen = x["observed"].numpy()[:, 1:] & x["mask"].numpy()[:, :-1, None]
        actual = np.concatenate([x["history"].numpy()[:, 1:], actual], axis=1)
        is_there = np.concatenate([seen, is_there], axis=1)
    assert mean.shape == actual.shape
    losses = -stats.norm(mean, width).logpdf(actual)
    np.testing.assert_allclose(logs["loss"], losses[is_there].mean(), rtol=1e-4)


def test_the_loss_of_an_evaluation_is_the_likelihood_of_the_future_and_errors_are_of_the_paths():
    forecaster = deep_ar()
    forecaster.compile(run_eagerly=True)
    found = forecaster.evaluate(SERIES, batch_size=40, verbose=0, return_dict=True)
    x, y, weight = batch(forecaster, size=40)
    outputs = Forecast(*forecaster(with_following(x, y, weight)))
    mean = outputs.from_scaled(outputs.parameters[..., 0]).numpy()[:, -H:]
    width = outputs.width_from_scaled(outputs.parameters[..., 1]).numpy()[:, -H:]
    there = weight.numpy() > 0
    losses = -stats.norm(mean, width).logpdf(y.numpy())[there]
    np.testing.assert_allclose(found["loss"], losses.mean(), rtol=1e-4)
    paths = Forecast(*forecaster(x))
    median = np.median(paths.from_scaled(np.moveaxis(paths.parameters.numpy(), -1, 0)), axis=0)
    error = np.abs(y.numpy() - median)[there].mean()
    np.testing.assert_allclose(found["mae"], error, rtol=1e-4)


def test_what_is_fed_is_the_past_alone_and_where_it_is_missing_the_last_value():
    forecaster = deep_ar()
    x, y, weight = batch(forecaster)
    before = forecaster(with_following(x, y, weight)).parameters.numpy()
    later = y.numpy().copy()
    later[:, 2:] += 9.0
    after = forecaster(with_following(x, tf.constant(later), weight)).parameters.numpy()
    steps = L - 1 + 3  # the fed value at H = 2 tells of the step after it
    np.testing.assert_array_equal(after[:, :steps], before[:, :steps])
    assert (after[:, steps:] != before[:, steps:]).any()
    missing = weight.numpy().copy()
    missing[:, 1] = 0
    held, other = y.numpy().copy(), y.numpy().copy()
    held[:, 1], other[:, 1] = held[:, 0], 1e30
    want = forecaster(with_following(x, tf.constant(held), weight)).parameters
    found = forecaster(with_following(x, tf.constant(other), tf.constant(missing))).parameters
    np.testing.assert_allclose(found, want, rtol=1e-5)


def test_a_forecast_that_is_fed_in_training_is_the_one_that_is_answered():
    forecaster = sz.zoo.kuznetsov_2018(adapted(), 4, attention="additive", feeding="own")
    x, y, weight = batch(forecaster)
    trained = forecaster(with_following(x, y, weight))
    answered = forecaster(x)
    np.testing.assert_allclose(trained.parameters, answered.parameters, rtol=1e-5)
    np.testing.assert_allclose(forecaster.decide(answered), forecaster.head.decide(trained), 1e-5)
    assert forecaster.levels == ()
    with pytest.raises(ValueError, match="predicts one value"):
        forecaster.quantile(answered, 0.5)


def test_targets_side_by_side_are_drawn_together():
    windows = adapted()
    head = heads.StudentT(1, C)
    options = {"channels": "joint", "scaling": "standard", "feeding": "true"}
    forecaster = sz.zoo.kuznetsov_2018(windows, 4, head=head, **options)
    forecaster.compile(Adam(1e-2), run_eagerly=True)
    forecaster.fit(SERIES, epochs=1, batch_size=8, verbose=0)
    paths = forecaster.paths(SERIES, count=5)
    assert paths.shape == (2, 5, H, C)
    np.testing.assert_allclose(forecaster.paths(SERIES[:1], count=5)[0], paths[0], rtol=1e-4)


def test_known_covariates_and_calendars_are_those_of_the_step_that_is_predicted():
    hours = np.arange("2024-01-01", "2024-01-04", dtype="datetime64[h]")
    data = {"ds": hours, "y": np.sin(np.arange(72) / 4.0), "k": RNG.normal(size=72)}
    data["y"][-H:] = np.nan
    windows = ForecastWindows(L, H, Columns(known=("k",)), calendar=("hour",))
    windows.adapt(data)
    forecaster = sz.zoo.salinas_2020(windows, units=3, layers=1, path_count=8)
    first = forecaster.paths(data)
    changed = data | {"k": data["k"] + np.where(np.arange(72) == 72 - H + 1, 5.0, 0.0)}
    second = forecaster.paths(changed)
    np.testing.assert_allclose(second[:, :, 0], first[:, :, 0], rtol=1e-5)
    assert (second[:, :, 1:] != first[:, :, 1:]).all()


def test_a_server_answers_paths_of_the_seeds_of_a_request(tmp_path):
    forecaster = deep_ar()
    forecaster.compile()
    forecaster.export(tmp_path)
    served = tf.saved_model.load(str(tmp_path / "1")).signatures["paths"]
    raw = {k: tf.constant(v) for k, v in forecaster.preprocessor.as_raw(SERIES).items()}
    found = served(**raw, seed=tf.constant([0, 5]))["paths"].numpy()
    np.testing.assert_allclose(found[0], forecaster.paths(SERIES)[0], rtol=1e-4)
    np.testing.assert_allclose(found[1], forecaster.paths(SERIES, seed=5)[1], rtol=1e-4)


def test_paths_are_in_units_of_data_that_are_transformed():
    data = [np.exp(each / [4, 80]) for each in SERIES]
    paths = deep_ar(data, transform="log").paths(data)
    assert (paths > 0).all()


def test_what_does_not_fit_is_refused():
    windows = adapted()
    network = sz.zoo.salinas_2020(windows, units=3).network
    with pytest.raises(ValueError, match=r"head of one step\. Received: steps=2"):
        AutoregressiveForecaster(Walk(), heads.Gaussian(2), windows, "none")
    causal = sz.layers.SeriesScaling("last", causal=True)
    with pytest.raises(ValueError, match=r"Received: a causal scaling\. Make it with causal=False"):
        AutoregressiveForecaster(network, heads.Gaussian(1), windows, causal)
    with pytest.raises(ValueError, match="`path_count` must be at least 1"):
        AutoregressiveForecaster(network, heads.Gaussian(1), windows, path_count=0)
    with pytest.raises(ValueError, match="Unknown `feeding` 'none'"):
        AutoregressiveForecaster(network, heads.Gaussian(1), windows, feeding="none")
    with pytest.raises(ValueError, match=r"`levels` must ascend between 0 and 1.* \[0.9, 0.1\]"):
        AutoregressiveForecaster(network, heads.Gaussian(1), windows, levels=(0.9, 0.1))


def test_its_config_makes_it_again():
    network = sz.zoo.salinas_2020(adapted(), units=3).network
    options = {"path_count": 7, "levels": (0.2, 0.5), "feeding": "own", "scaling": "standard"}
    forecaster = AutoregressiveForecaster(network, heads.Gaussian(1), adapted(), **options)
    config = keras.saving.serialize_keras_object(forecaster)
    again = keras.saving.deserialize_keras_object(config)
    assert again.scaling.method == "standard"
    assert (again.path_count, again.levels, again.feeding) == (7, (0.2, 0.5), "own")


def test_a_seed_of_more_than_32_bits_is_refused():
    with pytest.raises(ValueError, match=r"`seed` must be an int of 32 bits\. Received: 1099511"):
        deep_ar().paths(SERIES, count=2, seed=2**40)
