"""The recurrent block of Griffin, around the real-gated linear recurrent unit."""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.cells.rg_lru import LEAST_MOVE, SHARPNESS, first_decay_logit
from seqzoo.layers.mixers.mixer import SequenceMixer, check_heads, check_sizes
from seqzoo.ops.affine import affine, affine_by_heads
from seqzoo.ops.convolution import (
    causal_convolution,
    convolution_initializer,
    convolution_step,
)
from seqzoo.ops.recurrence.linear import linear_recurrence_of_rows


class GriffinState(NamedTuple):
    """What Griffin's recurrence continues from.

    Attributes:
        hidden: `(N, units)`, in float32 at least.
        window: The last inputs of the convolution, `(N, kernel_size - 1, units)`.
    """

    hidden: Any
    window: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class GriffinRecurrence(SequenceMixer):
    """A gated diagonal recurrence (RG-LRU) behind a convolution, times a branch that has none.

        u, v = the two parts of W x + b
        u = the convolution of u over time
        r, i = sigmoid of G u + g, each head by its own part of G
        a = exp(-8 * r * softplus(L))
        h = a * h + sqrt(1 - a ** 2) * (i * u)
        y = O (h * gelu(v)) + o, with the gelu by tanh

    L begins so that a is between 0.9 and 0.999 where r is 1.

    Args:
        units: Positive int, the width of u, v and h; None is that of the inputs.
        num_heads: Positive int that divides `units`: G is block-diagonal, of as many blocks.
        kernel_size: Positive int, the steps that the convolution sees, its own counted.
        use_bias: Whether W and O add a bias. The convolution and the gates have one always.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, where the heads do not fit, and for sizes below 1.

    Reference: De et al., 2024, Griffin, https://arxiv.org/abs/2402.19427, where `units` are about
    4 / 3 of the width. The published code of RecurrentGemma differs from the paper at the first
    step, whose input it does not scale by the square root; this is the paper's.

    Takes and returns `(B, T, features)`; for call arguments and results see `SequenceMixer`.

    Example:
        >>> mixer = sz.layers.GriffinRecurrence(units=6, num_heads=2)
        >>> outputs, state = mixer(np.ones((1, 3, 4)))
        >>> outputs.shape, state.hidden.shape
        (TensorShape([1, 3, 4]), TensorShape([1, 6]))
    """

    def __init__(
        self,
        units: int | None = None,
        num_heads: int = 1,
        kernel_size: int = 4,
        use_bias: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.num_heads = num_heads
        self.kernel_size = kernel_size
        self.use_bias = use_bias

    def build(self, input_shape):
        features = input_shape[-1]
        self.width = width = features if self.units is None else self.units
        check_sizes(kernel_size=self.kernel_size, units=width)
        check_heads(width, num_heads=self.num_heads)

        def bias(size, name):
            return self.add_weight(shape=(size,), initializer="zeros", name=name)

        self.kernel = self.add_weight(shape=(features, 2 * width), name="kernel")
        self.convolution_kernel = self.add_weight(
            shape=(self.kernel_size, width),
            initializer=convolution_initializer(self.kernel_size),
            name="convolution_kernel",
        )
        self.convolution_bias = bias(width, "convolution_bias")
        of_head = width // self.num_heads
        self.gate_kernel = self.add_weight(
            shape=(self.num_heads, of_head, 2 * of_head),
            initializer=keras.initializers.RandomNormal(stddev=of_head**-0.5),
            name="gate_kernel",
        )
        self.gate_bias = self.add_weight(
            shape=(self.num_heads, 2 * of_head), initializer="zeros", name="gate_bias"
        )
        self.decay_logit = self.add_weight(
            shape=(width,), initializer=first_decay_logit, name="decay_logit"
        )
        self.output_kernel = self.add_weight(shape=(width, features), name="output_kernel")
        self.bias = self.output_bias = None
        if self.use_bias:
            self.bias = bias(2 * width, "bias")
            self.output_bias = bias(features, "output_bias")

    def mix(self, inputs, mask, segment_ids, state, training):
        if state is None:
            state = self.initial_state(ops.shape(inputs)[0], 0)
        hidden, window = state
        u, v = self._branches(inputs)
        u, window = causal_convolution(
            u, *self._convolution(), window=window, mask=mask, segment_ids=segment_ids
        )
        hidden, last = linear_recurrence_of_rows(*self._coefficients(u), hidden, mask, segment_ids)
        return self._output(hidden, v), GriffinState(last, window)

    def initial_state(self, batch_size, max_length, width=1):
        rows, before = batch_size * width, self.kernel_size - 1
        return GriffinState(
            ops.zeros((rows, self.width), dtype=self.state_dtype),
            ops.zeros((rows, before, self.width), dtype=self.compute_dtype),
        )

    def step(self, inputs, state):
        hidden, window = state
        u, v = self._branches(ops.cast(inputs, self.compute_dtype))
        u, window = convolution_step(u, *self._convolution(), window=window)
        decay, input_term = self._coefficients(u)
        hidden = decay * hidden + input_term
        return self._output(hidden, v), GriffinState(hidden, window)

    def _branches(self, inputs):
        parts = ops.split(affine(inputs, *self.cast(self.kernel, self.bias)), 2, axis=-1)
        return parts[0], parts[1]

    def _convolution(self):
        return self.cast(self.convolution_kernel, self.convolution_bias)

    def _coefficients(self, u):
        """Returns the decays a and the input terms of u `(…, units)`."""
        gates = affine_by_heads(u, *self.cast(self.gate_kernel, self.gate_bias))
        r, i = (
            ops.sigmoid(ops.cast(ops.reshape(gate, ops.shape(u)), self.state_dtype))
            for gate in ops.split(gates, 2, axis=-1)
        )
        log_a = -SHARPNESS * r * ops.softplus(ops.cast(self.decay_logit, self.state_dtype))
        move = ops.sqrt(ops.maximum(-ops.expm1(2 * log_a), LEAST_MOVE))
        return ops.exp(log_a), move * i * ops.cast(u, self.state_dtype)

    def _output(self, hidden, v):
        gated = ops.cast(hidden, self.compute_dtype) * _gelu(v)
        return affine(gated, *self.cast(self.output_kernel, self.output_bias))

    def get_config(self):
        names = ("units", "num_heads", "kernel_size", "use_bias")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _gelu(x):
    """Returns gelu by tanh, which TensorFlow has too, but with a constant of float32 precision."""
    return x * ops.sigmoid(math.sqrt(8 / math.pi) * (x + 0.044715 * x * x * x))
