"""Layer normalisation: its values, its derivatives and the derivatives of these."""

import numpy as np
import pytest
from keras import ops
from tracing import compiled, gradients_of

from seqzoo.ops.layer_norm import layer_norm

RNG = np.random.default_rng(0)
UPSTREAM = RNG.normal(size=(2, 3, 5))
ARGUMENTS = {
    "x": RNG.normal(size=(2, 3, 5)),
    "gain": RNG.normal(size=5),
    "bias": RNG.normal(size=5),
}


@pytest.mark.parametrize("with_bias", [False, True])
def test_values_are_those_of_numpy(with_bias):
    x, gain, bias = ARGUMENTS.values()
    expected = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3) * gain
    expected = expected + bias if with_bias else expected
    found = layer_norm(x, gain, bias if with_bias else None, epsilon=1e-3)
    np.testing.assert_allclose(found, expected, atol=1e-14)


def slopes(x, gain, bias):
    """The gradients of a weighted sum of the results."""

    def total(leaves):
        return ops.sum(layer_norm(*leaves) * UPSTREAM), None

    return gradients_of(total, [x, gain, bias])[1]


def directional_difference(function, arguments, directions, step=1e-6):
    """(f(a + s d) - f(a - s d)) / 2s."""
    ends = [
        function(*[a + sign * step * d for a, d in zip(arguments, directions, strict=True)])
        for sign in (1, -1)
    ]
    return [(one - other) / (2 * step) for one, other in zip(*ends, strict=True)]


def test_gradients_are_finite_differences():
    arguments = [ops.convert_to_tensor(leaf) for leaf in ARGUMENTS.values()]
    directions = [RNG.normal(size=leaf.shape) for leaf in arguments]
    (slope,) = directional_difference(
        lambda *leaves: [np.sum(layer_norm(*leaves) * UPSTREAM)], arguments, directions
    )
    products = zip(slopes(*arguments), directions, strict=True)
    np.testing.assert_allclose(sum(np.sum(g * d) for g, d in products), slope, rtol=1e-6)


@pytest.mark.parametrize("in_graph", [False, True])
def test_second_derivatives_are_finite_differences_of_the_first(in_graph):
    arguments = [ops.convert_to_tensor(leaf) for leaf in ARGUMENTS.values()]
    directions = [RNG.normal(size=leaf.shape) for leaf in arguments]
    weights = [RNG.normal(size=leaf.shape) for leaf in arguments]

    def second(*arguments):
        def total(leaves):
            return sum(ops.sum(g * w) for g, w in zip(slopes(*leaves), weights, strict=True)), None

        return gradients_of(total, list(arguments))[1]

    found = (compiled(second, jit_compile=False) if in_graph else second)(*arguments)
    changes = directional_difference(slopes, arguments, directions)
    expected = sum(np.sum(c * w) for c, w in zip(changes, weights, strict=True))
    products = zip(found, directions, strict=True)
    np.testing.assert_allclose(sum(np.sum(g * d) for g, d in products), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype):
    """A mean of 1000 large values is infinite in float16, and stays at 256 in bfloat16."""
    x = ops.cast(RNG.normal(size=(2, 1000)) * 100 + 300, dtype)
    exact = np.asarray(ops.cast(x, "float64"))
    expected = (exact - exact.mean(-1, keepdims=True)) / exact.std(-1, keepdims=True)
    found = layer_norm(x, ops.ones(1000, dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(ops.cast(found, "float64"), expected, atol=0.02)
