"""The recurrent cell whose units are independent of each other."""

import keras

from seqzoo.layers.cells.cell import Cell


@keras.saving.register_keras_serializable(package="seqzoo")
class IndRNNCell(Cell):
    """The independently recurrent cell, `h = relu(W x + u * h + b)`.

    Each unit sees its own past only, so that the range of `recurrent_kernel` u `(units,)` bounds
    how gradients grow: below 2 ** (1 / T) they stay in bounds over T steps. Several layers take
    the place of a full recurrent matrix.

    Args:
        units: Positive int. Width of h.
        activation: In place of the rectifier.
        recurrent_initializer: For u; None for uniform from 0 to 1, as in the paper.

    For the other arguments see `Cell`.

    Reference: Li et al., 2018, https://arxiv.org/abs/1803.04831

    Example:
        >>> layer = sz.layers.Recurrent(sz.layers.IndRNNCell(5), return_sequences=True)
        >>> outputs = layer(np.ones((2, 4, 3), "float32"))
        >>> tuple(outputs.shape), tuple(layer.cell.recurrent_kernel.shape)
        ((2, 4, 5), (5,))
    """

    has_recurrent_projections = False

    def __init__(self, units: int, activation="relu", recurrent_initializer=None, **kwargs):
        if recurrent_initializer is None:
            recurrent_initializer = keras.initializers.RandomUniform(0.0, 1.0)
        super().__init__(units, recurrent_initializer=recurrent_initializer, **kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.make_kernel(input_shape[-1], self.units)
        self.make_recurrent_kernel(self.units)
        self.make_bias((self.units,))

    def projections(self):
        return {}

    def extra_weights(self):
        return {"recurrent": self.cast(self.recurrent_kernel)}

    def advance(self, projected, states, project, extra_weights):
        return [self.activation(projected + extra_weights["recurrent"] * states[0])]

    def get_config(self):
        return super().get_config() | {"activation": keras.activations.serialize(self.activation)}
