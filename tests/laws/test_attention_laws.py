"""What holds for every attention: equations, masks, memories."""

import keras
import numpy as np
import pytest
from attention_references import REFERENCES
from derivatives import assert_all_close, assert_gradients_are_finite_differences, randomize
from keras import ops
from layer_cases import (
    ATTENTION_MAKERS,
    BATCH,
    SOURCE,
    SOURCE_MASK,
    STATEFUL,
    TIME,
    UNITS,
    VALUES,
    normal,
    value_width,
)

from seqzoo.layers import AdditiveAttention, ConcatAttention, DotAttention, Memory
from seqzoo.layers.attention import make_attention

QUERY = normal(BATCH, TIME, UNITS)

everywhere = pytest.mark.parametrize("name", ATTENTION_MAKERS)


def made(name):
    """A float64 layer with random weights, and values for it."""
    attention = ATTENTION_MAKERS[name](UNITS + 1, dtype="float64")
    values = normal(BATCH, SOURCE, value_width(name))
    attention(QUERY, values)
    return randomize(attention), values


@everywhere
@pytest.mark.parametrize("mask", [None, SOURCE_MASK])
def test_context_and_weights_are_those_of_the_equations(name, mask):
    attention, values = made(name)
    context, weights, state = attention(QUERY, values, mask=mask)
    mask = np.ones((BATCH, SOURCE), "bool") if mask is None else mask
    attend = REFERENCES[name.partition(",")[0]]
    for row in range(BATCH):
        kept = None
        for t in range(TIME):
            *expected, kept = attend(attention, QUERY[row, t], values[row], mask[row], kept)
            assert_all_close([context[row, t], weights[row, t]], expected, atol=1e-13)
        if name in STATEFUL:
            np.testing.assert_allclose(state[row, 0], kept, atol=1e-13)
    assert name in STATEFUL or state == ()


@everywhere
def test_weights_are_shares_of_the_real_steps(name):
    attention, values = made(name)
    context, weights, _ = attention(QUERY, values, mask=SOURCE_MASK)
    real = SOURCE_MASK.any(axis=1)
    np.testing.assert_allclose(np.sum(weights, axis=-1), np.repeat(real[:, None], TIME, axis=1))
    assert np.all(np.asarray(weights)[np.broadcast_to(~SOURCE_MASK[:, None], weights.shape)] == 0)
    np.testing.assert_array_equal(context[~real], np.zeros((1, TIME, values.shape[2])))


@everywhere
def test_padding_changes_nothing_wherever_it_stands(name):
    attention, values = made(name)
    long, mask = normal(BATCH, 8, values.shape[2]), np.zeros((BATCH, 8), "bool")
    for row, places in enumerate([[0, 1, 2, 3, 4], [3, 4, 5, 6, 7], [0, 2, 3, 5, 6]]):
        long[row, places], mask[row, places] = values[row], True
    context, weights, _ = attention(QUERY, long, mask=mask)
    expected_context, expected_weights, _ = attention(QUERY, values)
    weights = np.transpose(weights, (0, 2, 1))[mask]
    expected_weights = np.transpose(expected_weights, (0, 2, 1)).reshape(weights.shape)
    found, expected = [context, weights], [expected_context, expected_weights]
    assert_all_close(found, expected, atol=1e-13)


@everywhere
def test_gradients_are_finite_differences_and_finite_without_a_real_step(name):
    attention, values = made(name)
    arguments = {"query": QUERY, "memory": values, "mask": SOURCE_MASK}
    assert not SOURCE_MASK.all(axis=1).any()
    assert not SOURCE_MASK[-1].any()
    assert_gradients_are_finite_differences(attention, arguments, attention.trainable_variables)


@everywhere
def test_a_memory_is_projected_once_and_serves_any_queries(name):
    attention, values = made(name)
    memory = attention.memory(values, SOURCE_MASK)
    *together, last = attention(QUERY, values, mask=SOURCE_MASK)
    assert_all_close(attention(QUERY, memory)[:2], together)
    state = None
    for t in range(TIME):
        *apart, state = attention(QUERY[:, t : t + 1], list(memory), state)  # any sequence will do
        assert_all_close(apart, [leaf[:, t : t + 1] for leaf in together], atol=1e-13)
    assert_all_close(keras.tree.flatten(state), keras.tree.flatten(last), atol=1e-13)


