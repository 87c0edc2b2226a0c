"""How a decoder reads from the source: K beams of an example from its one row of memory."""

from typing import Any

import keras
from keras import ops

from seqzoo.layers.attention.attention import Attention, Memory
from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.recurrence.scan import Project


def first_read(attention: Attention, memory: Memory) -> dict[str, Any]:
    """Returns what stands in the state of a decoder, B rows, before anything was read."""
    state = attention.initial_state(memory)
    return {
        "context": ops.zeros_like(ops.sum(memory.values, axis=1)),
        "alignment": ops.zeros_like(memory.values[:, :, 0]),
        "attention": keras.tree.map_structure(lambda leaf: leaf[:, 0], state),
    }


def read(
    attention: Attention, query, memory, state, project: Project, extra_weights: tuple
) -> dict[str, Any]:
    """Reads for N = B * K queries.

    Args:
        attention: The attention.
        query: `(N, features)`.
        memory: `Memory`, B rows.
        state: The attention's own, leaves `(N, ...)`.
        project: Applies the projections of the attention.
        extra_weights: Those of the attention.

    Returns:
        `context` `(N, value_features)`, `alignment` `(N, S)` and the next state as `attention`.
    """
    memory = Memory(*memory)
    rows, examples = ops.shape(query)[0], ops.shape(memory.mask)[0]
    # JAX infers no size where another one is 0, but there all sizes are known.
    unknown = ops.is_tensor(rows) or ops.is_tensor(examples)
    beams, rows = (-1, -1) if unknown else (rows_per_example(rows, examples), rows)

    def by_example(leaf):  # (N, ...) -> (B, K, ...)
        return ops.reshape(leaf, (examples, beams, *ops.shape(leaf)[1:]))

    def by_beam(leaf):  # (B, K, ...) -> (N, ...)
        return ops.reshape(leaf, (rows, *ops.shape(leaf)[2:]))

    state = keras.tree.map_structure(by_example, state)
    context, alignment, state = attention.attend(
        by_example(query), memory, state, project, extra_weights
    )
    return {
        "context": by_beam(context),
        "alignment": by_beam(alignment),
        "attention": keras.tree.map_structure(by_beam, state),
    }


def unevenness(alignments, token_ids, memory):
    """Returns how unevenly the source was read: the mean of (1 - what a step got in all)².

    Args:
        alignments: Weights `(T, N, S)`.
        token_ids: `(N, T)`; what was read at padding does not count, nor a row of it alone.
        memory: `Memory`, B rows; only its real steps count.
    """
    dtype = keras.backend.result_type(alignments.dtype, "float32")
    real = ops.cast(ops.not_equal(token_ids, 0), dtype)  # (N, T)
    got = ops.sum(ops.cast(alignments, dtype) * ops.transpose(real)[:, :, None], axis=0)
    mask = ops.cast(Memory(*memory).mask, dtype)
    times = rows_per_example(ops.shape(real)[0], ops.shape(mask)[0])
    counted = ops.repeat(mask, times, axis=0)
    counted = counted * ops.max(real, axis=1, keepdims=True, initial=0)  # (N, S)
    return ops.sum(counted * ops.square(1 - got)) / ops.maximum(ops.sum(counted), 1)
