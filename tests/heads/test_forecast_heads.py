"""Heads of forecasts against the densities and quantiles of SciPy."""

import keras
import numpy as np
import pytest
from scipy import special, stats

from seqzoo.heads import FORECAST_HEADS, Forecast, Gaussian, Point, Quantiles, StudentT
from seqzoo.ops.quantile_functions import (
    log_gamma,
    normal_variate,
    student_t_quantile,
    student_t_variate,
)

B, N, H, C, F = 2, 1, 3, 4, 5
RNG = np.random.default_rng(0)
HIDDEN = RNG.normal(size=(B, N, F)).astype("float32") * 3
Y = RNG.normal(size=(B, N, H, C)).astype("float32")
WEIGHT = (RNG.random((B, N, H, C)) < 0.7).astype("float32")
LOCATION, SCALE = RNG.normal(size=(B, N, 1, C)), 0.5 + RNG.random((B, N, 1, C))
everywhere = pytest.mark.parametrize("name", FORECAST_HEADS)


def outputs_of(head):
    parameters = head(HIDDEN).parameters
    return Forecast(parameters, LOCATION.astype("float32"), SCALE.astype("float32"))


def loss_each(head, outputs):
    return np.asarray(head.losses(Y, outputs))


@everywhere
def test_a_head_is_projected_to_steps_and_series_and_made_again_by_its_config(name):
    head = FORECAST_HEADS[name](H, C)
    assert head(HIDDEN).parameters.shape == (B, N, H, C, head.parameter_count)
    again = type(head).from_config(head.get_config())
    assert again.get_config() == head.get_config()
    assert head(keras.Input((None, F))).parameters.shape == (None, None, H, C, head.parameter_count)


@everywhere
def test_missing_values_count_nothing_whatever_stands_there(name):
    head = FORECAST_HEADS[name](H, C)
    outputs = outputs_of(head)
    want = np.sum(loss_each(head, outputs) * WEIGHT), np.sum(WEIGHT)
    for filler in (np.nan, 1e30):
        y = np.where(WEIGHT > 0, Y, filler).astype("float32")
        np.testing.assert_allclose([float(x) for x in head.loss(y, outputs, WEIGHT)], want, 1e-5)
        for value, weight in head.measure(y, outputs, WEIGHT):
            assert np.isfinite(np.asarray(value) * np.asarray(weight)).all()


def test_the_loss_of_gaussian_is_the_negative_log_density():
    head = Gaussian(H, C)
    outputs = outputs_of(head)
    mean, width = np.moveaxis(np.asarray(outputs.parameters, float), -1, 0)
    density = stats.norm(mean * SCALE + LOCATION, width * SCALE)
    np.testing.assert_allclose(loss_each(head, outputs), -density.logpdf(Y), rtol=1e-4, atol=1e-4)
    for level in (0.05, 0.5, 0.9):
        quantile = np.asarray(head.quantile(outputs, level))
        np.testing.assert_allclose(quantile, density.ppf(level), rtol=1e-4, atol=1e-4)


def test_the_loss_of_student_t_is_the_negative_log_density():
    head = StudentT(H, C)
    outputs = outputs_of(head)
    middle, width, freedom = np.moveaxis(np.asarray(outputs.parameters, float), -1, 0)
    density = stats.t(freedom, middle * SCALE + LOCATION, width * SCALE)
    np.testing.assert_allclose(loss_each(head, outputs), -density.logpdf(Y), rtol=1e-4, atol=1e-4)
    for level in (0.05, 0.5, 0.9):
        quantile = np.asarray(head.quantile(outputs, level))
        np.testing.assert_allclose(quantile, density.ppf(level), rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("level", [0.001, 0.025, 0.3, 0.5, 0.6, 0.9, 0.999])
def test_quantiles_of_student_t_are_those_of_scipy(level):
    freedom = np.array([2, 2.1, 2.5, 3, 4, 4.9, 5, 8, 20, 1000.0])
    found = np.asarray(student_t_quantile(level, freedom))
    np.testing.assert_allclose(found, stats.t.ppf(level, freedom), rtol=1e-3, atol=1e-9)


def test_log_gamma_is_that_of_scipy():
    x = np.linspace(1, 300, 999)
    np.testing.assert_allclose(np.asarray(log_gamma(x)), special.gammaln(x), rtol=1e-6, atol=1e-7)


def test_quantiles_ascend_and_their_loss_is_twice_the_mean_pinball_loss():
    levels = (0.1, 0.5, 0.6, 0.95)
    head = Quantiles(H, C, levels)
    outputs = outputs_of(head)
    values = np.stack([np.asarray(head.quantile(outputs, level)) for level in levels], axis=-1)
    assert (np.diff(values, axis=-1) > 0).all()
    error = Y[..., None] - values
    pinball = np.where(error > 0, np.array(levels) * error, (np.array(levels) - 1) * error)
    np.testing.assert_allclose(loss_each(head, outputs), 2 * pinball.mean(-1), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(head.decide(outputs), values[..., 1])


def test_the_loss_of_the_median_alone_is_the_absolute_error():
    keras.utils.set_random_seed(1)
    median, point = Quantiles(H, C, (0.5,)), Point(H, C, "absolute")
    point.build(HIDDEN.shape), median.build(HIDDEN.shape)
    point.set_weights(median.get_weights())
    np.testing.assert_allclose(
        loss_each(median, outputs_of(median)), loss_each(point, outputs_of(point)), rtol=1e-6
    )


def test_a_huber_error_is_squared_below_1_and_absolute_beyond():
    head = Point(1, error="huber")
    outputs = Forecast(np.zeros((1, 1, 1, 2, 1), "float32"))
    losses = np.asarray(head.losses(np.array([[[[0.5, -3.0]]]], "float32"), outputs))
    np.testing.assert_allclose(losses.ravel(), [0.125, 2.5])


@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.9, 0.5, 0.1), (0.0, 0.5), (0.5, 0.5)])
def test_levels_that_cannot_be_are_refused(levels):
    with pytest.raises(ValueError, match=r"ascend between 0 and 1 and hold 0\.5"):
        Quantiles(1, levels=levels)


def test_a_level_that_was_not_trained_and_quantiles_of_a_point_are_refused():
    with pytest.raises(ValueError, match=r"predicts the levels .* Received: level=0.33"):
        Quantiles(1).quantile(Forecast(np.zeros((1, 1, 1, 9))), 0.33)
    with pytest.raises(ValueError, match="`Point` head predicts one value"):
        Point(1).quantile(Forecast(np.zeros((1, 1, 1, 1))), 0.5)
    with pytest.raises(ValueError, match=r"`steps` must be at least 1\. Received: steps=0"):
        Point(0)(HIDDEN)


@everywhere
def test_empirical_quantiles_of_many_samples_are_the_quantiles(name):
    head = FORECAST_HEADS[name](H, C)
    outputs, count = outputs_of(head), 40_000
    spread = head.uniforms_per_value
    u = np.random.default_rng(1).random((count, B, N, H, C, spread)).astype("float32")
    drawn = np.asarray(head.sample(outputs, u), float)
    if not spread:
        np.testing.assert_array_equal(drawn, head.decide(outputs))
        return
    for level in (0.1, 0.3, 0.5, 0.9):
        share = (drawn < np.asarray(head.quantile(outputs, level))).mean(axis=0)
        error = (level * (1 - level) / count) ** 0.5
        assert np.abs(share - level).max() < 4.5 * error, level


def test_samples_of_student_t_are_those_of_scipy_for_any_degrees_of_freedom():
    u, v = np.random.default_rng(2).random((2, 40_000)).astype("float32")
    for freedom in (2.0, 2.7, 9.0, 500.0):
        drawn = np.asarray(student_t_variate(u, v, np.float32(freedom)))
        assert stats.kstest(drawn, stats.t(freedom).cdf).pvalue > 1e-3


def test_samples_of_a_normal_distribution_are_its_quantiles():
    levels = np.linspace(0.001, 0.999, 999, dtype="float32")
    np.testing.assert_allclose(normal_variate(levels), stats.norm.ppf(levels), atol=2e-5)


def test_samples_of_the_median_alone_have_no_spread():
    head = Quantiles(H, C, (0.5,))
    outputs = outputs_of(head)
    drawn = head.sample(outputs, RNG.random((B, N, H, C, 1)).astype("float32"))
    np.testing.assert_array_equal(drawn, head.decide(outputs))
