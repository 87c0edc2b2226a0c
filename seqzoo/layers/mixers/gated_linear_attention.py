"""Gated linear attention: a decay for each key value of each head."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.mixers.matrix_heads import merge_heads, split_heads, split_widths
from seqzoo.layers.mixers.mixer import SequenceMixer, check_heads, check_sizes
from seqzoo.ops.affine import affine
from seqzoo.ops.layer_norm import layer_norm
from seqzoo.ops.recurrence.chunked import MatrixTerms, chunked_recurrence, matrix_step

SLOWNESS = 16.0
"""Root that is taken of a sigmoid, so that decays are near 1."""

CHUNK_LENGTH = 16
"""A pair of steps of a chunk costs a value for each value of a key: chunks are short."""


class GatedLinearState(NamedTuple):
    """What gated linear attention continues from.

    Attributes:
        memory: `(N, heads, K, V)`, float32 at least.
    """

    memory: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class GatedLinearAttention(SequenceMixer):
    """Sums up values at keys in a matrix whose rows decay as each step says.

        q, k, v = W x; a = sigmoid(W U x + b) ** (1 / 16), one number for each of K
        S = diag(a) S + k v^T
        output = W (norm(S^T q / sqrt(K)) * silu(W x + b))

    S is `(K, V)` for each head, and so is the norm's mean and deviation; all keys together are
    half as wide as the inputs, all values as wide.

    Args:
        num_heads: Positive int.
        rank: Positive int, width of U x.
        chunk_length: Positive int, steps that are computed at once: see
            `ops.recurrence.chunked_recurrence`.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, where the heads do not fit or a size is below 1.

    Reference: Yang et al., 2024, https://arxiv.org/abs/2312.06635

    Example:
        >>> mixer = sz.layers.GatedLinearAttention(num_heads=2)
        >>> outputs, state = mixer(np.ones((1, 3, 8)))
        >>> output, state = mixer.step(np.ones((1, 8)), state)
        >>> tuple(output.shape), tuple(state.memory.shape)
        ((1, 8), (1, 2, 2, 4))
    """

    def __init__(
        self, num_heads: int = 4, rank: int = 16, chunk_length: int = CHUNK_LENGTH, **kwargs
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.rank = rank
        self.chunk_length = chunk_length

    def build(self, input_shape):
        features, heads = input_shape[-1], self.num_heads
        check_heads(features, num_heads=heads)
        check_sizes(rank=self.rank, chunk_length=self.chunk_length)
        values = features // heads
        self.units = max(values // 2, 1), values
        self.widths = heads * self.units[0], heads * self.units[0], features, features, self.rank
        self.kernel = self.add_weight(shape=(features, sum(self.widths)), name="kernel")
        self.decay_kernel = self.add_weight(
            shape=(self.rank, heads * self.units[0]), name="decay_kernel"
        )
        self.decay_bias = self.add_weight(
            shape=(heads * self.units[0],), initializer="zeros", name="decay_bias"
        )
        self.gate_bias = self.add_weight(shape=(features,), initializer="zeros", name="gate_bias")
        self.gain = self.add_weight(shape=(values,), initializer="ones", name="gain")
        self.output_kernel = self.add_weight(shape=(features, features), name="output_kernel")

    def mix(self, inputs, mask, segment_ids, state, training):
        state = self.initial_state(ops.shape(inputs)[0], 0) if state is None else state
        memory = ops.cast(state[0], self.state_dtype)
        terms, gate = self.project(inputs)
        read, memory = chunked_recurrence(
            terms, memory, mask, segment_ids, self.chunk_length, training=training
        )
        return self.finish(read, gate), GatedLinearState(memory)

    def initial_state(self, batch_size, max_length, width=1):
        shape = (batch_size * width, self.num_heads, *self.units)
        return GatedLinearState(ops.zeros(shape, self.state_dtype))

    def step(self, inputs, state):
        terms, gate = self.project(inputs)
        read, memory = matrix_step(terms, state[0])
        return self.finish(read, gate), GatedLinearState(memory)

    def project(self, inputs) -> tuple[MatrixTerms, Any]:
        """Returns the terms and the gate of the output, of inputs `(..., features)`."""
        kernel, decay_kernel = self.cast(self.kernel, self.decay_kernel)
        projected = affine(ops.cast(inputs, self.compute_dtype), kernel)
        query, key, value, gate, low_rank = split_widths(projected, *self.widths)
        decay = ops.cast(affine(low_rank, decay_kernel), self.state_dtype)
        log_decay = ops.log_sigmoid(decay + ops.cast(self.decay_bias, decay.dtype)) / SLOWNESS
        query = query * self.units[0] ** -0.5
        heads = (split_heads(x, self.num_heads) for x in (query, key, value, log_decay))
        return MatrixTerms(*heads), gate

    def finish(self, read, gate):
        """Returns the outputs of what was read, `(..., heads, V)`."""
        gain, bias, kernel = self.cast(self.gain, self.gate_bias, self.output_kernel)
        read = layer_norm(ops.cast(read, self.compute_dtype), gain)
        return affine(merge_heads(read) * ops.silu(gate + bias), kernel)

    def get_config(self):
        names = ("num_heads", "rank", "chunk_length")
        return super().get_config() | {name: getattr(self, name) for name in names}
