"""Boolean masks, True on real steps, and what follows from them."""

from typing import Any

import keras
from keras import ops

from seqzoo.ops.gather import gather


def attached_mask(mask, tensor):
    """Returns `mask`, or where it is None the one that Keras attached to the tensor, or None.

    Keras itself hands an attached mask only to a layer that is called on one tensor alone.
    """
    return getattr(tensor, "_keras_mask", None) if mask is None else mask


def first_of_segments(segment_ids, reverse: bool = False):
    """Returns booleans `(B, T)`, True where a sequence begins beside one that stands before it.

    Args:
        segment_ids: Integer tensor `(B, T)`. Steps of one id that stand side by side are one
            sequence.
        reverse: Whether time runs from the last step to the first.
    """
    changes = ops.not_equal(segment_ids[:, 1:], segment_ids[:, :-1])
    return ops.pad(changes, [[0, 0], [0, 1] if reverse else [1, 0]])


def where_real(mask, new, old) -> Any:
    """Takes `new` where a row's step is real, else keeps `old`.

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
    """Takes at every step the value of the last real step up to it.

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
    passed = ops.cumsum(ops.cast(mask, "int32"), axis=0)  # how many real steps so far
    last = ops.take_along_axis(real_steps, passed, axis=0)  # (T, B)
    known = ops.concatenate([first[None], values], axis=0)
    rows = ops.reshape(known, ((time + 1) * batch, known.shape[-1]))
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


def masked_softmax(scores, mask):
    """Softmax over the last axis in which masked places get exactly 0.

    A row with no real place at all gets zeros, not NaN.

    Args:
        scores: Float tensor `(..., S)`.
        mask: Boolean tensor that broadcasts against `scores`.

    Returns:
        Float tensor `(..., S)`, of the dtype of `scores`.
    """
    lowest = lowest_score(scores.dtype)
    scores = ops.where(mask, scores, ops.cast(lowest, scores.dtype))
    # Without `initial`, Keras takes no maximum of zero rows or zero steps.
    highest = ops.max(scores, axis=-1, keepdims=True, initial=lowest)
    scores = scores - ops.stop_gradient(highest)
    exponentials = ops.where(mask, ops.exp(scores), ops.zeros_like(scores))
    total = ops.sum(exponentials, axis=-1, keepdims=True)
    return exponentials / ops.where(total == 0, ops.ones_like(total), total)


def real_first(mask):
    """Says how to bring the real steps of each row side by side, in their order.

    Args:
        mask: Boolean tensor `(B, S)`.

    Returns:
        order: Int tensor `(B, S)`, the places of the real steps and then of all others.
        ranks: Int tensor `(B, S)`, its inverse: where in `order` each step is.
    """
    real = ops.cast(mask, "int32")
    others = 1 - real
    count = ops.sum(real, axis=1, keepdims=True)
    ranks = ops.where(mask, ops.cumsum(real, axis=1), count + ops.cumsum(others, axis=1)) - 1
    return ops.argsort(ranks, axis=1), ranks
