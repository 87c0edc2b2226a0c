"""The base of all cells."""

import keras
from keras import ops

from seqzoo.ops.affine import affine
from seqzoo.ops.scans import Linear, Maps, apply_maps


class Cell(keras.layers.Layer):
    """One step of a recurrence, in Keras's cell contract.

    A cell is written in two parts, so that a loop over time does as little as it can: `project`
    is the share of the inputs in the gates, which needs no state and is computed for all steps at
    once; `advance` is the rest, and names its products with the `maps` that it applies.

    Args:
        units: Positive int. Width of the output.
        kernel_initializer: For the weights of the inputs.
        recurrent_initializer: For the weights of the state.
        bias_initializer: For the bias.

    Call arguments:
        inputs: Float tensor `(B, features)`.
        states: List of float tensors `(B, units)`.

    Returns:
        `(output, states)`; the output is the first state.
    """

    def __init__(
        self,
        units: int,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    @property
    def state_size(self) -> list[int]:
        """Widths of the states."""
        return [self.units]

    @property
    def output_size(self) -> int:
        """Width of the output."""
        return self.units

    def make_weights(self, features: int, gates: int, bias_shape: tuple[int, ...]):
        """Makes `kernel`, `recurrent_kernel` and `bias` as Keras lays them out."""
        if self.units < 1:
            raise ValueError(f"`units` must be at least 1. Received: units={self.units}.")
        self.kernel = self.add_weight(
            shape=(features, gates * self.units),
            initializer=self.kernel_initializer,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, gates * self.units),
            initializer=self.recurrent_initializer,
            name="recurrent_kernel",
        )
        self.bias = self.add_weight(shape=bias_shape, initializer=self.first_bias, name="bias")

    def first_bias(self, shape, dtype=None):
        """Returns the bias to begin with."""
        return self.bias_initializer(shape, dtype=dtype)

    def cast(self, value):
        """Returns a weight or a tensor as a tensor of the compute dtype."""
        return ops.cast(value, self.compute_dtype)

    def maps(self) -> Maps:
        """The linear maps that `advance` applies."""
        return {"recurrent": (self.cast(self.recurrent_kernel),)}

    def input_bias(self):
        """The bias that `project` adds, `(gates * units,)`."""
        return self.cast(self.bias)

    def project(self, inputs):
        """Returns the share of `inputs` `(..., features)` in the gates, `(..., gates * units)`."""
        return affine(inputs, self.cast(self.kernel), self.input_bias())

    def advance(self, projected, states, linear: Linear) -> list:
        """Returns the states after one step, `projected` being `project(inputs)`."""
        raise NotImplementedError

    def call(self, inputs, states, training=False):
        states = self.advance(self.project(inputs), states, apply_maps(self.maps()))
        return states[0], states

    def get_initial_state(self, batch_size=None) -> list:
        """Returns states of zeros, `(batch_size, units)` each."""
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in self.state_size]

    def get_config(self):
        serialize = keras.initializers.serialize
        return super().get_config() | {
            "units": self.units,
            "kernel_initializer": serialize(self.kernel_initializer),
            "recurrent_initializer": serialize(self.recurrent_initializer),
            "bias_initializer": serialize(self.bias_initializer),
        }