@everywhere
def test_a_fresh_layer_can_be_built_on_a_memory(name):
    attention, values = made(name)
    memory = attention.memory(values, SOURCE_MASK)
    other = ATTENTION_MAKERS[name](UNITS + 1, dtype="float64")
    other(QUERY, Memory(*memory))
    other.set_weights(attention.get_weights())
    assert_all_close(other(QUERY, memory)[:2], attention(QUERY, memory)[:2])


@everywhere
def test_a_mask_that_keras_attached_to_the_values_counts_as_one_that_is_given(name):
    attention, values = made(name)
    masked = keras.layers.Masking(dtype="float64")(values * SOURCE_MASK[..., None])
    expected = attention(QUERY, ops.copy(masked), mask=SOURCE_MASK)
    assert_all_close(attention(QUERY, masked)[:2], expected[:2])


@everywhere
def test_a_mask_gives_no_warning_and_is_not_that_of_the_context(name, recwarn):
    attention, values = made(name)
    context, weights, _ = attention(QUERY, values, mask=SOURCE_MASK)
    assert not [str(w.message) for w in recwarn if "mask" in str(w.message)]
    assert not hasattr(context, "_keras_mask")
    assert not hasattr(weights, "_keras_mask")


def test_the_concat_score_begins_as_one_matrix():
    """Which Glorot's rule draws more narrowly than two of half its height."""
    drawn = {}
    for kind in (AdditiveAttention, ConcatAttention):
        attention = kind(300)
        attention(normal(1, 1, 200), normal(1, 1, 100))
        drawn[kind] = [np.abs(w).max() for w in (attention.query_kernel, attention.key_kernel)]
    limits = [np.sqrt(6 / 500), np.sqrt(6 / 400)]
    np.testing.assert_allclose(drawn[AdditiveAttention], limits, rtol=1e-2)
    np.testing.assert_allclose(drawn[ConcatAttention], np.sqrt(6 / 600), rtol=1e-2)


def test_kernels_of_one_shape_begin_apart():
    for kind in (AdditiveAttention, ConcatAttention):
        attention = kind(UNITS)
        attention(normal(1, 1, VALUES), normal(1, 1, VALUES))
        assert np.abs(attention.query_kernel - attention.key_kernel).min() > 0


@pytest.mark.parametrize("name", ["dot", "scaled_dot"])
def test_the_dot_score_refuses_queries_and_values_of_two_widths(name):
    with pytest.raises(ValueError, match=r"queries of 6 and values of 9\. Make them equal or use"):
        make_attention(name, UNITS)(QUERY, normal(BATCH, SOURCE, VALUES))


@pytest.mark.parametrize("size", ["filters", "kernel_size"])
def test_location_without_features_is_refused(size):
    with pytest.raises(ValueError, match=f"`{size}` must be at least 1. Received: {size}=0"):
        make_attention("location", UNITS, **{size: 0})(QUERY, normal(BATCH, SOURCE, VALUES))


@pytest.mark.parametrize("name", ["additive", "concat", "coverage", "location"])
def test_a_score_without_units_is_refused(name):
    with pytest.raises(ValueError, match=r"`units` must be at least 1\. Received: units=0"):
        make_attention(name, 0)(QUERY, normal(BATCH, SOURCE, VALUES))


def test_an_unknown_attention_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"Unknown `attention` 'aditive'\. Did you mean 'add"):
        make_attention("aditive", UNITS)


def test_scaling_keeps_wide_queries_from_saturating():
    query, values = np.full((1, 1, 64), 2.0), np.stack([np.full((1, 64), k) for k in (0.0, 1.0)], 1)
    plain, scaled = (DotAttention(scaled=s)(query, values)[1][0, 0] for s in (False, True))
    np.testing.assert_allclose(plain, [np.exp(-128), 1], atol=1e-6)
    np.testing.assert_allclose(scaled, np.exp([0, 16]) / np.exp([0, 16]).sum(), rtol=1e-5)
