"""Functions of boolean masks, True on real steps."""

from typing import Any

import keras
from keras import ops

from seqzoo.ops.gather import gather


def attached_mask(mask, tensor):
    """Returns `mask`, or where it is None the one that Keras attached to the tensor, or None.

    Keras itself passes an attached mask only to a layer that is called on one tensor alone.

    The mask is boolean, `(B, T)`.

    Example:
        >>> embedded = keras.layers.Embedding(9, 4, mask_zero=True)(np.array([[3, 4, 0]]))
        >>> sz.ops.masks.attached_mask(None, embedded).numpy().tolist()
        [[True, True, False]]
    """
    return getattr(tensor, "_keras_mask", None) if mask is None else mask


def first_of_segments(segment_ids, reverse: bool = False):
    """Returns booleans `(B, T)`, True at the first step of each sequence but the first in a row.

    Args:
        segment_ids: Integer tensor `(B, T)`. Neighbouring steps of one id are one sequence.
        reverse: Whether time runs from the last step to the first.

    Example:
        >>> sz.ops.masks.first_of_segments(np.array([[1, 1, 2, 2]])).numpy().tolist()
        [[False, False, True, False]]
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

    Example:
        >>> new, old = np.ones((2, 3)), np.zeros((2, 3))
        >>> sz.ops.masks.where_real(np.array([True, False]), new, old).numpy().tolist()
        [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
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

    Example:
        >>> values = np.array([[[1.0]], [[2.0]], [[3.0]]])  # three steps of one row
        >>> mask = np.array([[False], [True], [False]])
        >>> held = sz.ops.masks.hold_last_real(values, np.zeros((1, 1)), mask)
        >>> held.numpy().ravel().tolist()
        [0.0, 2.0, 2.0]
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
    """Returns a finite number below any score of a dtype, with space for a sum below it.

    A Python float; it is added to scores of any shape, `(B, T, S)` for example.

    Example:
        >>> sz.ops.masks.lowest_score("float16") < -1e4
        True
    """
    return -6e4 if keras.backend.standardize_dtype(dtype) == "float16" else -3e38


def mean_of_real(values, mask):
    """Returns the mean of the real steps of values `(B, T, features)`, 0 where there is none.

    The mask is boolean, `(B, T)`.

    Example:
        >>> values, mask = np.array([[[1.0], [3.0], [9.0]]]), np.array([[True, True, False]])
        >>> sz.ops.masks.mean_of_real(values, mask).numpy().tolist()
        [[2.0]]
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

    Example:
        >>> order, ranks = sz.ops.masks.real_first(np.array([[False, True, True]]))
        >>> order.numpy().tolist(), ranks.numpy().tolist()
        ([[1, 2, 0]], [[2, 0, 1]])
    """
    real = ops.cast(mask, "int32")
    others = 1 - real
    count = ops.sum(real, axis=1, keepdims=True)
    ranks = ops.where(mask, ops.cumsum(real, axis=1), count + ops.cumsum(others, axis=1)) - 1
    return ops.argsort(ranks, axis=1), ranks
