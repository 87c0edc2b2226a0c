"""Convolutions over time: the short causal one in front of a recurrence, and a layer's."""

from typing import Any

import keras
from keras import ops

from seqzoo.ops.gather import gather
from seqzoo.ops.masks import real_first
from seqzoo.ops.positions import runs_of_segments


def causal_convolution(
    inputs: Any,
    kernel: Any,
    bias: Any = None,
    window: Any = None,
    mask: Any = None,
    segment_ids: Any = None,
) -> tuple[Any, Any]:
    """Convolves each channel over time: with its own step and the `k - 1` real ones before.

        outputs[t] = bias + sum over j of kernel[j] * inputs[t - (k - 1) + j]

    Steps count among the real ones of their own sequence; before the first stand those of
    `window`, or zeros.

    Args:
        inputs: Float tensor `(B, T, C)`.
        kernel: Float tensor `(k, C)`; the last row is that of a step itself.
        bias: Float tensor `(C,)`, or None.
        window: Float tensor `(B, k - 1, C)`, what a call before returned; None is zeros.
        mask: Boolean `(B, T)`, True on real steps; None where all are.
        segment_ids: Int `(B, T)` where a row holds several sequences; see `runs_of_segments`. Only
            the first of a row goes on from `window`.

    Returns:
        The outputs `(B, T, C)`, of no meaning at steps that are not real, and the window after the
        last step: the last `k - 1` real steps, zeros where those belong to an earlier sequence
        than the last step does.
    """
    (batch, time, channels), before = ops.shape(inputs), kernel.shape[0] - 1
    runs = None if segment_ids is None else runs_of_segments(segment_ids)
    last_run = None if runs is None else runs[:, -1:]
    ranks = end = None
    if mask is not None:
        mask = ops.cast(mask, "bool")
        order, ranks = real_first(mask)
        inputs = _in_rows(inputs, order)
        runs = None if runs is None else _in_rows(runs, order)
        count = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
        end = count + ops.arange(before, dtype="int32")  # (B, k - 1), of `steps`
    if window is None:
        window = ops.zeros((batch, before, channels), dtype=inputs.dtype)
    steps = ops.concatenate([window, inputs], axis=1)  # (B, k - 1 + T, C)
    window = steps[:, time:] if end is None else _in_rows(steps, end)
    window = ops.reshape(window, (batch, before, channels))
    if runs is None:
        outputs = ops.depthwise_conv(steps, kernel[..., None], padding="valid")
        # Of no rows, TensorFlow's has a wrong number of steps.
        outputs = ops.reshape(outputs, (batch, time, channels))
    else:
        all_runs = ops.pad(runs, [[0, 0], [before, 0]])  # the window belongs to the first run
        outputs = inputs * kernel[before]
        for j in range(before):
            same = all_runs[:, j : j + time] == runs
            tap = steps[:, j : j + time]
            outputs += ops.where(same[..., None], tap, ops.zeros_like(tap)) * kernel[j]
        window_runs = all_runs[:, time:] if end is None else _in_rows(all_runs, end)
        window = ops.where((window_runs == last_run)[..., None], window, ops.zeros_like(window))
    if bias is not None:
        outputs = outputs + bias
    return outputs if ranks is None else _in_rows(outputs, ranks), window


def convolve_any_rows(convolution: keras.layers.Conv1D, values: Any) -> Any:
    """Returns the convolution of values `(B, T, F)`, where B may be 0.

    Of no rows, TensorFlow's own has the shape of its input.
    """
    if values.shape[0]:
        return convolution(values)
    return convolution(ops.pad(values, [[0, 1], [0, 0], [0, 0]]))[:-1]


def convolution_initializer(length: int) -> keras.initializers.Initializer:
    """Returns the initializer of a kernel `(length, C)`, whose sums have `length` terms."""
    return keras.initializers.RandomUniform(-(length**-0.5), length**-0.5)


def convolution_step(inputs: Any, kernel: Any, bias: Any, window: Any) -> tuple[Any, Any]:
    """Does one step of `causal_convolution`.

    Args:
        inputs: Float tensor `(N, C)`.
        kernel: Float tensor `(k, C)`.
        bias: Float tensor `(C,)`, or None.
        window: Float tensor `(N, k - 1, C)`.

    Returns:
        The outputs `(N, C)` and the next window.
    """
    steps = ops.concatenate([window, inputs[:, None]], axis=1)
    outputs = ops.sum(steps * kernel, axis=1)
    return outputs if bias is None else outputs + bias, steps[:, 1:]


def _in_rows(values: Any, indices: Any) -> Any:
    """Returns the steps of values `(B, T, …)` at indices `(B, J)` of their row: `(B, J, …)`."""
    batch, time, *rest = ops.shape(values)
    starts = time * ops.arange(batch, dtype="int32")[:, None]
    return gather(ops.reshape(values, (batch * time, *rest)), starts + ops.cast(indices, "int32"))
