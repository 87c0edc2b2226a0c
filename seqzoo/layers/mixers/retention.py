"""Retention: linear attention whose past decays at a fixed rate for each head."""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.mixers.matrix_heads import merge_heads, split_heads, split_widths
from seqzoo.layers.mixers.mixer import SequenceMixer, check_heads, check_sizes
from seqzoo.ops.affine import affine
from seqzoo.ops.layer_norm import layer_norm
from seqzoo.ops.positions import rotate, rotation, step_positions
from seqzoo.ops.recurrence.chunked import (
    CHUNK_LENGTH,
    MatrixTerms,
    chunked_recurrence,
    matrix_step,
)


class RetentionState(NamedTuple):
    """What retention continues from.

    Attributes:
        memory: `(N, heads, K, V)`, float32 at least.
        position: Int `(N,)`, of the next step.
    """

    memory: Any
    position: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class Retention(SequenceMixer):
    """Sums up values at keys in a matrix that decays, and reads by queries.

        q, k, v = W x; q and k turned by angles that grow with the position; k / sqrt(K)
        S = (1 - 2 ** (-5 - h)) * S + k v^T, h = 0, 1 … the number of the head
        output = W (norm(S^T q) * silu(W x))

    S is `(K, V)` for each head, and so is the norm's mean and deviation, without a gain.

    Args:
        num_heads: Positive int.
        value_expansion: Positive int, how many times as wide as the inputs the values are.
        chunk_length: Positive int, steps that are computed at once: see
            `ops.recurrence.chunked_recurrence`.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, where the heads do not fit or a size is below 1.

    Reference: Sun et al., 2023, Retentive network, https://arxiv.org/abs/2307.08621. There
    neighbouring values of a key are turned as pairs, here those of its two halves; what the paper
    divides by to keep sums in range, and the norm takes out again, is left out.

    Example:
        >>> mixer = sz.layers.Retention(num_heads=2)
        >>> outputs, state = mixer(np.ones((1, 3, 8)))
        >>> output, state = mixer.step(np.ones((1, 8)), state)
        >>> tuple(output.shape), tuple(state.memory.shape)
        ((1, 8), (1, 2, 4, 8))
    """

    def __init__(
        self,
        num_heads: int = 4,
        value_expansion: int = 2,
        chunk_length: int = CHUNK_LENGTH,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.value_expansion = value_expansion
        self.chunk_length = chunk_length

    def build(self, input_shape):
        features = input_shape[-1]
        check_heads(features, num_heads=self.num_heads)
        check_sizes(value_expansion=self.value_expansion, chunk_length=self.chunk_length)
        values = self.value_expansion * features
        self.units = features // self.num_heads, values // self.num_heads
        self.widths = features, features, values, values
        self.kernel = self.add_weight(shape=(features, sum(self.widths)), name="kernel")
        self.output_kernel = self.add_weight(shape=(values, features), name="output_kernel")

    def mix(self, inputs, mask, segment_ids, state, training):
        batch, steps = ops.shape(inputs)[:2]
        memory, first = self.initial_state(batch, 0) if state is None else state
        # Angles count from one step to another alone: those of a row may go on in a new sequence.
        positions = first[:, None] + step_positions(steps, mask)
        terms, gate = self.project(inputs, positions)
        read, memory = chunked_recurrence(
            terms,
            ops.cast(memory, self.state_dtype),
            mask,
            segment_ids,
            self.chunk_length,
            training=training,
        )
        count = steps if mask is None else ops.sum(ops.cast(mask, first.dtype), axis=1)
        return self.finish(read, gate), RetentionState(memory, first + count)

    def initial_state(self, batch_size, max_length, width=1):
        rows = batch_size * width
        memory = ops.zeros((rows, self.num_heads, *self.units), self.state_dtype)
        return RetentionState(memory, ops.zeros((rows,), "int32"))

    def step(self, inputs, state):
        memory, position = state
        terms, gate = self.project(inputs, position)
        read, memory = matrix_step(terms, memory)
        return self.finish(read, gate), RetentionState(memory, position + 1)

    def project(self, inputs, positions) -> tuple[MatrixTerms, Any]:
        """Returns the terms and the gate of the output, of inputs `(..., features)`."""
        heads, (keys, _) = self.num_heads, self.units
        projected = affine(ops.cast(inputs, self.compute_dtype), *self.cast(self.kernel))
        query, key, value, gate = split_widths(projected, *self.widths)
        pairs = keys // 2
        frequencies = [10000.0 ** (-i / pairs) for i in range(pairs)]
        angles = rotation(positions, frequencies, self.compute_dtype)
        cosines, sines = (x[..., None, :] for x in angles)  # the same for all heads
        query, key = (rotate(split_heads(x, heads), cosines, sines) for x in (query, key))
        decays = [math.log1p(-(2.0 ** (-5 - head))) for head in range(heads)]
        log_decay = ops.convert_to_tensor(decays, self.state_dtype)[:, None]
        log_decay = ops.broadcast_to(log_decay, (*ops.shape(inputs)[:-1], heads, 1))
        return MatrixTerms(query, key * keys**-0.5, split_heads(value, heads), log_decay), gate

    def finish(self, read, gate):
        """Returns the outputs of what was read, `(..., heads, V)`."""
        read = merge_heads(layer_norm(ops.cast(read, self.compute_dtype)))
        return affine(read * ops.silu(gate), *self.cast(self.output_kernel))

    def get_config(self):
        names = ("num_heads", "value_expansion", "chunk_length")
        return super().get_config() | {name: getattr(self, name) for name in names}
