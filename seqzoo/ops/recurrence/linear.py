"""Recurrences that are linear in what they carry, computed for all steps at once."""

import keras
from keras import ops

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
    """
    run = general_linear_recurrence
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow.linear_recurrence import tensorflow_linear_recurrence as run
    return run(decay, input_term, initial, reverse)


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
