"""Recurrences that are linear in what they carry, computed for all steps at once."""

from typing import Any

import keras
from keras import ops

from seqzoo.ops.masks import first_of_segments
from seqzoo.ops.recurrence.complex_parts import Parts, product, total


def linear_recurrence(
    decay: Parts, input_term: Parts, initial: Parts, reverse: bool = False
) -> Parts:
    """Computes h_t = decay_t * h_(t-1) + input_term_t for all steps.

    It costs some sqrt(T) steps one after the other instead of T. It never divides, so that any
    decay is fine, 0 too. The gradient is two more such recurrences, and stores no more than the
    decays and the results.

    Args:
        decay: Float tensors `(T, B, N)`, real or as pairs of real and imaginary part.
        input_term: Likewise.
        initial: Likewise, `(B, N)`: h before the first step.
        reverse: Whether to run from the last step to the first.

    Returns:
        h after each step, `(T, B, N)`, with as many parts.

    Example:
        >>> decay, input_term = np.full((3, 1, 1), 0.5, "float32"), np.ones((3, 1, 1), "float32")
        >>> initial = np.zeros((1, 1), "float32")
        >>> (h,) = sz.ops.recurrence.linear_recurrence((decay,), (input_term,), (initial,))
        >>> h.numpy().ravel().tolist()
        [1.0, 1.5, 1.75]
    """
    run = general_linear_recurrence
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow.linear_recurrence import tensorflow_linear_recurrence as run
    return run(decay, input_term, initial, reverse)


def linear_recurrence_of_rows(
    decay: Any, input_term: Any, initial: Any, mask: Any = None, segment_ids: Any = None
) -> tuple[Any, Any]:
    """Computes `linear_recurrence` of rows that hold padding and several sequences.

    Args:
        decay: Float tensor `(B, T, N)`.
        input_term: Likewise.
        initial: Float tensor `(B, N)`.
        mask: Boolean `(B, T)`, True on real steps, or None: the others leave h as it is.
        segment_ids: Int `(B, T)` or None: h is 0 before the first step of every sequence in a row
            but the one that comes first. Neighbouring steps of one id are one sequence.

    Returns:
        h after each step, `(B, T, N)`, and after the last one, `(B, N)`.
    """
    decay, input_term = hold_or_forget(decay, input_term, mask, segment_ids)
    decay, input_term = (ops.transpose(x, (1, 0, 2)) for x in (decay, input_term))
    (hidden,) = linear_recurrence((decay,), (input_term,), (initial,))
    last = ops.concatenate([initial[None], hidden[-1:]], axis=0)[-1]  # there may be no step
    return ops.transpose(hidden, (1, 0, 2)), last


def hold_or_forget(decay: Any, input_term: Any, mask: Any, segment_ids: Any) -> tuple[Any, Any]:
    """Returns decays and input terms `(B, T, N)` that hold h or forget what was before.

    See `linear_recurrence_of_rows`.
    """
    if mask is not None:  # a decay of 1 and an input of 0 leave h as it is
        real = ops.cast(mask, "bool")[..., None]
        decay = ops.where(real, decay, ops.ones_like(decay))
        input_term = ops.where(real, input_term, ops.zeros_like(input_term))
    if segment_ids is not None:  # a decay of 0 forgets what was before
        starts = first_of_segments(segment_ids)[..., None]
        decay = ops.where(starts, ops.zeros_like(decay), decay)
    return decay, input_term


def general_linear_recurrence(
    decay: Parts, input_term: Parts, initial: Parts, reverse: bool = False
) -> Parts:
    """`linear_recurrence` on any backend, differentiated by the backend itself."""

    def follow(first, second):
        """Composes two steps, or two runs of steps, h -> a * h + b."""
        (a, b), (c, d) = first, second
        return product(c, a), total(product(c, b), d)

    decays, input_terms = ops.associative_scan(
        follow, (tuple(decay), tuple(input_term)), reverse=reverse
    )
    return total(product(decays, tuple(part[None] for part in initial)), input_terms)
