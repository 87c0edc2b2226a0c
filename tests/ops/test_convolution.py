"""The causal convolution of a recurrence's inputs, against a loop over steps."""

import numpy as np
import pytest
from keras import ops
from tracing import compiled, gradients_of

from seqzoo.ops.convolution import causal_convolution, convolution_step

BATCH, TIME, CHANNELS = 4, 9, 3
MASK = np.array(
    [[1] * 9, [0, 0, 1, 1, 1, 1, 0, 1, 1], [1, 0, 1, 1, 0, 1, 1, 0, 0], [0] * 9], "bool"
)
SEGMENT_IDS = np.array(
    [
        [1, 1, 1, 2, 1, 1, 3, 3, 3],
        [0, 0, 1, 1, 2, 2, 2, 2, 2],
        [5, 5, 5, 5, 5, 5, 5, 0, 0],
        [1, 1, 2, 2, 2, 2, 2, 2, 2],
    ]
)
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(BATCH, TIME, CHANNELS))
BIAS = RNG.normal(size=CHANNELS)

masks = pytest.mark.parametrize("mask", [None, MASK], ids=["all real", "masked"])
ids = pytest.mark.parametrize("segment_ids", [None, SEGMENT_IDS], ids=["one a row", "packed"])


def kernel_and_window(length):
    rng = np.random.default_rng(length)
    return rng.normal(size=(length, CHANNELS)), rng.normal(size=(BATCH, length - 1, CHANNELS))


def by_hand(inputs, kernel, bias, window, mask, segment_ids):
    """Outputs, NaN at steps that are not real, and the window after the last step."""
    outputs, after = np.full(inputs.shape, np.nan), []
    for i, row in enumerate(inputs):
        seen = list(window[i])
        for t, x in enumerate(row):
            if segment_ids is not None and t and segment_ids[i, t] != segment_ids[i, t - 1]:
                seen = [np.zeros(CHANNELS)] * len(window[i])
            if mask is None or mask[i, t]:
                seen.append(x)
                outputs[i, t] = bias + np.sum(np.array(seen[-len(kernel) :]) * kernel, axis=0)
        after.append(seen[len(seen) - len(window[i]) :])
    return outputs, np.array(after)


@masks
@ids
@pytest.mark.parametrize("length", [1, 2, 4])
def test_each_step_is_a_sum_over_the_last_real_steps_of_its_sequence(length, mask, segment_ids):
    kernel, window = kernel_and_window(length)
    for first in (window, None):
        found = causal_convolution(INPUTS, kernel, BIAS, first, mask, segment_ids)
        first = np.zeros_like(window) if first is None else first
        outputs, after = by_hand(INPUTS, kernel, BIAS, first, mask, segment_ids)
        real = ~np.isnan(outputs)
        np.testing.assert_allclose(np.asarray(found[0])[real], outputs[real], atol=1e-12)
        assert np.all(np.isfinite(found[0]))
        np.testing.assert_allclose(found[1], after.reshape(window.shape), atol=1e-12)


def test_steps_go_on_from_the_window_of_a_call():
    kernel, window = kernel_and_window(4)
    expected, last = causal_convolution(INPUTS, kernel, BIAS, window)
    outputs, after = causal_convolution(INPUTS[:, :2], kernel, BIAS, window)
    outputs = [outputs[:, t] for t in range(2)]
    for t in range(2, TIME):
        output, after = convolution_step(INPUTS[:, t], kernel, BIAS, after)
        outputs.append(output)
    np.testing.assert_allclose(np.stack(outputs, axis=1), expected, atol=1e-12)
    np.testing.assert_allclose(after, last, atol=1e-12)


def test_gradients_are_finite_differences():
    kernel, window = kernel_and_window(3)
    arguments = [INPUTS, kernel, BIAS, window]
    upstream = RNG.normal(size=INPUTS.shape) * MASK[..., None], RNG.normal(size=window.shape)

    def total(leaves):
        results = causal_convolution(*leaves, MASK, SEGMENT_IDS)
        return sum(ops.sum(x * w) for x, w in zip(results, upstream, strict=True)), None

    leaves = [ops.convert_to_tensor(x) for x in arguments]
    for i, gradient in enumerate(gradients_of(total, leaves)[1]):
        direction = RNG.normal(size=arguments[i].shape)
        ends = [
            float(total([*leaves[:i], leaves[i] + s * direction, *leaves[i + 1 :]])[0])
            for s in (1e-3, -1e-3)  # the sum is linear in each argument
        ]
        slope = np.sum(np.asarray(gradient) * direction)
        np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-3, rtol=1e-9)


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_sizes_may_be_unknown_while_tracing(jit_compile):
    kernel, window = kernel_and_window(3)

    def run(inputs, mask, segment_ids):
        return causal_convolution(inputs, kernel, BIAS, None, mask, segment_ids)

    arguments = [INPUTS, MASK, SEGMENT_IDS]
    traced = compiled(run, jit_compile=jit_compile, like=arguments)
    for rows in (slice(None), slice(0)):
        found = traced(*(ops.convert_to_tensor(x[rows]) for x in arguments))
        expected = run(*(x[rows] for x in arguments))
        assert found[1].shape == (*INPUTS[rows].shape[:1], *window.shape[1:])
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)
