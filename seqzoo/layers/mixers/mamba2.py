"""Mamba-2: a selective state space with one decay a head."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.mixers.matrix_heads import (
    LogRate,
    TimeStepBias,
    merge_heads,
    split_heads,
    split_widths,
)
from seqzoo.layers.mixers.mixer import SequenceMixer, check_heads, check_sizes
from seqzoo.ops.affine import affine
from seqzoo.ops.convolution import causal_convolution, convolution_initializer, convolution_step
from seqzoo.ops.layer_norm import rms_norm
from seqzoo.ops.recurrence.chunked import (
    CHUNK_LENGTH,
    MatrixTerms,
    chunked_recurrence,
    matrix_step,
)


class Mamba2State(NamedTuple):
    """What Mamba-2 continues from.

    Attributes:
        memory: `(N, heads, state_units, D)`, float32 at least.
        window: `(N, kernel_size - 1, channels)`, the last inputs of the convolution.
    """

    memory: Any
    window: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class Mamba2(SequenceMixer):
    """Lets a state decay and adds to it, both as each step says, by a matrix for each head.

        z, x, dt = W inputs; x, b, c = silu(convolution(x))
        dt = softplus(dt + bias), one number a head; decay = exp(-exp(A) * dt)
        S = decay * S + b (dt * x)^T
        y = S^T c + D * x
        output = W norm(y * silu(z))

    S is `(state_units, D)` for each head; b and c are the same for all heads. The norm is that of
    the root mean square over all heads, with a gain.

    Args:
        num_heads: Positive int that divides the wide inputs.
        state_units: Positive int, width of b and c.
        expansion: Positive int, how many times as wide as the inputs x and z are.
        kernel_size: Positive int, steps that the convolution sees.
        chunk_length: Positive int, steps that are computed at once: see
            `ops.recurrence.chunked_recurrence`.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, where the heads do not fit or a size is below 1.

    Reference: Dao and Gu, 2024, https://arxiv.org/abs/2405.21060. There a head has 64 values and a
    state 128; here there are as many heads as in attention.

    Example:
        >>> mixer = sz.layers.Mamba2(num_heads=2, state_units=3)
        >>> outputs, state = mixer(np.ones((1, 3, 8)))
        >>> output, state = mixer.step(np.ones((1, 8)), state)
        >>> tuple(output.shape), tuple(state.memory.shape)
        ((1, 8), (1, 2, 3, 8))
    """

    def __init__(
        self,
        num_heads: int = 4,
        state_units: int = 64,
        expansion: int = 2,
        kernel_size: int = 4,
        chunk_length: int = CHUNK_LENGTH,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.state_units = state_units
        self.expansion = expansion
        self.kernel_size = kernel_size
        self.chunk_length = chunk_length

    def build(self, input_shape):
        features, heads = input_shape[-1], self.num_heads
        check_sizes(
            state_units=self.state_units,
            expansion=self.expansion,
            kernel_size=self.kernel_size,
            chunk_length=self.chunk_length,
        )
        self.width = width = self.expansion * features
        check_heads(width, num_heads=heads)
        self.channels = width + 2 * self.state_units
        self.kernel = self.add_weight(
            shape=(features, width + self.channels + heads), name="kernel"
        )
        self.convolution_kernel = self.add_weight(
            shape=(self.kernel_size, self.channels),
            initializer=convolution_initializer(self.kernel_size),
            name="convolution_kernel",
        )
        self.convolution_bias = self.add_weight(
            shape=(self.channels,), initializer="zeros", name="convolution_bias"
        )
        self.time_step_bias = self.add_weight(
            shape=(heads,), initializer=TimeStepBias(), name="time_step_bias"
        )
        self.log_rate = self.add_weight(shape=(heads,), initializer=LogRate(), name="log_rate")
        self.skip = self.add_weight(shape=(heads,), initializer="ones", name="skip")
        self.gain = self.add_weight(shape=(width,), initializer="ones", name="gain")
        self.output_kernel = self.add_weight(shape=(width, features), name="output_kernel")

    def mix(self, inputs, mask, segment_ids, state, training):
        state = self.initial_state(ops.shape(inputs)[0], 0) if state is None else state
        memory, window = ops.cast(state[0], self.state_dtype), state[1]
        z, x, dt = self.project(inputs)
        weights = self.cast(self.convolution_kernel, self.convolution_bias)
        x, window = causal_convolution(
            x, *weights, window=window, mask=mask, segment_ids=segment_ids
        )
        x, terms = self.terms(x, dt)
        read, memory = chunked_recurrence(
            terms, memory, mask, segment_ids, self.chunk_length, training=training
        )
        return self.finish(read, x, z), Mamba2State(memory, window)

    def initial_state(self, batch_size, max_length, width=1):
        rows, units = batch_size * width, self.width // self.num_heads
        memory = ops.zeros((rows, self.num_heads, self.state_units, units), self.state_dtype)
        window = ops.zeros((rows, self.kernel_size - 1, self.channels), self.compute_dtype)
        return Mamba2State(memory, window)

    def step(self, inputs, state):
        memory, window = state
        z, x, dt = self.project(inputs)
        weights = self.cast(self.convolution_kernel, self.convolution_bias)
        x, window = convolution_step(x, *weights, window=window)
        x, terms = self.terms(x, dt)
        read, memory = matrix_step(terms, memory)
        return self.finish(read, x, z), Mamba2State(memory, window)

    def project(self, inputs):
        """Returns z, what is convolved, and dt, of inputs `(..., features)`."""
        projected = affine(ops.cast(inputs, self.compute_dtype), *self.cast(self.kernel))
        return split_widths(projected, self.width, self.channels, self.num_heads)

    def terms(self, convolved, dt) -> tuple[Any, MatrixTerms]:
        """Returns x `(..., heads, D)`, and the terms."""
        convolved = ops.cast(ops.silu(convolved), self.state_dtype)
        x, b, c = split_widths(convolved, self.width, self.state_units, self.state_units)
        x = split_heads(x, self.num_heads)
        bias, log_rate = (ops.cast(w, x.dtype) for w in (self.time_step_bias, self.log_rate))
        dt = ops.softplus(ops.cast(dt, x.dtype) + bias)
        log_decay = -ops.exp(log_rate) * dt
        terms = MatrixTerms(
            c[..., None, :], b[..., None, :], dt[..., None] * x, log_decay[..., None]
        )
        return x, terms

    def finish(self, read, x, z):
        """Returns the outputs of what was read, `(..., heads, D)`."""
        y = read + ops.cast(self.skip, x.dtype)[:, None] * x
        gain, kernel = self.cast(self.gain, self.output_kernel)
        y = ops.cast(merge_heads(y), self.compute_dtype) * ops.silu(z)
        return affine(rms_norm(y, gain, epsilon=1e-5), kernel)

    def get_config(self):
        names = ("num_heads", "state_units", "expansion", "kernel_size", "chunk_length")
        return super().get_config() | {name: getattr(self, name) for name in names}
