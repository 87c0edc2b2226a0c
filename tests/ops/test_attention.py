"""Attention on tensors, beside a loop over its queries in NumPy."""

import warnings

import numpy as np
import pytest
from keras import ops
from tracing import compiled, gradients_of

from seqzoo.ops.attention import attend, attend_by_scores, masked_weights

BATCH, HEADS, TIME, SOURCE, FEATURES, VALUES = 3, 2, 4, 5, 6, 7
RNG = np.random.default_rng(0)
PADDING = np.array([[1, 0, 1, 1, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], "bool")
MASKS = {
    "none": None,
    "of padding": PADDING[:, None],
    "causal": np.tri(TIME, SOURCE, -1, dtype="bool"),  # the first query may read nothing
    "of each query": RNG.random((BATCH, TIME, SOURCE)) < 0.5,
    "of nothing": np.zeros((BATCH, 1, SOURCE), "bool"),
}
MASKS["of each query"][0, 1] = False


def inputs(*leading):
    return (
        RNG.normal(size=(*leading, TIME, FEATURES)),
        RNG.normal(size=(*leading, SOURCE, FEATURES)),
        RNG.normal(size=(*leading, SOURCE, VALUES)),
    )


def softmax_by_hand(scores, mask):
    """Softmax of scores `(S,)` over the True positions of a mask; zeros where there are none."""
    weights = np.zeros_like(scores)
    if mask.any():
        exponentials = np.exp(scores[mask] - scores[mask].max())
        weights[mask] = exponentials / exponentials.sum()
    return weights


def attend_by_hand(query, key, value, mask, bias, scale):
    """Reads with one query after the other, with one mask and bias for each."""
    context, weights = np.zeros((*query.shape[:-1], VALUES)), np.zeros(mask.shape)
    for position in np.ndindex(query.shape[:-1]):
        row = position[:-1]
        scores = np.array([scale * query[position] @ k for k in key[row]]) + bias[position]
        weights[position] = softmax_by_hand(scores, mask[position])
        context[position] = weights[position] @ value[row]
    return context, weights


@pytest.mark.parametrize("leading", [(BATCH,), (BATCH, HEADS)])
@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("scale", [None, 1.0, 0.3])
def test_context_and_weights_are_those_of_a_loop_over_queries(name, leading, scale):
    mask, shape = MASKS[name], (*leading, TIME, SOURCE)
    query, key, value = inputs(*leading)
    bias = RNG.normal(size=(BATCH, TIME, SOURCE))
    readable = np.ones((), "bool") if mask is None else for_heads(mask, shape)
    factor = FEATURES**-0.5 if scale is None else scale
    biases = np.broadcast_to(for_heads(bias, shape), shape)
    readable = np.broadcast_to(readable, shape)
    expected = attend_by_hand(query, key, value, readable, biases, factor)
    found = attend(query, key, value, mask, bias, return_weights=True, scale=scale)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)
    context, weights = attend(query, key, value, mask, bias, scale=scale)
    np.testing.assert_allclose(context, expected[0], atol=1e-13)
    assert weights == ()


def for_heads(mask, shape):
    return mask[:, None] if len(shape) == 4 and mask.ndim == 3 else mask


def test_each_head_can_have_a_mask_of_its_own():
    query, key, value = inputs(BATCH, HEADS)
    mask = RNG.random((BATCH, HEADS, TIME, SOURCE)) < 0.5
    expected = attend_by_hand(query, key, value, mask, np.zeros(mask.shape), FEATURES**-0.5)
    found = attend(query, key, value, mask, return_weights=True)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)


@pytest.mark.parametrize("level", [-1e30, -1e5, 1e5, 1e30])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_only_steps_that_may_be_read_get_weight_whatever_the_scores(dtype, level):
    scores = ops.convert_to_tensor(np.where(PADDING, level, -level), dtype)
    expected = PADDING / np.maximum(PADDING.sum(axis=1, keepdims=True), 1)
    weights = masked_weights(scores, PADDING)
    assert weights.dtype == dtype
    np.testing.assert_allclose(ops.cast(weights, "float64"), expected, rtol=0.01)


