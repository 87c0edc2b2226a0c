"""The long short-term memory cell whose gates see the memory."""

import keras
from keras import ops

from seqzoo.layers.cells.lstm import LSTMCell


@keras.saving.register_keras_serializable(package="seqzoo")
class PeepholeLSTMCell(LSTMCell):
    """Long short-term memory with peepholes: its gates read the memory through diagonal weights.

        i, f = sigmoid of (W x + R h + p * c + b)     c before the step
        c = f * c + i * tanh(W x + R h + b)
        o = sigmoid(W x + R h + p * c + b)            c after it
        h = o * tanh(c)

    Weights are those of `LSTMCell` and `peephole` `(3, units)`: those of i, f and o. States are
    `[h, c]`.

    For the arguments see `LSTMCell`. `kernel_initializer` is that of `peephole` too.

    References: Gers and Schmidhuber, 2000, Recurrent nets that time and count; Gers et al., 2002,
    Learning precise timing with LSTM recurrent networks.

    Example:
        >>> layer = sz.layers.Recurrent(sz.layers.PeepholeLSTMCell(5), return_sequences=True)
        >>> outputs = layer(np.ones((2, 4, 3), "float32"))
        >>> tuple(outputs.shape), tuple(layer.cell.peephole.shape)
        ((2, 4, 5), (3, 5))
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.peephole = self.add_weight(
            shape=(3, self.units), initializer=self.kernel_initializer, name="peephole"
        )

    def extra_weights(self):
        return {"peephole": self.cast(self.peephole)}

    def advance(self, projected, states, project, extra_weights):
        h, c = states
        peephole = extra_weights["peephole"]
        gate, activate = self.recurrent_activation, self.activation
        i, f, g, o = ops.split(projected + project("recurrent", h), 4, axis=-1)
        i, f = gate(i + peephole[0] * c), gate(f + peephole[1] * c)
        c = f * c + i * activate(g)
        o = gate(o + peephole[2] * c)
        return [o * activate(c), c]
