"""Normalisation of the vector of each step."""

from typing import Literal

import keras
from keras import ops

from seqzoo.ops.layer_norm import layer_norm, rms_norm
from seqzoo.ops.option_names import check_known

NORMS = ("layer", "rms")
NormKind = Literal["layer", "rms"]


@keras.saving.register_keras_serializable(package="seqzoo")
class StepNormalization(keras.layers.Layer):
    """Normalises the vector of each step, whatever stands at others.

    Args:
        kind: `"layer"` subtracts the mean and divides by the standard deviation (Ba et al., 2016,
            https://arxiv.org/abs/1607.06450), `"rms"` divides by the root of the mean square
            (Zhang and Sennrich, 2019, https://arxiv.org/abs/1910.07467).
        epsilon: Positive float, added to the mean square.
        use_bias: Whether a bias is added to the result; `"rms"` has none.

    Call arguments:
        inputs: Float tensor `(..., features)`.

    Returns:
        Float tensor `(..., features)`.

    Example:
        >>> layer = sz.layers.StepNormalization("rms")
        >>> [round(float(value), 3) for value in layer(np.array([[3.0, 4.0]], "float32"))[0]]
        [0.849, 1.131]
    """

    def __init__(
        self, kind: NormKind = "layer", epsilon: float = 1e-5, use_bias: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        check_known("kind", kind, NORMS)
        self.kind = kind
        self.epsilon = epsilon
        self.use_bias = use_bias
        self.supports_masking = True

    def build(self, input_shape):
        width = (input_shape[-1],)
        self.gain = self.add_weight(shape=width, initializer="ones", name="gain")
        self.bias = None
        if self.use_bias and self.kind == "layer":
            self.bias = self.add_weight(shape=width, initializer="zeros", name="bias")

    def weights_of_step(self) -> tuple:
        """Returns gain and bias, cast: a loop over steps does that once, ahead of it."""
        weights = [w for w in (self.gain, self.bias) if w is not None]
        return tuple(ops.cast(weight, self.compute_dtype) for weight in weights)

    def call(self, inputs):
        norm = layer_norm if self.kind == "layer" else rms_norm
        return norm(inputs, *self.weights_of_step(), epsilon=self.epsilon)

    def step(self, inputs, weights: tuple):
        """Does what a call does, of weights that are read; without a gradient of its own."""
        if self.kind == "rms":
            return rms_norm(inputs, *weights, epsilon=self.epsilon)
        wide = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        centered = wide - ops.mean(wide, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centered), axis=-1, keepdims=True)
        scaled = ops.cast(centered * ops.rsqrt(variance + self.epsilon), inputs.dtype)
        scaled = scaled * weights[0]
        return scaled + weights[1] if len(weights) > 1 else scaled

    def get_config(self):
        names = ("kind", "epsilon", "use_bias")
        return super().get_config() | {name: getattr(self, name) for name in names}
