"""Layer normalisation and normalisation by the root of the mean square."""

import keras
from keras import ops

from seqzoo.ops.affine import over_rows


def layer_norm(x, gain=None, bias=None, epsilon: float = 1e-5):
    """Subtracts from each vector its mean, divides by the standard deviation; then gain and bias.

    It computes in float32 at least. The gradient is made from the normalised vectors alone. Keras
    has the same values and first derivatives, but on TensorFlow wrong second derivatives, because
    its variance stops the gradient of the mean.

    Args:
        x: Float tensor `(..., N)`.
        gain: Float tensor `(N,)`, or None.
        bias: Float tensor `(N,)`, or None.
        epsilon: Added to the variance.

    Returns:
        Float tensor `(..., N)`, of the dtype of `x`.

    Reference: Ba et al., 2016, https://arxiv.org/abs/1607.06450
    """

    @ops.custom_gradient
    def normalized(rows):
        centered = rows - ops.mean(rows, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centered), axis=-1, keepdims=True)
        scale = ops.rsqrt(variance + epsilon)
        result = centered * scale

        def gradient(*arguments, upstream=None):
            d = arguments[-1] if upstream is None else upstream
            mean = ops.mean(d, axis=-1, keepdims=True)
            slope = ops.mean(d * result, axis=-1, keepdims=True)
            return scale * (d - mean - result * slope)

        return result, gradient

    def gained(rows):
        wide = ops.cast(rows, keras.backend.result_type(rows.dtype, "float32"))
        rows = ops.cast(normalized(wide), rows.dtype)
        rows = rows if gain is None else rows * gain
        return rows if bias is None else ops.add(rows, bias)

    return over_rows(gained, x, x.shape[-1])


def rms_norm(x, gain=None, epsilon: float = 1e-6):
    """Divides each vector by the root of the mean of its squares; then the gain.

    It computes in float32 at least.

    Args:
        x: Float tensor `(..., N)`.
        gain: Float tensor `(N,)`, or None.
        epsilon: Added to the mean of the squares.

    Returns:
        Float tensor `(..., N)`, of the dtype of `x`.

    Reference: Zhang and Sennrich, 2019, https://arxiv.org/abs/1910.07467
    """
    wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    scale = ops.rsqrt(ops.mean(ops.square(wide), axis=-1, keepdims=True) + epsilon)
    result = ops.cast(wide * scale, x.dtype)
    return result if gain is None else result * gain
