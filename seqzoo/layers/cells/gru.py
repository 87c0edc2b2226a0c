"""The gated recurrent unit."""

import keras

from seqzoo.layers.cells.cell import Cell
from seqzoo.ops.recurrence.gated import gru_gates, gru_kernel, gru_step, gru_step_reset_before
from seqzoo.ops.recurrence.scan import CudnnCall


@keras.saving.register_keras_serializable(package="seqzoo")
class GRUCell(Cell):
    """Gated recurrent unit.

    With the update gate z, the reset gate r and the candidate g:

        z, r = sigmoid of (W x + b + R h)
        g = tanh(W x + b + r * (R h + d))      reset after the product
        g = tanh(W x + b + R (r * h))          reset before it
        h = z * h + (1 - z) * g

    Weights and results are those of `keras.layers.GRUCell`.

    Args:
        units: Positive int. Width of h.
        activation: In place of tanh.
        recurrent_activation: In place of the sigmoid of the gates.
        reset_after: Whether r applies after the recurrent product (as cuDNN does) or before it
            (as the paper does).

    For the other arguments see `Cell`.

    Reference: Cho et al., 2014, https://arxiv.org/abs/1406.1078

    Takes inputs `(B, features)` and the state `[h]` `(B, units)`; returns h and the state.

    Example:
        >>> cell = sz.layers.GRUCell(5)
        >>> output, states = cell(np.ones((2, 3), "float32"), [np.zeros((2, 5), "float32")])
        >>> tuple(output.shape), len(states)
        ((2, 5), 1)
    """

    memory_signs = (1, 0, 0)

    def __init__(
        self,
        units: int,
        activation="tanh",
        recurrent_activation="sigmoid",
        reset_after: bool = True,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.reset_after = reset_after

    def build(self, input_shape):
        bias_shape = (2, 3 * self.units) if self.reset_after else (3 * self.units,)
        self.make_weights(input_shape[-1], gates=3, bias_shape=bias_shape)

    def projections(self):
        kernel = self.cast(self.recurrent_kernel)
        if self.reset_after:
            bias = () if self.bias is None else (self.cast(self.bias)[1],)
            return {"recurrent": (kernel, *bias)}
        gates, candidate = kernel[:, : 2 * self.units], kernel[:, 2 * self.units :]
        return {"gates": (gates,), "candidate": (candidate,)}

    def input_bias(self):
        if self.bias is None:
            return ()
        bias = self.cast(self.bias)
        return (bias[0],) if self.reset_after else (bias,)

    def advance(self, projected, states, project, extra_weights):
        step = gru_step if self.reset_after else gru_step_reset_before
        return step(projected, states, project, self.recurrent_activation, self.activation)

    def joint_kernel(self, input_projection, projections):
        if type(self) is not GRUCell or not self.reset_after:
            return None
        return gru_kernel(input_projection, projections["recurrent"])

    def advance_joint(self, product, states, extra_weights):
        return gru_gates(product, states[0], self.recurrent_activation, self.activation)

    def cudnn_call(self, inputs, mask, state):
        if type(self) is not GRUCell:  # what derives from it computes something else
            return None
        arguments = {
            "inputs": self.cast(inputs),
            "initial_state": state[0],
            "kernel": self.cast(self.kernel),
            "recurrent_kernel": self.cast(self.recurrent_kernel),
            "bias": None if self.bias is None else self.cast(self.bias),
            "activation": self.activation,
            "recurrent_activation": self.recurrent_activation,
            "reset_after": self.reset_after,
        }
        return CudnnCall("gru", arguments, mask, self.units, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "activation": keras.activations.serialize(self.activation),
            "recurrent_activation": keras.activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }
