"""Length penalties, and checks of the options that searches share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from seqzoo.ops.gather import pick_in_rows
from seqzoo.ops.option_names import check_known
from seqzoo.search.rows import PerSource, Rows, row_lengths

LENGTH_PENALTIES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "none": lambda length, alpha: np.ones_like(length),
    "average": lambda length, alpha: length**alpha,
    "gnmt": lambda length, alpha: ((5 + length) / 6) ** alpha,
}
"""What a sum of log-probs is divided by, as a function of the length in tokens.

`gnmt` is equation 14 of Wu et al., 2016, https://arxiv.org/abs/1609.08144
"""


STRONGEST = 10.0  # an `alpha` of an example, so that its penalties stay finite


class Lengths(NamedTuple):
    """The fewest and the most tokens of each example, `(B,)` int32, the end token included."""

    fewest: Any
    most: Any


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


def row_penalties(name: str, alpha: float, given: Any, max_length: int) -> Any:
    """`length_penalties` of each example, `(B, max_length + 1)`, for its own strength `(B,)`."""
    own = ops.cast(given, "float32")
    own = ops.where(ops.isfinite(own), ops.clip(own, -STRONGEST, STRONGEST), alpha)
    bases = length_penalties(name, 1.0, max_length)
    return ops.exp(own[:, None] * ops.convert_to_tensor(np.log(bases)))


def penalties_at(penalties: Any, lengths: Any) -> Any:
    """The penalties of lengths `()` or `(B,)`, of a table for all or for each example."""
    if len(penalties.shape) == 1:
        return ops.take(penalties, lengths)
    own = lengths + ops.zeros_like(penalties[:, :1], dtype="int32")[:, 0]
    return pick_in_rows(penalties, own[:, None])[:, 0]


def check_at_least(name: str, value: float, smallest: float) -> None:
    if not value >= smallest:  # NaN is refused too
        raise ValueError(f"`{name}` must be at least {smallest}. Received: {name}={value!r}.")


def search_penalties(search: Any, max_length: int, rows: Rows) -> Any:
    """The table of penalties of a beam, for all examples or for each of its strands."""
    penalties = length_penalties(search.length_penalty, search.alpha, max_length)
    if rows.alpha is None:
        return ops.convert_to_tensor(penalties)
    own = row_penalties(search.length_penalty, search.alpha, rows.alpha, max_length)
    return ops.repeat(own, search.groups, axis=0)


def check_max_length(max_length: int | PerSource | None) -> int:
    """The room that every example gets, in tokens."""
    if isinstance(max_length, PerSource) and max_length.at_most is not None:
        max_length = max_length.at_most
    if max_length is None or isinstance(max_length, PerSource):
        raise ValueError(
            "`max_length` is not set, so a search could run forever. Set it, "
            "`dataclasses.replace(search, max_length=100)`, or let the task do so. "
            f"Received: max_length={max_length!r}."
        )
    check_at_least("max_length", max_length, 1)
    return max_length


def check_min_length(min_length: int | PerSource, max_length: int) -> None:
    if isinstance(min_length, PerSource):
        return
    check_at_least("min_length", min_length, 0)
    if min_length > max_length:
        raise ValueError(
            "`min_length` must be at most `max_length`. Received: "
            f"min_length={min_length}, max_length={max_length}."
        )


def resolve_lengths(search: Any, room: int, rows: Rows, like: Any) -> Lengths:
    """The lengths that a search and what is known of the examples ask for.

    Every example may have at least one token and at most `room`, and its fewest are at most its
    most.
    """
    most = row_lengths("max_length", search.max_length, rows.max_length, rows, like)
    most = ops.clip(most, 1, room)
    fewest = row_lengths("min_length", search.min_length, rows.min_length, rows, like)
    return Lengths(ops.minimum(fewest, most), most)
