"""The simple recurrent cell."""

import keras

from seqzoo.layers.cells.cell import Cell
from seqzoo.ops.recurrence.gated import summed_kernel


@keras.saving.register_keras_serializable(package="seqzoo")
class SimpleRNNCell(Cell):
    """The Elman recurrence, `h = tanh(W x + R h + b)`.

    Weights and results are those of `keras.layers.SimpleRNNCell`. With the activation `"relu"` and
    the recurrent initializer `"identity"` it is the IRNN of Le et al., 2015, which keeps its state
    and the gradient of it over long times (https://arxiv.org/abs/1504.00941).

    Args:
        units: Positive int. Width of h.
        activation: In place of tanh.

    For the other arguments see `Cell`.

    Reference: Elman, 1990, Finding structure in time.

    Takes inputs `(B, features)` and the state `[h]` `(B, units)`; returns h and the state.

    Example:
        >>> layer = sz.layers.Recurrent(sz.layers.SimpleRNNCell(5, activation="relu"))
        >>> tuple(layer(np.ones((2, 4, 3), "float32")).shape)
        (2, 5)
    """

    def __init__(self, units: int, activation="tanh", **kwargs):
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.make_weights(input_shape[-1], gates=1, bias_shape=(self.units,))

    def joint_kernel(self, input_projection, projections):
        if type(self) is not SimpleRNNCell:  # what derives from it computes something else
            return None
        return summed_kernel(input_projection, projections["recurrent"])

    def advance_joint(self, product, states, extra_weights):
        return [self.activation(product)]

    def advance(self, projected, states, project, extra_weights):
        return [self.activation(projected + project("recurrent", states[0]))]

    def get_config(self):
        return super().get_config() | {"activation": keras.activations.serialize(self.activation)}
