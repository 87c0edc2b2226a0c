"""The two sizes of a named model: one that trains on two cores, and that of its paper."""

from __future__ import annotations

from typing import Any, Literal

from seqzoo.ops.option_names import check_known

Size = Literal["small", "paper"]


def sized(
    size: Size, given: tuple[Any, ...], small: tuple[Any, ...], paper: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Returns what a user gave, and in place of each None the value of the size."""
    check_known("size", size, ("small", "paper"))
    chosen = small if size == "small" else paper
    return tuple(
        default if value is None else value for value, default in zip(given, chosen, strict=True)
    )
