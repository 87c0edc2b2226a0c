"""Normalisation of vectors."""

import keras
from keras import ops


def normalize(x, gain, bias=None, epsilon: float = 1e-5):
    """Takes the mean from each vector and divides by its deviation, then applies gain and bias.

    It computes in float32 at least. That of Keras has the same values and gradients, but on
    TensorFlow wrong second derivatives, as its variance stops the gradient of the mean.

    Args:
        x: Float tensor `(..., N)`.
        gain: Float tensor `(N,)`.
        bias: Float tensor `(N,)`, or None.
        epsilon: Added to the variance.

    Returns:
        Float tensor `(..., N)`, of the dtype of `x`.

    Reference: Ba et al., 2016, https://arxiv.org/abs/1607.06450
    """
    wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    centered = wide - ops.mean(wide, axis=-1, keepdims=True)
    variance = ops.mean(ops.square(centered), axis=-1, keepdims=True)
    normalized = ops.cast(centered * ops.rsqrt(variance + epsilon), x.dtype) * gain
    return normalized if bias is None else normalized + bias
