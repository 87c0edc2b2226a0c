"""The long short-term memory cell whose input gate is what its forget gate leaves."""

import keras
from keras import ops

from seqzoo.layers.cells.lstm import LSTMCell


@keras.saving.register_keras_serializable(package="seqzoo")
class CoupledLSTMCell(LSTMCell):
    """Long short-term memory with coupled gates (CIFG): it takes in as much as it forgets.

        f, g, o = sigmoid, tanh, sigmoid of (W x + R h + b)
        c = f * c + (1 - f) * g
        h = o * tanh(c)

    Weights are laid out as those of `LSTMCell`, without the input gate. States are `[h, c]`.

    For the arguments see `LSTMCell`.

    Reference: Greff et al., 2017, https://arxiv.org/abs/1503.04069

    Takes inputs `(B, features)` and states `(B, units)`; returns the output `(B, units)` and the
    states.

    Example:
        >>> layer = sz.layers.Recurrent(sz.layers.CoupledLSTMCell(5), return_sequences=True)
        >>> tuple(layer(np.ones((2, 4, 3), "float32")).shape)
        (2, 4, 5)
    """

    memory_signs = (1, 0, 0)

    def build(self, input_shape):
        self.make_weights(input_shape[-1], gates=3, bias_shape=(3 * self.units,))

    def advance(self, projected, states, project, extra_weights):
        h, c = states
        gate, activate = self.recurrent_activation, self.activation
        f, g, o = ops.split(projected + project("recurrent", h), 3, axis=-1)
        f = gate(f)
        c = f * c + (1 - f) * activate(g)
        return [gate(o) * activate(c), c]
