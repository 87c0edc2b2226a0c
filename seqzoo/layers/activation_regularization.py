"""Penalties on the states of recurrent layers."""

import keras
from keras import ops

from seqzoo.ops.masks import attached_mask


@keras.saving.register_keras_serializable(package="seqzoo")
class ActivationRegularization(keras.layers.Layer):
    """Returns its inputs, and in training adds losses for large values and fast changes.

        ar * mean of h_t^2  +  tar * mean of (h_t - h_{t-1})^2

    The first mean is over the features of all real steps, the second over those of all pairs of
    neighbouring real steps of one sequence, so that padding changes nothing. The authors apply the
    first to the outputs after dropout and the second to those before it: use two of these layers,
    one on each side of a dropout. With several replicas, each takes the means over its own rows.

    Args:
        ar: At least 0: weight of activation regularization.
        tar: At least 0: weight of temporal activation regularization.

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: Boolean tensor `(B, T)`, True on real steps; None where all are.
        segment_ids: Integer tensor `(B, T)` where rows hold several sequences.

    Reference: Merity, McCann and Socher, 2017, https://arxiv.org/abs/1708.01009. Differs from it:
    the second loss there is a norm; this is its square, as in the authors' later code.

    Example:
        >>> layer = sz.layers.ActivationRegularization(ar=2.0, tar=1.0)
        >>> outputs = layer(np.ones((2, 4, 3), "float32"), training=True)
        >>> float(layer.losses[0])
        2.0
    """

    def __init__(self, ar: float = 0.0, tar: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        for name, weight in (("ar", ar), ("tar", tar)):
            if weight < 0:
                raise ValueError(f"`{name}` must be at least 0. Received: {name}={weight}.")
        self.ar = ar
        self.tar = tar
        self.supports_masking = True

    def call(self, inputs, mask=None, training=False, segment_ids=None):
        if not training:
            return inputs
        mask = attached_mask(mask, inputs)
        values = ops.cast(inputs, "float32") if self.compute_dtype != "float64" else inputs
        real = ops.ones_like(values[..., 0]) if mask is None else ops.cast(mask, values.dtype)
        if self.ar:
            self.add_loss(self.ar * _mean_square(values, real))
        if self.tar:
            moves = values[:, 1:] - values[:, :-1]
            pairs = real[:, 1:] * real[:, :-1]
            if segment_ids is not None:
                same = ops.equal(segment_ids[:, 1:], segment_ids[:, :-1])
                pairs = pairs * ops.cast(same, pairs.dtype)
            self.add_loss(self.tar * _mean_square(moves, pairs))
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"ar": self.ar, "tar": self.tar}


def _mean_square(values, real):
    """Returns the mean of the squares of values `(B, T, features)` where `real` `(B, T)` is 1."""
    values = ops.where(real[..., None] > 0, values, ops.zeros_like(values))
    total = ops.maximum(ops.sum(real), 1.0) * values.shape[-1]
    return ops.sum(values**2) / total
