"""The long short-term memory cell under layer normalisation."""

import keras
from keras import ops

from seqzoo.layers.cells.lstm import LSTMCell
from seqzoo.ops.layer_norm import layer_norm


@keras.saving.register_keras_serializable(package="seqzoo")
class LayerNormLSTMCell(LSTMCell):
    """Long short-term memory whose products and memory are normalised, each by itself.

        i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of (N(W x) + N(R h) + b)
        c = f * c + i * g
        h = o * tanh(N(c))

    N takes the mean from a vector and divides by its standard deviation, all four gates being one
    vector; each N has a gain, and that of c a bias too. States are `[h, c]`; weights are those of
    `LSTMCell`, `input_gain` and `recurrent_gain` `(4 * units,)`, `memory_gain` and `memory_bias`
    `(units,)`.

    Args:
        units: Positive int. Width of h and c.
        epsilon: Added to the variance.

    For the other arguments see `LSTMCell`.

    Reference: Ba et al., 2016, https://arxiv.org/abs/1607.06450, equations 20 to 22; without the
    biases of the first two N, which would be added to b.

    Example:
        >>> layer = sz.layers.Recurrent(sz.layers.LayerNormLSTMCell(5), return_sequences=True)
        >>> tuple(layer(np.ones((2, 4, 3), "float32")).shape)
        (2, 4, 5)
    """

    def __init__(self, units: int, epsilon: float = 1e-5, **kwargs):
        super().__init__(units, **kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        super().build(input_shape)
        for name, width in (("input", 4), ("recurrent", 4), ("memory", 1)):
            gain = self.add_weight(
                shape=(width * self.units,), initializer="ones", name=f"{name}_gain"
            )
            setattr(self, f"{name}_gain", gain)
        self.memory_bias = self.add_weight(
            shape=(self.units,), initializer="zeros", name="memory_bias"
        )

    def input_bias(self):
        return ()  # what is normalised has no bias: `advance` adds it

    def extra_weights(self):
        names = ["input_gain", "recurrent_gain", "memory_gain", "memory_bias"]
        names += ["bias"] * self.use_bias
        return {name: self.cast(getattr(self, name)) for name in names}

    def advance(self, projected, states, project, extra_weights):
        h, c = states
        gate, activate, epsilon = self.recurrent_activation, self.activation, self.epsilon
        of_x = layer_norm(projected, extra_weights["input_gain"], epsilon=epsilon)
        of_h = layer_norm(project("recurrent", h), extra_weights["recurrent_gain"], epsilon=epsilon)
        i, f, g, o = ops.split(of_x + of_h + extra_weights.get("bias", 0), 4, axis=-1)
        c = gate(f) * c + gate(i) * activate(g)
        read = layer_norm(c, extra_weights["memory_gain"], extra_weights["memory_bias"], epsilon)
        return [gate(o) * activate(read), c]

    def get_config(self):
        return super().get_config() | {"epsilon": self.epsilon}
