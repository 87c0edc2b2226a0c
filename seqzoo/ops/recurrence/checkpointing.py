"""A loop over time in pieces, whose gradient remembers the states between the pieces alone.

A loop keeps something of every step for its gradient. Here a piece of so many steps is run
again on the way back, from the state that it began with, and what it keeps is given up before the
piece ahead of it is run: the memory is that of one piece, and the time that of the loop forward
once more (gradient checkpointing; Chen et al., 2016, https://arxiv.org/abs/1604.06174).
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from seqzoo.ops.recurrence.chunks import Cut

Piece = Callable[[Any, Any, Any], tuple]
"""`piece(state, inputs, weights) -> (states, final)`, as `ops.recurrence.scan.scan` has them.

It must be pure: every tensor that it uses comes from its arguments.
"""


def scan_in_pieces(
    piece: Piece,
    state,
    inputs,
    weights,
    length: int,
    put_out: Callable[[Any], Any],
    reverse: bool = False,
) -> tuple:
    """Runs a loop piece by piece.

    Args:
        piece: See `Piece`. Its final state is of the structure, shapes and dtypes of `state`.
        state: Nest of float tensors `(B, ...)`: the state before the first step.
        inputs: Nest of tensors `(T, B, ...)`, time first.
        weights: Nest of tensors that are the same for all pieces.
        length: Steps of a piece.
        put_out: Picks the leaves of a state, or of the states after each step, that are returned;
            the rest are not kept.
        reverse: Whether to run from the last step to the first.

    Returns:
        `(outputs, final)`: what `put_out` picks of the states after each step, leaves
        `(T, B, ...)`, and the state after the last step that ran, leaves `(B, ...)`.
    """
    run = general_scan_in_pieces
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow.checkpointing import tensorflow_scan_in_pieces as run
    return run(piece, state, inputs, weights, length, put_out, reverse)


def general_scan_in_pieces(
    piece: Piece,
    state,
    inputs,
    weights,
    length: int,
    put_out: Callable[[Any], Any],
    reverse: bool = False,
) -> tuple:
    """`scan_in_pieces` with the backend's own loop, and its own way to run a function again.

    On TensorFlow `keras.ops.scan` puts out nothing but tensors of the shapes of its state.
    """
    time = ops.shape(keras.tree.flatten(inputs)[0])[0]
    cut = Cut(max(time - 1, 0) // length, length, reverse)

    @keras.remat
    def again(leaves, inputs, weights):
        states, final = piece(keras.tree.pack_sequence_as(state, leaves), inputs, weights)
        return put_out(states), keras.tree.flatten(final)

    def body(leaves, inputs_of_piece):
        outputs, leaves = again(leaves, inputs_of_piece, weights)
        return leaves, keras.tree.flatten(outputs)

    leaves, pieces = keras.tree.flatten(state), []
    if cut.count:
        leaves, pieces = ops.scan(body, leaves, cut.pieces(inputs), reverse=reverse)
    outputs, leaves = again(leaves, cut.last(inputs), weights)
    if cut.count:
        outputs = cut.joined(keras.tree.pack_sequence_as(outputs, pieces), outputs)
    return outputs, keras.tree.pack_sequence_as(state, leaves)
