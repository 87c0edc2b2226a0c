"""Functions of boolean masks, True on real steps."""

from typing import Any

import keras
from keras import ops

from seqzoo.ops.gather import gather


def attached_mask(mask, tensor):
    """Returns `mask`, or where it is None the one that Keras attached to the tensor, or None.

    Keras itself passes an attached mask only to a layer that is called on one tensor alone.
    """
    return getattr(tensor, "_keras_mask", None) if mask is None else mask


def first_of_segments(segment_ids, reverse: bool = False):
    """Returns booleans `(B, T)`, True at the first step of each sequence but the first in a row.

    Args:
        segment_ids: Integer tensor `(B, T)`. Neighbouring steps of one id are one sequence.
        reverse: Whether time runs from the last step to the first.
    """
    changes = ops.not_equal(segment_ids[:, 1:], segment_ids[:, :-1])
    return ops.pad(changes, [[0, 0], [0, 1] if reverse else [1, 0]])


def where_real(mask, new, old) -> Any:
    """Returns `new` in the rows whose step is real, and `old` in the others.

    Args:
        mask: Boolean tensor `(B,)`.
        new: Nest of tensors `(B, ...)`.
        old: Nest of tensors of the same structure and shapes.

    Returns:
        A nest of the same structure.
    """

    def choose(a, b):
        return ops.where(ops.reshape(mask, (-1,) + (1,) * (len(a.shape) - 1)), a, b)

    return keras.tree.map_structure(choose, new, old)


def hold_last_real(values, first, mask, reverse: bool = False):
    """Returns at every step the value of the last real step up to it.

    Args:
        values: Tensor `(T, B, N)`.
        first: Tensor `(B, N)`, for steps before the first real one.
        mask: Boolean tensor `(T, B)`.
        reverse: Whether time runs from the last step to the first.

    Returns:
        Tensor `(T, B, N)`.
    """
    if reverse:
        values, mask = (ops.flip(x, axis=0) for x in (values, mask))
        return ops.flip(hold_last_real(values, first, mask), axis=0)
    time, batch = ops.shape(mask)
    steps = ops.arange(1, time + 1, dtype="int32")[:, None]  # step 0 is `first`
    real_steps = ops.sort(ops.where(mask, steps, time + 1), axis=0)  # (T, B), in their order
    real_steps = ops.pad(real_steps, [[1, 0], [0, 0]])
    count = ops.cumsum(ops.cast(mask, "int32"), axis=0)  # of real steps up to each
    last = ops.take_along_axis(real_steps, count, axis=0)  # (T, B)
    values = ops.concatenate([first[None], values], axis=0)
    rows = ops.reshape(values, ((time + 1) * batch, values.shape[-1]))
    return gather(rows, last * batch + ops.arange(batch, dtype="int32"))


def lowest_score(dtype) -> float:
    """Returns a finite number below any score of a dtype, with space for a sum below it."""
    return -6e4 if keras.backend.standardize_dtype(dtype) == "float16" else -3e38


def mean_of_real(values, mask):
    """Returns the mean of the real steps of values `(B, T, features)`, 0 where there is none.

    The mask is boolean, `(B, T)`.
    """
    total = ops.sum(ops.where(mask[..., None], values, ops.zeros_like(values)), axis=1)
    count = ops.sum(ops.cast(mask, values.dtype), axis=1, keepdims=True)
    return total / ops.maximum(count, ops.ones_like(count))


def real_first(mask):
    """Returns the order that moves the real steps of each row to the front.

    Args:
        mask: Boolean tensor `(B, S)`.

    Returns:
        order: Int tensor `(B, S)`, the indices of the real steps and then of all others.
        ranks: Int tensor `(B, S)`, its inverse: the position of each step in `order`.
    """
    real = ops.cast(mask, "int32")
    others = 1 - real
    count = ops.sum(real, axis=1, keepdims=True)
    ranks = ops.where(mask, ops.cumsum(real, axis=1), count + ops.cumsum(others, axis=1)) - 1
    return ops.argsort(ranks, axis=1), ranks
