"""Recurrences that are linear in what they carry, computed in pieces at once."""

from typing import Any

import keras
from keras import ops

Parts = tuple[Any, ...]
"""A number as its parts: `(real,)` or `(real, imaginary)`, tensors of one shape."""


def linear_recurrence(decay: Parts, drive: Parts, initial: Parts, reverse: bool = False) -> Parts:
    """Computes h_t = decay_t * h_(t-1) + drive_t for all steps.

    It costs some sqrt(T) steps one after the other instead of T. It never divides, so that any
    decay is fine, 0 too. The gradient is two more such recurrences, and keeps no more than the
    decays and the results.

    Args:
        decay: Float tensors `(T, B, N)`, real or as pairs of real and imaginary part.
        drive: Likewise.
        initial: Likewise, `(B, N)`: h before the first step.
        reverse: Whether to run from the last step to the first.

    Returns:
        h after each step, `(T, B, N)`, with as many parts.
    """
    run = general_linear_recurrence
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow_linear_recurrence import tensorflow_linear_recurrence as run
    return run(decay, drive, initial, reverse)


def general_linear_recurrence(
    decay: Parts, drive: Parts, initial: Parts, reverse: bool = False
) -> Parts:
    """`linear_recurrence` on any backend, differentiated by the backend itself."""

    def follow(first, second):
        """Composes two steps, or two runs of steps, h -> a * h + b."""
        (a, b), (c, d) = first, second
        return product(c, a), total(product(c, b), d)

    decays, drives = ops.associative_scan(follow, (tuple(decay), tuple(drive)), reverse=reverse)
    return total(product(decays, tuple(part[None] for part in initial)), drives)


def product(a: Parts, b: Parts) -> Parts:
    """Returns `a * b`."""
    if len(a) == 1:
        return (a[0] * b[0],)
    (a_re, a_im), (b_re, b_im) = a, b
    return a_re * b_re - a_im * b_im, a_re * b_im + a_im * b_re


def total(a: Parts, b: Parts) -> Parts:
    """Returns `a + b`."""
    return tuple(x + y for x, y in zip(a, b, strict=True))


def conjugate(a: Parts) -> Parts:
    """Returns `a` with its imaginary part negated."""
    return a[0], *(-part for part in a[1:])
