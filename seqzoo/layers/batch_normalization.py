"""Normalisation over a batch of images."""

import keras


@keras.saving.register_keras_serializable(package="seqzoo")
class BatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, which on TensorFlow runs as one kernel where it can.

    The kernel takes images `(B, height, width, features)` of at most 32 bits without a mask, with
    gain and bias and no renormalisation. In all other cases Keras's own code runs.

    For arguments, call arguments and results see `keras.layers.BatchNormalization`.

    Example:
        >>> tuple(sz.layers.BatchNormalization()(np.ones((2, 4, 4, 3), "float32")).shape)
        (2, 4, 4, 3)
    """

    def call(self, inputs, training=None, mask=None):
        if mask is not None or not self._has_kernel(inputs):
            return super().call(inputs, training=training, mask=mask)
        from seqzoo.ops.tensorflow.batch_norm import normalize_batch, scale_by_moments

        gain, bias = (weight + 0.0 for weight in (self.gamma, self.beta))
        moments = self.moving_mean + 0.0, self.moving_variance + 0.0
        if not (training and self.trainable):
            return scale_by_moments(inputs, gain, bias, *moments, self.epsilon)
        outputs, *batch_moments = normalize_batch(inputs, gain, bias, self.epsilon)
        for moving, old, new in zip(
            (self.moving_mean, self.moving_variance), moments, batch_moments, strict=True
        ):
            moving.assign(old * self.momentum + new * (1.0 - self.momentum))
        return outputs

    def _has_kernel(self, inputs) -> bool:
        last = len(inputs.shape) - 1
        return (
            keras.backend.backend() == "tensorflow"
            and last == 3
            and self.axis in (-1, last)
            and self.scale
            and self.center
            and not self.renorm
            and not self.synchronized
            and keras.backend.standardize_dtype(inputs.dtype) != "float64"
            and self.gamma.dtype == "float32"
        )
