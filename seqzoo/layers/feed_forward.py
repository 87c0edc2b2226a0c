"""The feed-forward network of a residual block."""

from typing import Literal

import keras
from keras import ops

from seqzoo.ops.affine import affine
from seqzoo.ops.option_names import check_known

ACTIVATIONS = {
    "relu": ops.relu,
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu_tanh": lambda x: ops.gelu(x, approximate=True),
    "silu": lambda x: x * ops.sigmoid(x),
}
Activation = Literal["relu", "gelu", "gelu_tanh", "silu"]


@keras.saving.register_keras_serializable(package="seqzoo")
class FeedForward(keras.layers.Layer):
    """Two products with a nonlinearity between them, the same at every step.

        y = act(W x + b) V + c                  or, gated,
        y = (act(W x + b) * (U x + d)) V + c

    Args:
        hidden_units: Positive int, width between the products; None is four times the inputs, and
            where gated two thirds of that, which makes as many weights.
        activation: `"relu"`, `"gelu"`, `"gelu_tanh"` (its approximation by a tanh) or `"silu"`.
        gated: See above.
        use_bias: Whether the products add a bias.
        dropout: From 0 to below 1: share of the values between the products that are dropped.

    Call arguments:
        inputs: Float tensor `(..., features)`.

    Returns:
        Float tensor `(..., features)`.

    References: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762; Shazeer, 2020 (gated),
    https://arxiv.org/abs/2002.05202

    Example:
        >>> layer = sz.layers.FeedForward(gated=True, activation="silu", use_bias=False)
        >>> tuple(layer(np.ones((2, 3, 6), "float32")).shape), layer.count_params()
        ((2, 3, 6), 288)
    """

    def __init__(
        self,
        hidden_units: int | None = None,
        activation: Activation = "gelu",
        gated: bool = False,
        use_bias: bool = True,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_known("activation", activation, ACTIVATIONS)
        if hidden_units is not None and hidden_units < 1:
            raise ValueError(
                f"`hidden_units` must be at least 1. Received: hidden_units={hidden_units}."
            )
        self.hidden_units = hidden_units
        self.activation = activation
        self.gated = gated
        self.use_bias = use_bias
        self.dropout = dropout
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="drop")
        self.supports_masking = True

    def build(self, input_shape):
        features = input_shape[-1]
        units = self.hidden_units
        if units is None:
            units = 4 * features if not self.gated else 8 * features // 3
        width = 2 * units if self.gated else units
        self.kernel = self.add_weight(shape=(features, width), name="kernel")
        self.output_kernel = self.add_weight(shape=(units, features), name="output_kernel")
        self.bias = self.output_bias = None
        if self.use_bias:
            self.bias = self.add_weight(shape=(width,), initializer="zeros", name="bias")
            self.output_bias = self.add_weight(
                shape=(features,), initializer="zeros", name="output_bias"
            )

    def weights_of_step(self) -> tuple[tuple, tuple]:
        """Returns the two projections, cast: a loop over steps does that once, ahead of it."""
        pairs = (self.kernel, self.bias), (self.output_kernel, self.output_bias)
        cast = [[ops.cast(w, self.compute_dtype) for w in pair if w is not None] for pair in pairs]
        return tuple(cast[0]), tuple(cast[1])

    def call(self, inputs, training=False):
        first, second = self.weights_of_step()
        return affine(self.drop(self._between(inputs, first), training=training), *second)

    def step(self, inputs, weights: tuple):
        """Does what a call does without dropout, of weights that are read."""
        return affine(self._between(inputs, weights[0]), *weights[1])

    def _between(self, inputs, weights):
        hidden, activate = affine(inputs, *weights), ACTIVATIONS[self.activation]
        if not self.gated:
            return activate(hidden)
        gate, value = ops.split(hidden, 2, axis=-1)
        return activate(gate) * value

    def get_config(self):
        names = ("hidden_units", "activation", "gated", "use_bias", "dropout")
        return super().get_config() | {name: getattr(self, name) for name in names}
