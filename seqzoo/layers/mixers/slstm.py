"""sLSTM: an LSTM with exponential gates, a normaliser and memories that mix within a head."""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.mixers.mixer import SequenceMixer, check_heads, check_sizes
from seqzoo.ops.convolution import (
    causal_convolution,
    convolution_initializer,
    convolution_step,
)
from seqzoo.ops.layer_norm import layer_norm
from seqzoo.ops.masks import first_of_segments, where_real
from seqzoo.ops.recurrence import plan
from seqzoo.ops.recurrence.scan import apply_projections

NOTHING_YET = -1e30
"""The stabiliser before the first step: below the logarithm of any gate."""


class SLSTMState(NamedTuple):
    """What an sLSTM continues from; `(N, units)` each but the last, in float32 at least.

    Attributes:
        hidden: h.
        memory: c.
        normalizer: n.
        stabilizer: m.
        window: The last inputs of the convolution, `(N, kernel_size - 1, units)`.
    """

    hidden: Any
    memory: Any
    normalizer: Any
    stabilizer: Any
    window: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class SLSTM(SequenceMixer):
    """A recurrence whose gates see what was remembered: it trains by a loop over the steps.

        u = silu(the convolution of x over time)
        i, f = exp, sigmoid of W u + R h + b;  z, o = tanh, sigmoid of W x + R h + b
        c = f * c + i * z
        n = f * n + i
        h = o * c / n
        y = the layer norm of h within each head, times a gain

    W and R are block-diagonal: a head sees its own part of x, u and h. c and n are held times
    exp(-m), so that no gate overflows: m is the larger of log f + m and log i at each step.

    Args:
        num_heads: Positive int that divides the width of the inputs.
        kernel_size: Positive int, the steps that the convolution sees, its own counted; with 1 it
            scales each channel.
        recurrent_initializer: For R; zeros in the published code.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, where the heads do not fit, and for sizes below 1.

    Reference: Beck et al., 2024, xLSTM, https://arxiv.org/abs/2405.04517, and the published code
    for the first values, those of its first block. There is no product after the norm, as there:
    the feed-forward layer of the block follows.

    Takes and returns `(B, T, features)`; for call arguments and results see `SequenceMixer`.

    Example:
        >>> mixer = sz.layers.SLSTM(num_heads=2)
        >>> outputs, state = mixer(np.ones((1, 3, 4)))
        >>> outputs.shape, state.memory.shape
        (TensorShape([1, 3, 4]), TensorShape([1, 4]))
    """

    def __init__(
        self,
        num_heads: int = 4,
        kernel_size: int = 4,
        recurrent_initializer="zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.kernel_size = kernel_size
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)

    def build(self, input_shape):
        self.units = units = input_shape[-1]
        check_heads(units, num_heads=self.num_heads)
        check_sizes(kernel_size=self.kernel_size)
        of_head = units // self.num_heads
        small = keras.initializers.RandomNormal(stddev=math.sqrt(2 / (5 * units)))

        def gates(name, count, initializer):
            shape = (self.num_heads, of_head, count * of_head)
            return self.add_weight(shape=shape, initializer=initializer, name=name)

        self.convolution_kernel = self.add_weight(
            shape=(self.kernel_size, units),
            initializer=convolution_initializer(self.kernel_size),
            name="convolution_kernel",
        )
        self.convolution_bias = self.add_weight(
            shape=(units,), initializer="zeros", name="convolution_bias"
        )
        self.gate_kernel = gates("gate_kernel", 2, small)  # of i and f, from u
        self.value_kernel = gates("value_kernel", 2, small.clone())  # of z and o, from x
        self.recurrent_kernel = gates("recurrent_kernel", 4, self.recurrent_initializer)
        self.bias = self.add_weight(
            shape=(4, self.num_heads, of_head), initializer=_first_bias, name="bias"
        )
        self.gain = self.add_weight(shape=(units,), initializer="ones", name="gain")

    def mix(self, inputs, mask, segment_ids, state, training):
        if state is None:
            state = self.initial_state(ops.shape(inputs)[0], 0)
        *memories, window = state
        u, window = causal_convolution(
            inputs, *self._convolution(), window=window, mask=mask, segment_ids=segment_ids
        )
        steps = {"gates": ops.transpose(self._gates(inputs, u), (1, 0, 2))}
        if mask is not None:
            steps["real"] = ops.transpose(ops.cast(mask, "bool"))
        if segment_ids is not None:
            steps["starts"] = ops.transpose(first_of_segments(segment_ids))
        states, memories = plan.scan(
            _step,
            tuple(memories),
            steps,
            self._projections(),
            requested=(True, False, False, False),
            training=training,
            independent_rows=True,
            elementwise=True,
            owner=self,
        )
        outputs = self._normalized(ops.transpose(states[0], (1, 0, 2)))
        return outputs, SLSTMState(*memories, window=window)

    def initial_state(self, batch_size, max_length, width=1):
        rows, before = batch_size * width, self.kernel_size - 1
        return SLSTMState(
            *_first_memories(ops.zeros((rows, self.units), dtype=self.state_dtype)),
            ops.zeros((rows, before, self.units), dtype=self.compute_dtype),
        )

    def step(self, inputs, state):
        *memories, window = state
        inputs = ops.cast(inputs, self.compute_dtype)
        u, window = convolution_step(inputs, *self._convolution(), window=window)
        project = apply_projections(self._projections())
        memories = _step({"gates": self._gates(inputs, u)}, memories, (), project)
        return self._normalized(memories[0]), SLSTMState(*memories, window=window)

    def _convolution(self):
        return self.cast(self.convolution_kernel, self.convolution_bias)

    def _gates(self, x, u):
        """Returns the share of x and u in the gates i, f, z and o, `(…, 4 * units)`."""
        heads, of_head = self.num_heads, self.units // self.num_heads
        *leading, _ = ops.shape(x)
        kernels = self.cast(self.gate_kernel, self.value_kernel)
        pairs = []
        for values, kernel in zip((ops.silu(u), x), kernels, strict=True):
            rows = ops.transpose(ops.reshape(values, (-1, heads, of_head)), (1, 0, 2))
            pairs.append(ops.matmul(rows, kernel))
        gates = ops.reshape(ops.concatenate(pairs, axis=-1), (heads, -1, 4, of_head))
        gates = ops.cast(ops.transpose(gates, (1, 2, 0, 3)), self.state_dtype)  # (rows, 4, H, D)
        gates = gates + ops.cast(self.bias, self.state_dtype)
        return ops.reshape(gates, (*leading, 4 * self.units))

    def _projections(self):
        """Returns the product by R as one of a matrix `(units, 4 * units)`, 0 between heads."""
        heads, of_head = self.num_heads, self.units // self.num_heads
        kernel = ops.cast(self.recurrent_kernel, self.state_dtype)
        kernel = ops.reshape(kernel, (heads, of_head, 4, 1, of_head))
        own = ops.reshape(ops.eye(heads, dtype=self.state_dtype), (heads, 1, 1, heads, 1))
        return {"recurrent": (ops.reshape(kernel * own, (self.units, 4 * self.units)),)}

    def _normalized(self, hidden):
        of_head = self.units // self.num_heads
        heads = ops.reshape(hidden, (*ops.shape(hidden)[:-1], self.num_heads, of_head))
        heads = layer_norm(heads, ops.ones((of_head,), dtype=heads.dtype))
        outputs = ops.reshape(heads, ops.shape(hidden))
        return ops.cast(outputs, self.compute_dtype) * ops.cast(self.gain, self.compute_dtype)

    def get_config(self):
        return super().get_config() | {
            "num_heads": self.num_heads,
            "kernel_size": self.kernel_size,
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
        }


