"""Arithmetic of numbers that are real, or complex and held as two real tensors.

Kernels, optimizers and half precision know real tensors only.
"""

from typing import Any

Parts = tuple[Any, ...]
"""A number as its parts: `(real,)` or `(real, imaginary)`, tensors of one shape."""


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
