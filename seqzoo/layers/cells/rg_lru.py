"""The real-gated linear recurrent unit."""

import keras
from keras import ops

from seqzoo.layers.cells.linear import LinearCell

SHARPNESS = 8.0
"""How much sooner an open gate r forgets than sigmoid(-decay_logit) says: c in the paper."""

LEAST_MOVE = 1e-10
"""Bounds the slope of the square root, which is infinite where a gate is shut."""


@keras.saving.register_keras_serializable(package="seqzoo")
class RGLRUCell(LinearCell):
    """A diagonal recurrence whose decay and input have a gate each.

        r, i, u = sigmoid, sigmoid, identity of (W x + b)
        a = exp(-8 * r * softplus(L))
        h = a * h + sqrt(1 - a ** 2) * i * u

    Weights are `kernel` `(features, 3 * units)`, `bias` and `decay_logit` `(units,)`, the L above,
    which begins so that a is between 0.9 and 0.999 where r is 1.

    Args:
        units: Positive int. Width of h.

    For the other arguments see `LinearCell`.

    Reference: De et al., 2024, Griffin, https://arxiv.org/abs/2402.19427. There the layer before
    makes u, and the gates see u; here all three are made of the inputs by one product.

    Example:
        >>> layer = sz.layers.Recurrent(sz.layers.RGLRUCell(5), return_sequences=True)
        >>> tuple(layer(np.ones((2, 4, 3), "float32")).shape)
        (2, 4, 5)
    """

    def build(self, input_shape):
        self.make_kernel(input_shape[-1], 3 * self.units)
        self.make_bias((3 * self.units,))
        self.decay_logit = self.add_weight(
            shape=(self.units,), initializer=first_decay_logit, name="decay_logit"
        )

    def extra_weights(self):
        return {"decay_logit": self.widen(self.decay_logit)}

    def coefficients(self, projected, extra_weights):
        r, i, u = ops.split(projected, 3, axis=-1)
        log_a = -SHARPNESS * ops.sigmoid(r) * ops.softplus(extra_weights["decay_logit"])
        move = ops.sqrt(ops.maximum(-ops.expm1(2 * log_a), LEAST_MOVE))
        return (ops.exp(log_a),), (move * ops.sigmoid(i) * u,)


def first_decay_logit(shape, dtype=None):
    """Returns L for decays between 0.9 and 0.999 where the gate is open."""
    decay = keras.initializers.RandomUniform(0.9, 0.999)(shape, dtype=dtype)
    rate = -ops.log(decay) / SHARPNESS
    return ops.log(ops.expm1(rate))  # the inverse of softplus
