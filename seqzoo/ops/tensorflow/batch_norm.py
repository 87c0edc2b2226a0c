"""TensorFlow's one kernel for the normalisation of a batch."""

import tensorflow as tf


def normalize_batch(x, gain, bias, epsilon: float):
    """Normalises each feature over a batch of images, forward and back by one kernel each.

    On two cores, a training step of a small network of convolutions takes 0.81 of the time in
    float32 that it takes with separate ops for mean, variance and scaling, and 0.44 in bfloat16
    (`benchmarks/convolutions.py`).

    Args:
        x: `(B, height, width, features)`, of 16 bits or float32.
        gain: Float32 `(features,)`.
        bias: Likewise.
        epsilon: Added to the variance.

    Returns:
        The normalised x, of its dtype; the mean and the variance `(features,)` over the batch.
    """
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gain, offset=bias, mean=[], variance=[], epsilon=epsilon, is_training=True
    )
    count = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), tf.float32)
    return outputs, mean, variance * (1 - 1 / count)  # the kernel divides by one less


def scale_by_moments(x, gain, bias, mean, variance, epsilon: float):
    """Normalises by a mean and a variance that are known; arguments as above."""
    return tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=gain,
        offset=bias,
        mean=mean,
        variance=variance,
        epsilon=epsilon,
        is_training=False,
    )[0]
