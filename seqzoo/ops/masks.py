"""Boolean masks, True on real steps, and what follows from them."""

import keras
from keras import ops


def where_real(mask, new, old):
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


def masked_softmax(scores, mask):
    """Softmax over the last axis in which masked places get exactly 0.

    A row with no real place at all gets zeros, not NaN.

    Args:
        scores: Float tensor `(..., S)`.
        mask: Boolean tensor that broadcasts against `scores`.

    Returns:
        Float tensor `(..., S)`, of the dtype of `scores`.
    """
    lowest = ops.cast(-3e4, scores.dtype)  # finite in float16 too
    scores = ops.where(mask, scores, lowest)
    scores = scores - ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True))
    exponentials = ops.where(mask, ops.exp(scores), ops.zeros_like(scores))
    total = ops.sum(exponentials, axis=-1, keepdims=True)
    return exponentials / ops.where(total == 0, ops.ones_like(total), total)
