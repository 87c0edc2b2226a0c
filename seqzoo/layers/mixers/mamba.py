"""Mamba: a state space model whose step size, writes and reads depend on the inputs."""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.mixers.matrix_heads import TimeStepBias
from seqzoo.layers.mixers.mixer import SequenceMixer, check_sizes
from seqzoo.ops.affine import affine
from seqzoo.ops.convolution import (
    causal_convolution,
    convolution_initializer,
    convolution_step,
)
from seqzoo.ops.recurrence.selective import SelectiveInputs, selective_scan, selective_step


class MambaState(NamedTuple):
    """What Mamba continues from.

    Attributes:
        hidden: `(N, state_units, units)`, in float32 at least.
        window: The last inputs of the convolution, `(N, kernel_size - 1, units)`.
    """

    hidden: Any
    window: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class Mamba(SequenceMixer):
    """Selective state spaces (S6) between a convolution and a gate.

        u, z = the two parts of W x
        u = silu(the convolution of u over time)
        s, B, C = the parts of P u; step = softplus(V s + b)
        h = exp(step * A) * h + step * B * u, for each channel of u and each of its states
        y = the sum of C * h over the states + D * u
        outputs = O (y * silu(z))

    A is negative, `-exp(rate_logit)`, and begins with -1, -2, …, -`state_units` for each channel.

    Args:
        expansion: Positive number, the width of u (`units`) by that of the inputs.
        state_units: Positive int, the states of a channel.
        rank: Positive int, the width of s; None is a sixteenth of that of the inputs, rounded up.
        kernel_size: Positive int, the steps that the convolution sees, its own counted.
        use_bias: Whether W and O add a bias. The convolution has one always.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, for sizes below 1.

    Reference: Gu and Dao, 2023, https://arxiv.org/abs/2312.00752, with the simpler discretisation
    of B and the first values of its published code.

    Takes and returns `(B, T, features)`; for call arguments and results see `SequenceMixer`.

    Example:
        >>> mixer = sz.layers.Mamba(state_units=2)
        >>> outputs, state = mixer(np.ones((1, 3, 4)))
        >>> outputs.shape, state.hidden.shape, state.window.shape
        (TensorShape([1, 3, 4]), TensorShape([1, 2, 8]), TensorShape([1, 3, 8]))
    """

    def __init__(
        self,
        expansion: float = 2.0,
        state_units: int = 16,
        rank: int | None = None,
        kernel_size: int = 4,
        use_bias: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.expansion = expansion
        self.state_units = state_units
        self.rank = rank
        self.kernel_size = kernel_size
        self.use_bias = use_bias

    def build(self, input_shape):
        features = input_shape[-1]
        self.units = units = int(features * self.expansion)
        self.step_units = math.ceil(features / 16) if self.rank is None else self.rank
        check_sizes(
            kernel_size=self.kernel_size,
            units=units,
            state_units=self.state_units,
            rank=self.step_units,
        )
        self.kernel = self.add_weight(shape=(features, 2 * units), name="kernel")
        self.convolution_kernel = self.add_weight(
            shape=(self.kernel_size, units),
            initializer=convolution_initializer(self.kernel_size),
            name="convolution_kernel",
        )
        self.convolution_bias = self.add_weight(
            shape=(units,), initializer="zeros", name="convolution_bias"
        )
        self.selection_kernel = self.add_weight(
            shape=(units, self.step_units + 2 * self.state_units), name="selection_kernel"
        )
        limit = self.step_units**-0.5
        self.step_kernel = self.add_weight(
            shape=(self.step_units, units),
            initializer=keras.initializers.RandomUniform(-limit, limit),
            name="step_kernel",
        )
        self.step_bias = self.add_weight(
            shape=(units,), initializer=TimeStepBias(), name="step_bias"
        )
        self.rate_logit = self.add_weight(
            shape=(self.state_units, units), initializer=_first_rate_logit, name="rate_logit"
        )
        self.skip = self.add_weight(shape=(units,), initializer="ones", name="skip")
        self.output_kernel = self.add_weight(shape=(units, features), name="output_kernel")
        self.bias = self.output_bias = None
        if self.use_bias:
            self.bias = self.add_weight(shape=(2 * units,), initializer="zeros", name="bias")
            self.output_bias = self.add_weight(
                shape=(features,), initializer="zeros", name="output_bias"
            )

    def mix(self, inputs, mask, segment_ids, state, training):
        if state is None:
            state = self.initial_state(ops.shape(inputs)[0], 0)
        hidden, window = state
        u, z = self._parts(inputs)
        u, window = causal_convolution(
            u, *self._convolution(), window=window, mask=mask, segment_ids=segment_ids
        )
        selected = self._selected(ops.silu(u))
        y, hidden = selective_scan(selected, self._rates(), hidden, mask, segment_ids, training)
        return self._output(y, selected.values, z), MambaState(hidden, window)

    def initial_state(self, batch_size, max_length, width=1):
        rows, before = batch_size * width, self.kernel_size - 1
        return MambaState(
            ops.zeros((rows, self.state_units, self.units), dtype=self.state_dtype),
            ops.zeros((rows, before, self.units), dtype=self.compute_dtype),
        )

    def step(self, inputs, state):
        hidden, window = state
        u, z = self._parts(ops.cast(inputs, self.compute_dtype))
        u, window = convolution_step(u, *self._convolution(), window=window)
        selected = self._selected(ops.silu(u))
        y, hidden = selective_step(selected, self._rates(), hidden)
        return self._output(y, selected.values, z), MambaState(hidden, window)

    def _parts(self, inputs):
        parts = ops.split(affine(inputs, *self.cast(self.kernel, self.bias)), 2, axis=-1)
        return parts[0], parts[1]

    def _convolution(self):
        return self.cast(self.convolution_kernel, self.convolution_bias)

    def _rates(self):
        return -ops.exp(ops.cast(self.rate_logit, self.state_dtype))

    def _selected(self, u) -> SelectiveInputs:
        """Returns what the recurrence is made of, in its dtype, of u `(…, units)`."""
        ends = [self.step_units, self.step_units + self.state_units]
        selection_kernel, step_kernel = self.cast(self.selection_kernel, self.step_kernel)
        s, writes, reads = ops.split(affine(u, selection_kernel), ends, axis=-1)
        step_size, *others = (
            ops.cast(x, self.state_dtype) for x in (affine(s, step_kernel), u, writes, reads)
        )
        step_size = ops.softplus(step_size + ops.cast(self.step_bias, self.state_dtype))
        values, writes, reads = others
        return SelectiveInputs(values, step_size, writes, reads)

    def _output(self, y, values, z):
        y = y + ops.cast(self.skip, self.state_dtype) * values
        gated = ops.cast(y, self.compute_dtype) * ops.silu(z)
        return affine(gated, *self.cast(self.output_kernel, self.output_bias))

    def get_config(self):
        names = ("expansion", "state_units", "rank", "kernel_size", "use_bias")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _first_rate_logit(shape, dtype=None):
    numbers = ops.cast(ops.arange(1, shape[0] + 1), dtype)
    return ops.broadcast_to(ops.log(numbers)[:, None], shape)
