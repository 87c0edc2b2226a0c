"""Scaling by exponential smoothing: parts by rates of each series, and back."""

import keras
import numpy as np
import pytest

from seqzoo.layers import Scaled, SeriesSmoothing
from seqzoo.ops.exponential_smoothing import smooth

B, L, C, P, H = 4, 12, 2, 1, 5
SEASONS = [3, 6]
RNG = np.random.default_rng(0)
VALUES = (RNG.normal(size=(B, L, C + P)) * [1, 20, 3] + [0, 300, 5]).astype("float32")
OBSERVED = RNG.random((B, L, C + P)) < 0.8
SERIES = np.array([1, 0, -1, 2], "int32")


@pytest.fixture
def layer():
    layer = SeriesSmoothing(3, H, SEASONS, C)
    layer(VALUES, OBSERVED, series=SERIES)
    layer.own_rates.assign(0.1 * RNG.normal(size=(3 * C, 3)))
    return layer


def test_each_target_of_each_series_is_smoothed_by_its_own_rates(layer):
    values, location, scale = Scaled(*layer(VALUES, OBSERVED, series=SERIES))
    assert values.shape == (B, L, C + P)
    shared, own = (np.float64(each) for each in layer.get_weights())
    for b, c in np.ndindex(B, C):
        logits = shared + (10 * own.reshape(3, C, 3)[SERIES[b], c] if SERIES[b] >= 0 else 0)
        level_rate, *rates = (np.array([[1 / (1 + np.exp(-each))]]) for each in logits)
        y, seen = np.float64(VALUES[b : b + 1, :, c]), OBSERVED[b : b + 1, :, c]
        levels, seasonal, ahead = (
            np.asarray(each)[0] for each in smooth(y, seen, level_rate, rates, SEASONS, H)
        )
        spread = np.where(seen, y, levels)[0, -SEASONS[1] :].std()
        left = np.where(seen[0], y[0] - seasonal, levels) - levels[-1]
        np.testing.assert_allclose(values[b, :, c], left / spread, atol=2e-4)
        np.testing.assert_allclose(location[b, :, c], levels[-1] + ahead, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(scale[b, 0, c], spread, rtol=1e-5)


def test_series_in_other_units_have_the_same_scaled_values(layer):
    one = Scaled(*layer(VALUES, OBSERVED, series=SERIES))
    other = Scaled(*layer(3 * VALUES - 50, OBSERVED, series=SERIES))
    np.testing.assert_allclose(other.values, one.values, atol=1e-3)
    np.testing.assert_allclose(other.location, 3 * np.asarray(one.location) - 50, rtol=1e-4)


def test_what_was_not_observed_does_not_matter_and_all_missing_is_finite(layer):
    one = Scaled(*layer(VALUES, OBSERVED, series=SERIES))
    dirty = np.where(OBSERVED, VALUES, 1e9).astype("float32")
    for side, other in zip(one, layer(dirty, OBSERVED, series=SERIES), strict=True):
        np.testing.assert_array_equal(side, other)
    for side in layer(VALUES, np.zeros_like(OBSERVED)):
        assert np.isfinite(side).all()


def test_constant_series_go_on():
    constant = np.full((1, L, 1), 7.0, "float32")
    values, location, scale = SeriesSmoothing(1, H, [3])(constant)
    np.testing.assert_allclose(values, 0 * constant, atol=1e-6)
    np.testing.assert_allclose(location, np.full((1, H, 1), 7.0), rtol=1e-6)
    assert float(scale[0, 0, 0]) == 1


def test_its_config_makes_it_again(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    again(VALUES, OBSERVED, series=SERIES)
    again.set_weights(layer.get_weights())
    for side, other in zip(layer(VALUES, series=SERIES), again(VALUES, series=SERIES), strict=True):
        np.testing.assert_array_equal(side, other)
    symbolic = layer(keras.Input((L, C + P)))
    assert symbolic[1].shape == (None, H, C)


@pytest.mark.parametrize("seasons", [[], [1], [6, 3]])
def test_seasons_that_do_not_ascend_are_refused(seasons):
    with pytest.raises(ValueError, match=r"none below the first. Received: seasons="):
        SeriesSmoothing(1, H, seasons)