def _step(inputs_t, memories, constants, project):
    """Returns h, c, n and m after a step."""
    memories = tuple(memories)
    if "starts" in inputs_t:
        memories = where_real(inputs_t["starts"], _first_memories(memories[0]), memories)
    h, c, n, m = memories
    i, f, z, o = ops.split(inputs_t["gates"] + project("recurrent", h), 4, axis=-1)
    log_f = m - ops.softplus(-f)  # of the forget gate and all that is held
    # Whatever m is, h is the same, so that no gradient flows through it.
    m = ops.stop_gradient(ops.maximum(log_f, i))
    i, f = ops.exp(i - m), ops.exp(log_f - m)
    c = f * c + i * ops.tanh(z)
    n = f * n + i
    new = (ops.sigmoid(o) * c / n, c, n, m)
    return where_real(inputs_t["real"], new, memories) if "real" in inputs_t else new


def _first_memories(like):
    zeros = ops.zeros_like(like)
    return zeros, zeros, zeros, zeros + NOTHING_YET


def _first_bias(shape, dtype=None):
    """Returns 0 for all gates but f, which within a head goes from 5 down to -7 by a power law."""
    _, heads, units = shape
    rank = ops.arange(units, dtype="float32") / max(units - 1, 1)
    forget = ops.broadcast_to(5 - 12 * rank**0.3, (1, heads, units))
    zeros = ops.zeros((1, heads, units))
    return ops.cast(ops.concatenate([zeros, forget, zeros, zeros], axis=0), dtype)
