"""The gated recurrent unit under layer normalisation."""

import keras
from keras import ops

from seqzoo.layers.cells.cell import Cell
from seqzoo.ops.layer_norm import layer_norm


@keras.saving.register_keras_serializable(package="seqzoo")
class LayerNormGRUCell(Cell):
    """Gated recurrent unit whose products are normalised.

        z, r = sigmoid of (N(W x) + N(R h) + b)
        g = tanh(N(W x) + b + r * (N(R h) + d))
        h = z * h + (1 - z) * g

    N takes the mean from a vector and divides by its standard deviation, times a gain. Both gates
    are one vector, the candidate g is another. Weights are `kernel`, `recurrent_kernel`, `bias`
    `(4 * units,)`, for z, r and g and d, `input_gain` and `recurrent_gain` `(3 * units,)`.

    Args:
        units: Positive int. Width of h.
        activation: In place of tanh.
        recurrent_activation: In place of the sigmoid of the gates.
        epsilon: Added to the variance.

    For the other arguments see `Cell`.

    Reference: Ba et al., 2016, https://arxiv.org/abs/1607.06450, in the supplement. There z is
    the share of g; here it is that of h, as in `GRUCell`.

    Example:
        >>> layer = sz.layers.Recurrent(sz.layers.LayerNormGRUCell(5), return_sequences=True)
        >>> tuple(layer(np.ones((2, 4, 3), "float32")).shape)
        (2, 4, 5)
    """

    memory_signs = (1, 0, 0, 0)

    def __init__(
        self,
        units: int,
        activation="tanh",
        recurrent_activation="sigmoid",
        epsilon: float = 1e-5,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.epsilon = epsilon

    def build(self, input_shape):
        self.make_weights(input_shape[-1], gates=3, bias_shape=(4 * self.units,))
        gain = {"shape": (3 * self.units,), "initializer": "ones"}
        self.input_gain = self.add_weight(name="input_gain", **gain)
        self.recurrent_gain = self.add_weight(name="recurrent_gain", **gain)

    def input_bias(self):
        return ()  # what is normalised has no bias: `advance` adds it

    def extra_weights(self):
        names = ["input_gain", "recurrent_gain"] + ["bias"] * self.use_bias
        return {name: self.cast(getattr(self, name)) for name in names}

    def advance(self, projected, states, project, extra_weights):
        (h,) = states
        x_gates, x_g = self._normalize(projected, extra_weights["input_gain"])
        h_gates, h_g = self._normalize(project("recurrent", h), extra_weights["recurrent_gain"])
        gates = x_gates + h_gates
        if "bias" in extra_weights:
            b_gates, b_g, d = ops.split(
                extra_weights["bias"], [2 * self.units, 3 * self.units], axis=-1
            )
            gates, x_g, h_g = gates + b_gates, x_g + b_g, h_g + d
        z, r = ops.split(self.recurrent_activation(gates), 2, axis=-1)
        g = self.activation(x_g + r * h_g)
        return [z * h + (1 - z) * g]

    def _normalize(self, values, gain):
        """Returns the gates `(B, 2 * units)` and the candidate `(B, units)`, each normalised."""
        splits = [2 * self.units]
        return [
            layer_norm(part, part_gain, epsilon=self.epsilon)
            for part, part_gain in zip(
                ops.split(values, splits, axis=-1), ops.split(gain, splits, axis=-1), strict=True
            )
        ]

    def get_config(self):
        return super().get_config() | {
            "activation": keras.activations.serialize(self.activation),
            "recurrent_activation": keras.activations.serialize(self.recurrent_activation),
            "epsilon": self.epsilon,
        }
