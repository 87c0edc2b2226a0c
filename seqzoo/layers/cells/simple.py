"""The simple recurrent cell."""

import keras
from keras import ops

from seqzoo.layers.cells.cell import Cell


@keras.saving.register_keras_serializable(package="seqzoo")
class SimpleRNNCell(Cell):
    """The Elman recurrence, `h = tanh(W x + R h + b)`.

    Weights and results are those of `keras.layers.SimpleRNNCell`. For arguments see `Cell`.

    Reference: Elman, 1990, Finding structure in time.
    """

    def build(self, input_shape):
        self.make_weights(input_shape[-1], gates=1, bias_shape=(self.units,))

    def advance(self, projected, states, linear):
        return [ops.tanh(projected + linear("recurrent", states[0]))]
