"""Scaling of windows against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.layers import Scaled, SeriesScaling
from seqzoo.layers.scaling import SCALINGS, fill_forward

RNG = np.random.default_rng(0)
B, L, C = 4, 7, 3
VALUES = (RNG.normal(size=(B, L, C)) * [1, 10, 1000] + [5, -3, 1e5]).astype("float32")
OBSERVED = RNG.random((B, L, C)) < 0.6
OBSERVED[0, :4] = False  # begins late
OBSERVED[3, :, 1] = False  # never
GAPS = np.where(OBSERVED, VALUES, np.nan).astype("float32")
methods = pytest.mark.parametrize("method", SCALINGS)


def filled_by_hand(values, observed):
    filled = np.zeros_like(values)
    for b, c in np.ndindex(B, C):
        last = 0.0
        for t in range(values.shape[1]):
            last = values[b, t, c] if observed[b, t, c] else last
            filled[b, t, c] = last
    return filled


def constants_by_hand(values, observed, method):
    location, scale = np.zeros((B, 1, C)), np.ones((B, 1, C))
    for b, c in np.ndindex(B, C):
        seen = values[b, observed[b, :, c], c].astype(float)
        if method == "none" or not len(seen):
            continue
        if method == "last":
            location[b, 0, c] = seen[-1]
        elif method == "mean":
            scale[b, 0, c] = np.abs(seen).mean()
        else:
            location[b, 0, c] = seen.mean()
            scale[b, 0, c] = seen.std() if len(seen) > 1 else 1
    return location, scale


def test_gaps_repeat_the_value_before_them_whatever_stands_there():
    want = filled_by_hand(VALUES, OBSERVED)
    np.testing.assert_array_equal(fill_forward(tf.constant(GAPS), tf.constant(OBSERVED)), want)
    spec = [tf.TensorSpec([None, None, C], dtype) for dtype in (tf.float32, tf.bool)]
    of_any_length = tf.function(fill_forward, input_signature=spec, autograph=False)
    np.testing.assert_array_equal(of_any_length(GAPS, OBSERVED), want)


@methods
def test_constants_are_those_of_the_observed_values(method):
    scaled = Scaled(*SeriesScaling(method)(GAPS, OBSERVED))
    location, scale = constants_by_hand(VALUES, OBSERVED, method)
    np.testing.assert_allclose(scaled.location, location, rtol=1e-5)
    np.testing.assert_allclose(scaled.scale, scale, rtol=1e-4)
    seen = OBSERVED.cumsum(axis=1) > 0
    back = np.asarray(scaled.values) * np.asarray(scaled.scale) + np.asarray(scaled.location)
    np.testing.assert_allclose(back[seen], filled_by_hand(VALUES, OBSERVED)[seen], rtol=1e-4)
    assert not np.asarray(scaled.values)[~seen].any()


@methods
def test_causal_constants_of_a_step_are_those_of_the_window_that_ends_there(method):
    causal = Scaled(*SeriesScaling(method, causal=True)(GAPS, OBSERVED))
    for t in range(L):
        location, scale = constants_by_hand(VALUES[:, : t + 1], OBSERVED[:, : t + 1], method)
        np.testing.assert_allclose(causal.location[:, t], location[:, 0], rtol=1e-4)
        np.testing.assert_allclose(causal.scale[:, t], scale[:, 0], rtol=2e-2)


def test_each_value_is_relative_to_the_one_before_where_every_step_is_an_origin():
    scaled = Scaled(*SeriesScaling("last", causal=True)(GAPS, OBSERVED))
    filled = filled_by_hand(VALUES, OBSERVED)
    want = np.diff(filled, axis=1, prepend=0)
    seen = OBSERVED.cumsum(axis=1) > 0
    want[~seen | (seen.cumsum(axis=1) == 1)] = 0
    np.testing.assert_allclose(scaled.values, want, rtol=1e-5)


def test_a_constant_series_keeps_its_scale():
    scaled = Scaled(*SeriesScaling("standard")(np.full((1, 4, 1), 7.0)))
    np.testing.assert_array_equal(scaled.scale, [[[1.0]]])
    np.testing.assert_array_equal(scaled.values, np.zeros((1, 4, 1)))


@methods
def test_it_is_called_on_symbolic_tensors_and_made_again_by_its_config(method):
    layer = SeriesScaling(method, causal=True)
    again = SeriesScaling.from_config(layer.get_config())
    assert (again.method, again.causal) == (method, True)
    scaled = Scaled(*again(keras.Input((None, C))))
    assert scaled.values.shape == scaled.scale.shape == (None, None, C)
