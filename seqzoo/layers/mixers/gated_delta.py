"""The gated delta rule: a memory that corrects what it holds."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.mixers.matrix_heads import (
    LogRate,
    TimeStepBias,
    merge_heads,
    split_widths,
    unit_vectors,
)
from seqzoo.layers.mixers.mixer import SequenceMixer, check_heads, check_sizes
from seqzoo.ops.affine import affine
from seqzoo.ops.convolution import causal_convolution, convolution_initializer, convolution_step
from seqzoo.ops.layer_norm import rms_norm
from seqzoo.ops.recurrence.chunked import MatrixTerms, chunked_recurrence, matrix_step

CHUNK_LENGTH = 32
"""Steps of a chunk. Longer ones cost more in their triangular systems than they save."""


class GatedDeltaState(NamedTuple):
    """What the gated delta rule continues from.

    Attributes:
        memory: `(N, heads, key_units, value_units)`, float32 at least.
        window: `(N, kernel_size - 1, channels)`, the last inputs of the convolution.
    """

    memory: Any
    window: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class GatedDelta(SequenceMixer):
    """Writes values to keys in a matrix, in place of what stood there, and reads by queries.

        q, k, v = silu(convolution(W x)); q and k divided by their length
        b = sigmoid(W x), decay = exp(-exp(A) * softplus(W x + d)), both one number a head
        S = decay * (I - b * k k^T) S + b * k v^T
        output = W (norm(S^T q / sqrt(K)) * silu(W x))

    S is `(K, V)` for each head, the norm is that of the root mean square with a gain.

    Args:
        num_heads: Positive int.
        key_units: Positive int, K; None is `features / num_heads`.
        value_units: Positive int, V; None is K.
        negative_eigenvalues: Whether b is up to 2 in place of 1, so that a step may turn what is
            stored along k into its opposite, and a memory may count modulo 2.
        decay: Whether S decays; where not, this is DeltaNet.
        householder_steps: Positive int, the number of keys, values and b of a step, which are
            written one after the other (DeltaProduct). S decays once, ahead of them.
        kernel_size: Positive int, steps that the convolution sees.
        chunk_length: Positive int, steps that are computed at once: see
            `ops.recurrence.chunked_recurrence`.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, where the heads do not fit or a size is below 1.

    References: Yang et al., 2024, Gated Delta Networks, https://arxiv.org/abs/2412.06464; Yang et
    al., 2024, DeltaNet, https://arxiv.org/abs/2406.06484; Grazzi et al., 2024 (negative
    eigenvalues), https://arxiv.org/abs/2411.12537; Siems et al., 2025, DeltaProduct,
    https://arxiv.org/abs/2502.10297. There keys have 3/4 of the width of the inputs and values
    twice that; here both have all of it unless told otherwise.

    Example:
        >>> mixer = sz.layers.GatedDelta(num_heads=2, negative_eigenvalues=True)
        >>> outputs, state = mixer(np.ones((1, 3, 8)))
        >>> output, state = mixer.step(np.ones((1, 8)), state)
        >>> tuple(output.shape), tuple(state.memory.shape)
        ((1, 8), (1, 2, 4, 4))
    """

    def __init__(
        self,
        num_heads: int = 4,
        key_units: int | None = None,
        value_units: int | None = None,
        negative_eigenvalues: bool = False,
        decay: bool = True,
        householder_steps: int = 1,
        kernel_size: int = 4,
        chunk_length: int = CHUNK_LENGTH,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.key_units = key_units
        self.value_units = value_units
        self.negative_eigenvalues = negative_eigenvalues
        self.decay = decay
        self.householder_steps = householder_steps
        self.kernel_size = kernel_size
        self.chunk_length = chunk_length

    def build(self, input_shape):
        features, heads, writes = input_shape[-1], self.num_heads, self.householder_steps
        if self.key_units is None:
            check_heads(features, num_heads=heads)
        keys = features // heads if self.key_units is None else self.key_units
        values = keys if self.value_units is None else self.value_units
        check_sizes(
            num_heads=heads,
            key_units=keys,
            value_units=values,
            householder_steps=writes,
            kernel_size=self.kernel_size,
            chunk_length=self.chunk_length,
        )
        self.units = keys, values
        # What is convolved: a query, and of each write a key and a value.
        self.convolved_widths = heads * keys, writes * heads * keys, writes * heads * values
        # What is not: of each write b, the gate of the output, the decay.
        self.plain_widths = writes * heads, heads * values, heads if self.decay else 0
        self.kernel = self.add_weight(
            shape=(features, sum(self.convolved_widths + self.plain_widths)), name="kernel"
        )
        self.convolution_kernel = self.add_weight(
            shape=(self.kernel_size, sum(self.convolved_widths)),
            initializer=convolution_initializer(self.kernel_size),
            name="convolution_kernel",
        )
        if self.decay:
            self.log_rate = self.add_weight(shape=(heads,), initializer=LogRate(), name="log_rate")
            self.decay_bias = self.add_weight(
                shape=(heads,), initializer=TimeStepBias(), name="decay_bias"
            )
        self.gain = self.add_weight(shape=(values,), initializer="ones", name="gain")
        self.output_kernel = self.add_weight(shape=(heads * values, features), name="output_kernel")

    def mix(self, inputs, mask, segment_ids, state, training):
        state = self.initial_state(ops.shape(inputs)[0], 0) if state is None else state
        memory, window = ops.cast(state[0], self.state_dtype), state[1]
        writes = self.householder_steps
        convolved, plain = self.project(inputs)
        (kernel,) = self.cast(self.convolution_kernel)
        convolved, window = causal_convolution(convolved, kernel, None, window, mask, segment_ids)
        terms = self.terms(convolved, plain)
        batch, steps, _, heads, _ = ops.shape(terms.value)
        # (B, T, writes, H, D) -> (B, T * writes, H, D)
        terms = terms.each(lambda x: ops.reshape(x, (batch, steps * writes, heads, x.shape[-1])))
        if writes > 1:
            mask = None if mask is None else ops.repeat(mask, writes, axis=1)
            segment_ids = None if segment_ids is None else ops.repeat(segment_ids, writes, axis=1)
        read, memory = chunked_recurrence(
            terms, memory, mask, segment_ids, self.chunk_length, training=training
        )
        read = ops.reshape(read, (batch, steps, writes, heads, self.units[1]))[:, :, -1]
        return self.finish(read, plain), GatedDeltaState(memory, window)

    def initial_state(self, batch_size, max_length, width=1):
        rows, window = batch_size * width, (self.kernel_size - 1, sum(self.convolved_widths))
        memory = ops.zeros((rows, self.num_heads, *self.units), self.state_dtype)
        return GatedDeltaState(memory, ops.zeros((rows, *window), self.compute_dtype))

    def step(self, inputs, state):
        memory, window = state
        convolved, plain = self.project(inputs)
        (kernel,) = self.cast(self.convolution_kernel)
        convolved, window = convolution_step(convolved, kernel, None, window)
        terms = self.terms(convolved, plain)
        read = None
        for write in range(self.householder_steps):
            read, memory = matrix_step(terms.each(lambda x, i=write: x[:, i]), memory)
        return self.finish(read, plain), GatedDeltaState(memory, window)

    def project(self, inputs):
        """Returns what is convolved and what is not, of inputs `(..., features)`."""
        inputs = ops.cast(inputs, self.compute_dtype)
        projected = affine(inputs, *self.cast(self.kernel))
        return split_widths(projected, sum(self.convolved_widths), sum(self.plain_widths))

    def terms(self, convolved, plain) -> MatrixTerms:
        """Returns the terms of all writes, `(..., writes, heads, D)`."""
        heads, (keys, values) = self.num_heads, self.units
        *leading, writes = *ops.shape(plain)[:-1], self.householder_steps
        wide = self.state_dtype
        query, key, value = split_widths(
            ops.cast(ops.silu(convolved), wide), *self.convolved_widths
        )
        query = unit_vectors(ops.reshape(query, (*leading, 1, heads, keys))) * keys**-0.5
        query = ops.repeat(query, writes, axis=-3)
        key = unit_vectors(ops.reshape(key, (*leading, writes, heads, keys)))
        value = ops.reshape(value, (*leading, writes, heads, values))
        beta, _, rate = split_widths(ops.cast(plain, wide), *self.plain_widths)
        beta = ops.sigmoid(ops.reshape(beta, (*leading, writes, heads, 1)))
        beta = 2 * beta if self.negative_eigenvalues else beta
        log_decay = ops.zeros_like(beta)
        if self.decay:
            rate = ops.softplus(rate + ops.cast(self.decay_bias, wide))
            rate = rate * ops.exp(ops.cast(self.log_rate, wide))
            first = ops.one_hot(0, writes, dtype=wide)[:, None, None]
            log_decay = -first * ops.reshape(rate, (*leading, 1, heads, 1))
        return MatrixTerms(query, beta * key, value, log_decay, -ops.exp(log_decay) * key)

    def finish(self, read, plain):
        """Returns the outputs of what was read, `(..., heads, value_units)`."""
        gate = split_widths(plain, *self.plain_widths)[1]
        gain, kernel = self.cast(self.gain, self.output_kernel)
        read = rms_norm(ops.cast(read, self.compute_dtype), gain)
        return affine(merge_heads(read) * ops.silu(gate), kernel)

    def get_config(self):
        names = ("num_heads", "key_units", "value_units", "negative_eigenvalues", "decay")
        names += ("householder_steps", "kernel_size", "chunk_length")
        return super().get_config() | {name: getattr(self, name) for name in names}