def test_half_precision_holds_its_scores():
    scores = ops.convert_to_tensor(np.where(PADDING, -2e4, 6e4), "float16")
    expected = PADDING / np.maximum(PADDING.sum(axis=1, keepdims=True), 1)
    np.testing.assert_allclose(masked_weights(scores, PADDING), expected, rtol=1e-3)


@pytest.mark.parametrize("return_weights", [False, True])
def test_gradients_are_those_of_a_softmax_and_zeros_where_nothing_may_be_read(return_weights):
    scores, value = RNG.normal(size=(BATCH, TIME, SOURCE)), RNG.normal(size=(BATCH, SOURCE, VALUES))
    mask, upstream = MASKS["of each query"], RNG.normal(size=(BATCH, TIME, VALUES))

    def total(leaves):
        context, _ = attend_by_scores(*leaves, mask, return_weights=return_weights)
        return ops.sum(context * upstream), None

    leaves = [ops.convert_to_tensor(x) for x in (scores, value)]
    _, (d_scores, d_value) = gradients_of(total, leaves)
    expected_scores, expected_value = np.zeros_like(scores), np.zeros_like(value)
    for row, t in np.ndindex(BATCH, TIME):
        weights = softmax_by_hand(scores[row, t], mask[row, t])
        slopes = value[row] @ upstream[row, t]
        expected_scores[row, t] = weights * (slopes - weights @ slopes)
        expected_value[row] += np.outer(weights, upstream[row, t])
    np.testing.assert_allclose(d_scores, expected_scores, atol=1e-13)
    np.testing.assert_allclose(d_value, expected_value, atol=1e-13)
    assert np.all(np.asarray(d_scores)[~mask] == 0)


@pytest.mark.parametrize("return_weights", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_values_and_gradients_of_half_precision_are_near_and_finite(dtype, return_weights):
    exact = [ops.convert_to_tensor(x) for x in inputs(BATCH)]
    mask = MASKS["of each query"]

    def total(leaves):
        context, _ = attend(*leaves, mask, return_weights=return_weights)
        return ops.sum(ops.cast(context, "float64") ** 2), context

    context, gradients = gradients_of(total, [ops.cast(x, dtype) for x in exact])
    assert context.dtype == dtype
    expected, expected_gradients = gradients_of(total, exact)
    for one, other in zip([context, *gradients], [expected, *expected_gradients], strict=True):
        np.testing.assert_allclose(ops.cast(one, "float64"), other, atol=0.1)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_graph_of_unknown_sizes_and_xla_give_what_eager_gives(jit_compile, tf):
    arguments = [*inputs(BATCH), MASKS["of each query"]]

    def read(query, key, value, mask):
        return attend(query, key, value, mask, return_weights=True)

    graph = compiled(read, jit_compile, like=arguments)
    for one, other in zip(graph(*arguments), read(*arguments), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)


@pytest.mark.parametrize(("batch", "source"), [(0, SOURCE), (BATCH, 0)])
def test_no_row_and_no_memory_step_are_legal(batch, source):
    query, key, value = inputs(BATCH)
    mask = np.zeros((batch, 1, source), "bool")
    found = attend(query[:batch], key[:batch, :source], value[:batch, :source], mask, None, True)
    assert [leaf.shape for leaf in found] == [(batch, TIME, VALUES), (batch, TIME, source)]
    assert np.all(np.asarray(found[0]) == 0)


def test_a_memory_of_one_step_gives_no_warning():
    query, key, value = inputs(BATCH)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, weights = attend(query, key[:, :1], value[:, :1], PADDING[:, None, :1], None, True)
    np.testing.assert_array_equal(weights[:, :, 0], np.repeat(PADDING[:, :1], TIME, axis=1))
