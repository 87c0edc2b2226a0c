"""The product by a weight, and its bias."""

import numpy as np
import pytest
from keras import ops
from tracing import gradients_of

from seqzoo.ops.affine import affine, affine_by_heads

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("leading", [(2,), (4, 3), (0,)])
def test_values_and_gradients_are_those_of_numpy(leading):
    inputs, kernel, bias = (
        RNG.normal(size=(*leading, 5)),
        RNG.normal(size=(5, 7)),
        RNG.normal(size=7),
    )

    def weighed(floats):
        outputs = affine(*floats)
        return ops.sum(outputs**2), [outputs]

    floats = [ops.convert_to_tensor(x) for x in (inputs, kernel, bias)]
    outputs, gradients = gradients_of(weighed, floats)
    expected = inputs @ kernel + bias
    np.testing.assert_allclose(outputs[0], expected, atol=1e-12)
    upstream, rows = 2 * expected.reshape(-1, 7), inputs.reshape(-1, 5)
    np.testing.assert_allclose(gradients[0], 2 * expected @ kernel.T, atol=1e-12)
    np.testing.assert_allclose(gradients[1], rows.T @ upstream, atol=1e-12)
    np.testing.assert_allclose(gradients[2], upstream.sum(axis=0), atol=1e-12)


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("leading", [(2,), (4, 3), (0,)])
def test_each_head_has_a_kernel_of_its_own(leading, heads):
    inputs = RNG.normal(size=(*leading, heads * 2))
    kernels, bias = RNG.normal(size=(heads, 2, 5)), RNG.normal(size=(heads, 5))
    found = affine_by_heads(inputs, kernels, bias)
    assert tuple(found.shape) == (*leading, heads, 5)
    for head in range(heads):
        expected = inputs[..., 2 * head : 2 * head + 2] @ kernels[head] + bias[head]
        np.testing.assert_allclose(found[..., head, :], expected, atol=1e-12)
    assert affine_by_heads(inputs, kernels).shape == found.shape
