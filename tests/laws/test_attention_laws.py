"""What holds for every attention: equations, masks, memories."""

from functools import partial

import keras
import numpy as np
import pytest
from attention_references import REFERENCES
from derivatives import assert_all_close, assert_gradients_are_finite_differences, randomize
from keras import ops
from layer_cases import (
    ATTENTION_MAKERS,
    BATCH,
    FEATURES,
    MASK,
    SOURCE,
    SOURCE_MASK,
    STATEFUL,
    TIME,
    UNITS,
    VALUES,
    normal,
    value_width,
)
from tracing import compiled

from seqzoo.layers import (
    CRF,
    AdditiveAttention,
    ConcatAttention,
    DotAttention,
    Memory,
    Pooling,
    SelfAttentionPooling,
)
from seqzoo.layers.attention import make_attention
from seqzoo.layers.pooling import POOLINGS

QUERY = normal(BATCH, TIME, UNITS)
QUERY_MASK = np.array([np.tri(TIME, SOURCE, 1), np.ones((TIME, SOURCE)), np.eye(TIME, SOURCE)]) > 0
QUERY_MASK[1, 2] = False  # may read nothing

everywhere = pytest.mark.parametrize("name", ATTENTION_MAKERS)


SEQUENCE_MASKS = {"holes": MASK, "empty": np.zeros_like(MASK)}
INTO_MODELS = {
    f"attention {name}": (
        partial(make, UNITS + 1),
        {"query": QUERY, "memory": normal(BATCH, SOURCE, value_width(name))},
        {"holes": SOURCE_MASK, "empty": np.zeros_like(SOURCE_MASK), "of queries": QUERY_MASK},
    )
    for name, make in ATTENTION_MAKERS.items()
}
INTO_MODELS |= {
    f"pooling {name}": (make, {"values": normal(BATCH, TIME, FEATURES)}, SEQUENCE_MASKS)
    for name, make in [
        *((kind, partial(Pooling, kind)) for kind in POOLINGS),
        ("with a penalty", partial(SelfAttentionPooling, UNITS, hops=2, penalty=0.5)),
    ]
}
INTO_MODELS |= {
    "crf": (partial(CRF, FEATURES), {"potentials": normal(BATCH, TIME, FEATURES)}, SEQUENCE_MASKS)
}
"""Layers that read a sequence under a mask, with their arguments and masks."""


def made(name):
    """A float64 layer with random weights, and values for it."""
    attention = ATTENTION_MAKERS[name](UNITS + 1, dtype="float64")
    values = normal(BATCH, SOURCE, value_width(name))
    attention(QUERY, values)
    return randomize(attention), values


@pytest.mark.one_of_each
@everywhere
@pytest.mark.parametrize("query_mask", [None, QUERY_MASK])
@pytest.mark.parametrize("mask", [None, SOURCE_MASK])
def test_context_and_weights_are_those_of_the_equations(name, mask, query_mask):
    attention, values = made(name)
    if query_mask is None:
        context, weights, state = attention(QUERY, values, mask=mask)
    else:
        context, weights, state = attention(QUERY, attention.memory(values, mask), mask=query_mask)
    mask = np.ones((BATCH, SOURCE), "bool") if mask is None else mask
    readable = np.repeat(mask[:, None], TIME, axis=1)
    readable = readable if query_mask is None else readable & query_mask
    attend = REFERENCES[name.partition(",")[0]]
    for row in range(BATCH):
        before = None
        for t in range(TIME):
            *expected, before = attend(
                attention, QUERY[row, t], values[row], mask[row], readable[row, t], before
            )
            assert_all_close([context[row, t], weights[row, t]], expected, atol=1e-13)
        if name in STATEFUL:
            np.testing.assert_allclose(state[row, 0], before, atol=1e-13)
    assert name in STATEFUL or state == ()


@everywhere
def test_weights_are_returned_only_on_request(name):
    attention, values = made(name)
    context, _, state = attention(QUERY, values, mask=SOURCE_MASK)
    without = attention(QUERY, values, mask=SOURCE_MASK, return_weights=False)
    np.testing.assert_allclose(without[0], context, atol=1e-13)
    assert without[1] == ()
    assert_all_close(keras.tree.flatten(without[2]), keras.tree.flatten(state), atol=1e-13)


