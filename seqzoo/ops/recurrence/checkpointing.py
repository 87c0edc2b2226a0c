"""A loop over time in chunks, whose gradient remembers the states between the chunks alone.

A loop stores residuals of every step for its gradient. Here a chunk of so many steps is run
again on the way back, from the state before it, and its residuals are freed before the chunk
ahead of it is run: the memory is that of one chunk, and the time that of the loop forward
once more (gradient checkpointing; Chen et al., 2016, https://arxiv.org/abs/1604.06174).
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from seqzoo.ops.recurrence.chunks import Chunking

Chunk = Callable[[Any, Any, Any], tuple]
"""`chunk(state, inputs, weights) -> (states, final)`, as `ops.recurrence.plan.run` has them.

It must be pure: every tensor that it uses comes from its arguments.
"""


def scan_in_chunks(
    chunk: Chunk,
    state,
    inputs,
    weights,
    length: int,
    select: Callable[[Any], Any],
    reverse: bool = False,
) -> tuple:
    """Runs a loop chunk by chunk.

    Args:
        chunk: See `Chunk`. Its final state is of the structure, shapes and dtypes of `state`.
        state: Nest of float tensors `(B, ...)`: the state before the first step.
        inputs: Nest of tensors `(T, B, ...)`, time first.
        weights: Nest of tensors that are the same for all chunks.
        length: Steps of a chunk.
        select: Picks the leaves of a state, or of the states after each step, that are returned;
            the rest are dropped.
        reverse: Whether to run from the last step to the first.

    Returns:
        `(outputs, final)`: what `select` picks of the states after each step, leaves
        `(T, B, ...)`, and the state after the last step that ran, leaves `(B, ...)`.
    """
    run = general_scan_in_chunks
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow.checkpointing import tensorflow_scan_in_chunks as run
    return run(chunk, state, inputs, weights, length, select, reverse)


def general_scan_in_chunks(
    chunk: Chunk,
    state,
    inputs,
    weights,
    length: int,
    select: Callable[[Any], Any],
    reverse: bool = False,
) -> tuple:
    """`scan_in_chunks` with the backend's own loop, and its own way to run a function again.

    On TensorFlow `keras.ops.scan` puts out nothing but tensors of the shapes of its state.
    """
    time = ops.shape(keras.tree.flatten(inputs)[0])[0]
    chunking = Chunking(max(time - 1, 0) // length, length, reverse)

    @keras.remat
    def again(leaves, inputs, weights):
        states, final = chunk(keras.tree.pack_sequence_as(state, leaves), inputs, weights)
        return select(states), keras.tree.flatten(final)

    def body(leaves, inputs_of_chunk):
        outputs, leaves = again(leaves, inputs_of_chunk, weights)
        return leaves, keras.tree.flatten(outputs)

    leaves, chunks = keras.tree.flatten(state), []
    if chunking.count:
        leaves, chunks = ops.scan(body, leaves, chunking.split(inputs), reverse=reverse)
    outputs, leaves = again(leaves, chunking.last(inputs), weights)
    if chunking.count:
        outputs = chunking.joined(keras.tree.pack_sequence_as(outputs, chunks), outputs)
    return outputs, keras.tree.pack_sequence_as(state, leaves)
