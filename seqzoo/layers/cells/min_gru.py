"""The minimal gated recurrent unit."""

import keras
from keras import ops

from seqzoo.layers.cells.linear import LinearCell, positive


@keras.saving.register_keras_serializable(package="seqzoo")
class MinGRUCell(LinearCell):
    """The gated recurrent unit with gates that see the inputs only.

        z = sigmoid(W x + b), g = positive(W x + b)
        h = (1 - z) * h + z * g

    positive(x) is x + 0.5 from 0 on and sigmoid(x) below. The paper computes it so in logarithms,
    as its scan divides by products of decays; ours never divides, so that nothing is lost without.

    Args:
        units: Positive int. Width of h.

    For the other arguments see `Cell`.

    Reference: Feng et al., 2024, Were RNNs all we needed?, https://arxiv.org/abs/2410.01201

    Takes inputs `(B, features)` and the state `[h]` `(B, units)`; returns h and the state.

    Example:
        >>> layer = sz.layers.Recurrent(sz.layers.MinGRUCell(5), return_sequences=True)
        >>> tuple(layer(np.ones((2, 4, 3), "float32")).shape)
        (2, 4, 5)
    """

    memory_signs = (-1, 0)

    def build(self, input_shape):
        self.make_kernel(input_shape[-1], 2 * self.units)
        self.make_bias((2 * self.units,))

    def coefficients(self, projected, extra_weights):
        z, g = ops.split(projected, 2, axis=-1)
        return (ops.sigmoid(-z),), (ops.sigmoid(z) * positive(g),)
