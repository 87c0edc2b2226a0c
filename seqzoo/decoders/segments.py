"""Rows that hold several examples one after the other, in a decoder that runs over time."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from seqzoo.encoders.encoder import Encoded, holds_segment_states, segments_of
from seqzoo.ops.gather import gather
from seqzoo.ops.masks import first_of_segments, where_real
from seqzoo.ops.recurrence.scan import Step


def packed_step(advance: Step) -> Step:
    """Returns a step of a decoder under a mask, in rows that may hold several examples.

    Its inputs are dicts, of which it reads `real` `(N,)`: another step leaves the state as it is;
    and `starts` `(N,)`, the first steps of examples, before which the state becomes zeros, but
    for the states of the cells, if there are some among the inputs as `cells`.

    Args:
        advance: The step of a row that holds one example, all of whose steps are real.
    """

    def step(inputs_t, state, constants, project):
        if "starts" in inputs_t:
            first = keras.tree.map_structure(ops.zeros_like, state)
            if "cells" in inputs_t:
                first = first | {"cells": inputs_t["cells"]}
            state = where_real(inputs_t["starts"], first, state)
        new = advance(inputs_t, state, constants, project)
        return where_real(inputs_t["real"], new, state) if "real" in inputs_t else new

    return step


def segment_inputs(
    segment_ids: Any,
    encoded: Encoded,
    attends: bool,
    initial_cells: Callable[[list[list]], list[list]] | None,
) -> dict[str, Any]:
    """Returns what steps take where rows hold several examples, leaves `(T, N, ...)` by name.

    Args:
        segment_ids: Int `(N, T)`, N = B * K.
        encoded: B rows.
        attends: Whether the decoder reads from the outputs of the encoder.
        initial_cells: Makes the states of the cells before a first step of `source_states`; None
            where they are zeros.

    Raises:
        ValueError: if the encoder cannot tell its examples apart.
    """
    starts = ops.pad(first_of_segments(segment_ids)[:, 1:], [[0, 0], [1, 0]], constant_values=True)
    inputs: dict[str, Any] = {"starts": ops.transpose(starts)}
    if not attends and initial_cells is None:
        return inputs
    joined = joined_steps(segment_ids, encoded)  # (B, K * T, S)
    rows, steps = ops.shape(segment_ids)
    if attends:
        by_row = ops.reshape(joined, (rows, steps, ops.shape(joined)[2]))
        inputs["joined"] = ops.transpose(by_row, (1, 0, 2))
    if initial_cells is not None:

        def by_step(leaf):  # (B, K * T, …) -> (T * N, …)
            leaf = ops.swapaxes(ops.reshape(leaf, (rows, steps, *leaf.shape[2:])), 0, 1)
            return ops.reshape(leaf, (steps * rows, *leaf.shape[2:]))

        states = keras.tree.map_structure(by_step, _source_states(joined, encoded))
        inputs["cells"] = keras.tree.map_structure(
            lambda leaf: ops.reshape(leaf, (steps, rows, *leaf.shape[1:])), initial_cells(states)
        )
    return inputs


def without_states(encoded: Encoded) -> Encoded:
    """Returns an `Encoded` with zeros for the states of its rows, where each example has its own.

    They are what a decoder's loop begins with; `segment_inputs` holds those of the examples.
    """
    if not holds_segment_states(encoded.state):
        return encoded
    zeros = [[ops.zeros_like(ops.sum(leaf, axis=1)) for leaf in layer] for layer in encoded.state]
    return encoded._replace(state=zeros)


def joined_steps(segment_ids: Any, encoded: Encoded) -> Any:
    """Returns booleans `(B, K * T, S)`, True where target and source step are of one segment."""
    if not keras.tree.flatten(encoded.segment_ids):
        raise ValueError(
            "`segment_ids` say which example of its row each target step belongs to, and the "
            "encoder returned none for the source. Encode the source with its own segment ids, or "
            "give each example a row of its own."
        )
    source = segments_of(ops.cast(encoded.mask, "bool"), encoded.segment_ids)
    target = ops.reshape(segment_ids, (ops.shape(source)[0], -1))
    target = ops.expand_dims(ops.cast(target, "int32"), 2)
    return ops.logical_and(target == ops.expand_dims(source, 1), target != 0)


def _source_states(joined: Any, encoded: Encoded) -> list[list]:
    """Returns for each target step the `bridge.source_states` of its example, `(B, K * T, ...)`.

    Of an encoder without a state that is the mean of the outputs of the example.
    """
    if holds_segment_states(encoded.state):
        return _states_of_examples(joined, encoded.state)
    if encoded.state:
        raise ValueError(
            "The encoder returned one state for each row. Received: `segment_ids` of the target, "
            "so rows hold several examples. Encode the source with its own segment ids, make the "
            "decoder with bridge='zero', or give each example a row of its own."
        )
    return [[_means(joined, encoded)]]


def _states_of_examples(joined: Any, states: list[list]) -> list[list]:
    """Returns for each target step the states `(B, S, ...)` at a source step of its example.

    They are zeros where it has none, as those of a source without a step are.
    """
    rows, targets, sources = ops.shape(joined)
    starts = ops.expand_dims(ops.arange(rows, dtype="int32") * sources, 1)
    indices = starts + ops.cast(ops.argmax(joined, axis=2), "int32")
    exists = ops.any(joined, axis=2)

    def at_targets(leaf):
        values = gather(ops.reshape(leaf, (rows * sources, *leaf.shape[2:])), indices)
        is_of_one = ops.reshape(exists, (rows, targets, *[1] * (len(leaf.shape) - 2)))
        return ops.where(is_of_one, values, ops.zeros_like(values))

    return [[at_targets(leaf) for leaf in layer] for layer in states]


def _means(joined: Any, encoded: Encoded) -> Any:
    """Returns for each target step the mean of the outputs of its example, `(B, K * T, F)`."""
    share = ops.cast(joined, encoded.outputs.dtype)
    count = ops.sum(share, axis=2, keepdims=True)
    return ops.matmul(share, encoded.outputs) / ops.maximum(count, ops.ones_like(count))
