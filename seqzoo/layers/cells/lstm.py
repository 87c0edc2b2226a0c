"""The long short-term memory cell."""

import keras
from keras import ops

from seqzoo.layers.cells.cell import Cell
from seqzoo.layers.cells.chrono import ChronoInitializer
from seqzoo.ops.recurrence.gated import lstm_gates, lstm_step, summed_kernel
from seqzoo.ops.recurrence.scan import CudnnCall


@keras.saving.register_keras_serializable(package="seqzoo")
class LSTMCell(Cell):
    """Long short-term memory.

    With the gates i, f, o, the candidate g, the memory c and the output h:

        i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of (W x + R h + b)
        c = f * c + i * g
        h = o * tanh(c)

    Weights and results are those of `keras.layers.LSTMCell`. States are `[h, c]`.

    Args:
        units: Positive int. Width of h and c.
        activation: In place of tanh.
        recurrent_activation: In place of the sigmoid of the gates.
        unit_forget_bias: Whether the bias of the forget gate starts at 1, so that the memory
            lasts in an untrained cell (Jozefowicz et al., 2015). A `ChronoInitializer` for the
            bias takes its place.

    For the other arguments see `Cell`.

    Reference: Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000.

    Takes inputs `(B, features)` and states `(B, units)`; returns h and the states.

    Example:
        >>> cell = sz.layers.LSTMCell(5)
        >>> output, (h, c) = cell(np.ones((2, 3), "float32"), cell.get_initial_state(2))
        >>> tuple(output.shape), tuple(c.shape)
        ((2, 5), (2, 5))
    """

    memory_signs = (-1, 1, 0, 0)

    def __init__(
        self,
        units: int,
        activation="tanh",
        recurrent_activation="sigmoid",
        unit_forget_bias: bool = True,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    @property
    def state_size(self):
        return [self.units, self.units]

    def build(self, input_shape):
        self.make_weights(input_shape[-1], gates=4, bias_shape=(4 * self.units,))

    def first_bias(self, shape, dtype=None):
        bias = super().first_bias(shape, dtype)
        if not self.unit_forget_bias or isinstance(self.bias_initializer, ChronoInitializer):
            return bias
        gates = len(self.memory_signs)
        gate = ops.arange(shape[0]) // (shape[0] // gates)  # which one each value belongs to
        forget = gate == self.memory_signs.index(1)
        return ops.where(forget, ops.ones_like(bias), bias)

    def advance(self, projected, states, project, extra_weights):
        return lstm_step(projected, states, project, self.recurrent_activation, self.activation)

    def joint_kernel(self, input_projection, projections):
        if type(self) is not LSTMCell:  # what derives from it computes something else
            return None
        return summed_kernel(input_projection, projections["recurrent"])

    def advance_joint(self, product, states, extra_weights):
        return lstm_gates(product, states[1], self.recurrent_activation, self.activation)

    def cudnn_call(self, inputs, mask, state):
        if type(self) is not LSTMCell:  # what derives from it computes something else
            return None
        arguments = {
            "inputs": self.cast(inputs),
            "initial_state_h": state[0],
            "initial_state_c": state[1],
            "kernel": self.cast(self.kernel),
            "recurrent_kernel": self.cast(self.recurrent_kernel),
            "bias": None if self.bias is None else self.cast(self.bias),
            "activation": self.activation,
            "recurrent_activation": self.recurrent_activation,
        }
        return CudnnCall("lstm", arguments, mask, self.units, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "activation": keras.activations.serialize(self.activation),
            "recurrent_activation": keras.activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }
