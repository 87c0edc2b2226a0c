"""The LSTM with a matrix as its memory, and exponential gates."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.mixers.matrix_heads import (
    merge_heads,
    split_heads,
    split_widths,
)
from seqzoo.layers.mixers.mixer import SequenceMixer, check_heads, check_sizes
from seqzoo.ops.affine import affine
from seqzoo.ops.convolution import causal_convolution, convolution_initializer, convolution_step
from seqzoo.ops.layer_norm import layer_norm
from seqzoo.ops.recurrence.chunked import (
    CHUNK_LENGTH,
    MatrixTerms,
    chunked_recurrence,
    decayed_maximum,
    matrix_step,
)

BLOCK = 4
"""Width of the blocks that queries, keys and values are made in."""


class MLSTMState(NamedTuple):
    """What the mLSTM continues from, float32 at least but for the window.

    Attributes:
        memory: `(N, heads, D, D + 1)`, all values with the normaliser behind them, times exp(-m).
        largest: `(N, heads)`, m.
        window: `(N, kernel_size - 1, channels)`, the last inputs of the convolution.
    """

    memory: Any
    largest: Any
    window: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class MLSTM(SequenceMixer):
    """Adds values at keys to a matrix, by exponential gates, and reads their normalised sum.

        x, z = W inputs, each `expansion` times as wide
        c = silu(convolution(x)); q, k of c and v of x, in blocks of 4 values; k / sqrt(D)
        i, f = W (q, k, v) + b, one number a head
        C = sigmoid(f) * C + exp(i) * k v^T;  n = sigmoid(f) * n + exp(i) * k
        h = C^T q / max(|n · q|, 1)
        output = W ((norm(h) + skip * c) * silu(z))

    C is `(D, D)` for each head, and so is the norm's mean and deviation. C and n are stored times
    exp(-m), m = max(log sigmoid(f) + m, i, 0), which is in no result but keeps all in range.

    Args:
        num_heads: Positive int that divides the wide inputs.
        expansion: Positive int.
        kernel_size: Positive int, steps that the convolution sees.
        chunk_length: Positive int, steps that are computed at once: see
            `ops.recurrence.chunked_recurrence`.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, where the heads or the blocks of 4 do not fit or a size is below 1.

    Reference: Beck et al., 2024, xLSTM, equations 19 to 27 and figure 11,
    https://arxiv.org/abs/2405.04517. There m may fall below 0, where exp(-m) has no bound.

    Example:
        >>> mixer = sz.layers.MLSTM(num_heads=2)
        >>> outputs, state = mixer(np.ones((1, 3, 8)))
        >>> output, state = mixer.step(np.ones((1, 8)), state)
        >>> tuple(output.shape), tuple(state.memory.shape)
        ((1, 8), (1, 2, 8, 9))
    """

    def __init__(
        self,
        num_heads: int = 4,
        expansion: int = 2,
        kernel_size: int = 4,
        chunk_length: int = CHUNK_LENGTH,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.expansion = expansion
        self.kernel_size = kernel_size
        self.chunk_length = chunk_length

    def build(self, input_shape):
        features, heads = input_shape[-1], self.num_heads
        check_sizes(
            expansion=self.expansion, kernel_size=self.kernel_size, chunk_length=self.chunk_length
        )
        self.width = width = self.expansion * features
        check_heads(width, num_heads=heads)
        if width % BLOCK:
            raise ValueError(
                f"`expansion` times the width of the inputs must be a multiple of {BLOCK}. "
                f"Received: expansion={self.expansion}, width {features}."
            )
        self.units, blocks = width // heads, width // BLOCK
        self.kernel = self.add_weight(shape=(features, 2 * width), name="kernel")
        self.convolution_kernel = self.add_weight(
            shape=(self.kernel_size, width),
            initializer=convolution_initializer(self.kernel_size),
            name="convolution_kernel",
        )
        self.convolution_bias = self.add_weight(
            shape=(width,), initializer="zeros", name="convolution_bias"
        )
        in_blocks = keras.initializers.RandomNormal(stddev=(2 / (5 * BLOCK)) ** 0.5)
        self.query_key_kernel = self.add_weight(
            shape=(blocks, BLOCK, 2 * BLOCK), initializer=in_blocks, name="query_key_kernel"
        )
        self.value_kernel = self.add_weight(
            shape=(blocks, BLOCK, BLOCK), initializer=in_blocks, name="value_kernel"
        )
        self.gate_kernel = self.add_weight(
            shape=(3 * width, 2 * heads), initializer="zeros", name="gate_kernel"
        )
        self.gate_bias = self.add_weight(
            shape=(2 * heads,), initializer=_gate_biases, name="gate_bias"
        )
        self.gain = self.add_weight(shape=(width,), initializer="ones", name="gain")
        self.skip = self.add_weight(shape=(width,), initializer="ones", name="skip")
        self.output_kernel = self.add_weight(shape=(width, features), name="output_kernel")

    def mix(self, inputs, mask, segment_ids, state, training):
        state = self.initial_state(ops.shape(inputs)[0], 0) if state is None else state
        memory, largest = (ops.cast(x, self.state_dtype) for x in state[:2])
        x, z = self.project(inputs)
        weights = self.cast(self.convolution_kernel, self.convolution_bias)
        c, window = causal_convolution(
            x, *weights, window=state[2], mask=mask, segment_ids=segment_ids
        )
        query, key, value, log_input, log_forget, c = self.heads(x, c)
        if mask is not None:  # m stays as it is
            real = ops.cast(mask, "bool")[..., None]
            log_input = ops.where(real, log_input, ops.zeros_like(log_input))
            log_forget = ops.where(real, log_forget, ops.zeros_like(log_forget))
        after = decayed_maximum(
            log_forget, ops.relu(log_input), largest, segment_ids, mask, self.chunk_length
        )
        before = ops.concatenate([largest[:, None], after[:, :-1]], axis=1)
        terms = _stabilized(query, key, value, log_input, log_forget, before, after)
        read, memory = chunked_recurrence(
            terms, memory, mask, segment_ids, self.chunk_length, training=training
        )
        return self.finish(read, after, c, z), MLSTMState(memory, after[:, -1], window)

    def initial_state(self, batch_size, max_length, width=1):
        rows, wide = batch_size * width, self.state_dtype
        memory = ops.zeros((rows, self.num_heads, self.units, self.units + 1), wide)
        window = ops.zeros((rows, self.kernel_size - 1, self.width), self.compute_dtype)
        return MLSTMState(memory, ops.zeros((rows, self.num_heads), wide), window)

    def step(self, inputs, state):
        memory, largest, window = state
        x, z = self.project(inputs)
        weights = self.cast(self.convolution_kernel, self.convolution_bias)
        c, window = convolution_step(x, *weights, window=window)
        query, key, value, log_input, log_forget, c = self.heads(x, c)
        after = ops.maximum(log_forget + largest, ops.relu(log_input))
        terms = _stabilized(query, key, value, log_input, log_forget, largest, after)
        read, memory = matrix_step(terms, memory)
        return self.finish(read, after, c, z), MLSTMState(memory, after, window)

    def project(self, inputs):
        """Returns x and z of inputs `(..., features)`."""
        inputs = ops.cast(inputs, self.compute_dtype)
        projected = affine(inputs, *self.cast(self.kernel))
        return split_widths(projected, self.width, self.width)

    def heads(self, x, c):
        """Returns q, k, v `(..., heads, D)`, the logarithms of both gates `(..., heads)`, and c."""
        c, wide = ops.silu(c), self.state_dtype
        query_key_kernel, value_kernel = self.cast(self.query_key_kernel, self.value_kernel)
        both = _by_blocks(c, query_key_kernel)
        query, key = (merge_heads(part) for part in split_widths(both, BLOCK, BLOCK))
        value = merge_heads(_by_blocks(x, value_kernel))
        parts = ops.cast(ops.concatenate([query, key, value], axis=-1), wide)
        gates = affine(parts, ops.cast(self.gate_kernel, wide), ops.cast(self.gate_bias, wide))
        log_input, forget = split_widths(gates, self.num_heads, self.num_heads)
        query, key, value = (
            split_heads(part, self.num_heads) for part in split_widths(parts, *[self.width] * 3)
        )
        return query, key * self.units**-0.5, value, log_input, ops.log_sigmoid(forget), c

    def finish(self, read, largest, c, z):
        """Returns the outputs of what was read, `(..., heads, D + 1)`, the normaliser last."""
        sums, normalizer = split_widths(read, self.units, 1)
        least = ops.exp(-largest)[..., None]  # 1, as all else is stored
        h = sums / ops.maximum(ops.abs(normalizer), least)
        h = merge_heads(ops.cast(layer_norm(h), self.compute_dtype))
        gain, skip, kernel = self.cast(self.gain, self.skip, self.output_kernel)
        return affine((h * gain + skip * c) * ops.silu(z), kernel)

    def get_config(self):
        names = ("num_heads", "expansion", "kernel_size", "chunk_length")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _gate_biases(shape, dtype=None):
    """Input gates about 0, forget gates from 3 to 6."""
    heads = shape[0] // 2
    first = keras.random.normal((heads,), stddev=0.1, dtype=dtype)
    return ops.concatenate([first, ops.linspace(3.0, 6.0, heads, dtype=dtype)])


def _by_blocks(x, kernels):
    """Multiplies each block of `(..., blocks * b)` by a kernel of its own: `(..., blocks, c)`."""
    blocks, block, width = kernels.shape
    *leading, _ = ops.shape(x)
    by_block = ops.transpose(ops.reshape(x, (-1, blocks, block)), (1, 0, 2))
    products = ops.transpose(ops.matmul(by_block, kernels), (1, 0, 2))
    return ops.reshape(products, (*leading, blocks, width))


def _stabilized(query, key, value, log_input, log_forget, before, after) -> MatrixTerms:
    """Returns the terms of a state that is stored times exp(-m), m `(..., heads)`."""
    value = ops.concatenate([value, ops.ones_like(value[..., :1])], axis=-1)
    key = key * ops.exp(log_input - after)[..., None]
    return MatrixTerms(query, key, value, (log_forget + before - after)[..., None])
