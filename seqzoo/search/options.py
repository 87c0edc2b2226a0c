"""Length penalties, and checks of the options that searches share."""

from collections.abc import Callable

import numpy as np

from seqzoo.ops.names import check_known

LENGTH_PENALTIES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "none": lambda length, alpha: np.ones_like(length),
    "average": lambda length, alpha: length**alpha,
    "gnmt": lambda length, alpha: ((5 + length) / 6) ** alpha,
}
"""What a sum of log-probs is divided by, as a function of the length in tokens.

`gnmt` is equation 14 of Wu et al., 2016, https://arxiv.org/abs/1609.08144
"""


def length_penalties(name: str, alpha: float, max_length: int) -> np.ndarray:
    """The penalty for each length from 0 to `max_length`, float32 (that of 0 is never used).

    One table, so that every way of running a search divides by the same numbers.
    """
    check_known("length_penalty", name, LENGTH_PENALTIES)
    lengths = np.maximum(np.arange(max_length + 1, dtype="float64"), 1)
    with np.errstate(all="ignore"):
        table = LENGTH_PENALTIES[name](lengths, alpha).astype("float32")
    if not np.all(np.isfinite(table) & (table > 0)):
        raise ValueError(
            f"`alpha` must give a finite positive penalty up to `max_length`={max_length}. "
            f"Received: alpha={alpha!r}."
        )
    return table


def check_at_least(name: str, value: int, smallest: int) -> None:
    if value < smallest:
        raise ValueError(f"`{name}` must be at least {smallest}. Received: {name}={value!r}.")


def check_max_length(max_length: int | None) -> int:
    if max_length is None:
        raise ValueError(
            "`max_length` is not set, so a search could run forever. Set it, "
            "`dataclasses.replace(search, max_length=100)`, or let the task do so."
        )
    check_at_least("max_length", max_length, 1)
    return max_length
