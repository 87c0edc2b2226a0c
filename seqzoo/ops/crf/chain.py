"""A batch of sequences of tags whose real steps stand side by side."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.gather import gather
from seqzoo.ops.masks import real_first

FORBIDDEN = -1e9


class Chain(NamedTuple):
    """A batch whose real steps stand side by side from the first step on.

    Attributes:
        potentials: `(B, T, C)`.
        transitions: `(C, C)`.
        real: Boolean `(B, T)`.
        order: Int `(B, T)`, the place in the batch as it was given of every step.
        ranks: Int `(B, T)`, its inverse.
    """

    potentials: Any
    transitions: Any
    real: Any
    order: Any
    ranks: Any


def finite(potentials, transitions) -> tuple[Any, Any]:
    """Returns the scores as numbers of at least float32, none of them below `FORBIDDEN`."""
    wanted = keras.backend.result_type(potentials.dtype, "float32")
    return tuple(ops.maximum(ops.cast(x, wanted), FORBIDDEN) for x in (potentials, transitions))


def make_chain(potentials, transitions, mask) -> Chain:
    """Makes finite numbers of at least float32, and moves the real steps to the front."""
    potentials, transitions = finite(potentials, transitions)
    mask = ops.cast(mask, "bool")
    order, ranks = real_first(mask)
    rows, time, count = ops.shape(potentials)
    starts = ops.expand_dims(ops.arange(rows, dtype="int32") * time, 1)
    flat = ops.reshape(potentials, (rows * time, count))
    potentials = gather(flat, starts + ops.cast(order, "int32"))  # take_along_axis is far slower
    steps = ops.arange(ops.shape(mask)[1], dtype="int32")
    real = steps < ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
    return Chain(potentials, transitions, real, order, ranks)