@pytest.mark.parametrize("name", INTO_MODELS)
def test_on_keras_inputs_in_a_compiled_function_and_eagerly_it_gives_the_same(name):
    make, arguments, masks = INTO_MODELS[name]
    layer = make(dtype="float64")
    # Steps are open everywhere, in a mask of queries twice.
    shapes = {key: (None, leaf.shape[2]) for key, leaf in arguments.items()}
    shapes |= {key: (None,) * (leaf.ndim - 1) for key, leaf in masks.items()}
    inputs = {
        key: keras.Input(shapes[key], dtype=leaf.dtype.name, name=key)
        for key, leaf in (arguments | masks).items()
    }
    of_layer = {key: inputs[key] for key in arguments}
    outputs = [layer(**of_layer), *(layer(**of_layer, mask=inputs[key]) for key in masks)]
    assert None not in keras.tree.flatten(outputs)
    model = keras.Model(inputs, keras.tree.flatten(outputs))
    randomize(layer)
    found = compiled(model, jit_compile=False)(arguments | masks)
    eager = [layer(**arguments), *(layer(**arguments, mask=mask) for mask in masks.values())]
    assert_all_close(found, keras.tree.flatten(eager), atol=1e-13)
    assert all(np.isfinite(leaf).all() for leaf in found)


@everywhere
def test_weights_of_the_real_steps_sum_to_one(name):
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
    for row, steps in enumerate([[0, 1, 2, 3, 4], [3, 4, 5, 6, 7], [0, 2, 3, 5, 6]]):
        long[row, steps], mask[row, steps] = values[row], True
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
        *apart, state = attention(QUERY[:, t : t + 1], list(memory), state)  # or any sequence
        assert_all_close(apart, [leaf[:, t : t + 1] for leaf in together], atol=1e-13)
    assert_all_close(keras.tree.flatten(state), keras.tree.flatten(last), atol=1e-13)


@everywhere
def test_a_memory_before_the_weights_is_refused_with_what_to_do(name):
    attention, values = made(name)
    fresh = ATTENTION_MAKERS[name](UNITS + 1, dtype="float64")
    if attention.weights:
        with pytest.raises(ValueError, match=r"is not built.*shape \(3, 5, \d\)\. Call `build\("):
            fresh.memory(values)
        fresh.build(QUERY.shape, values.shape)
        fresh.set_weights(attention.get_weights())
    found, expected = (each.memory(values, SOURCE_MASK) for each in (fresh, attention))
    assert_all_close(keras.tree.flatten(found), keras.tree.flatten(expected))


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


def test_pooling_beside_a_final_state_reads_the_attached_mask():
    """Which Keras itself passes only to a layer that is called on one tensor."""
    values = keras.layers.Masking(dtype="float64")(normal(BATCH, TIME, FEATURES) * MASK[..., None])
    pooling, last = Pooling("concat", dtype="float64"), normal(BATCH, UNITS)
    expected = pooling(ops.copy(values), mask=MASK, last=last)
    np.testing.assert_allclose(pooling(values, last=last), expected, atol=1e-14)


def test_a_mask_of_steps_beside_a_memory_is_refused():
    attention, values = made("additive")
    with pytest.raises(ValueError, match=r"has its own mask\. Received: a mask of shape \(3, 5\)"):
        attention(QUERY, attention.memory(values), mask=SOURCE_MASK)


def test_the_concat_score_is_initialized_as_one_matrix():
    """Glorot's rule gives it smaller values than two matrices of half its height."""
    drawn = {}
    for kind in (AdditiveAttention, ConcatAttention):
        attention = kind(300)
        attention(normal(1, 1, 200), normal(1, 1, 100))
        drawn[kind] = [np.abs(w).max() for w in (attention.query_kernel, attention.key_kernel)]
    limits = [np.sqrt(6 / 500), np.sqrt(6 / 400)]
    np.testing.assert_allclose(drawn[AdditiveAttention], limits, rtol=1e-2)
    np.testing.assert_allclose(drawn[ConcatAttention], np.sqrt(6 / 600), rtol=1e-2)


def test_kernels_of_one_shape_have_different_initial_values():
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
