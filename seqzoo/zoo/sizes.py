"""The two sizes of a named model: one that trains on two cores, and that of its paper."""

from __future__ import annotations

from typing import Any, Literal, TypeVarTuple, cast

from seqzoo.ops.option_names import check_known

Size = Literal["small", "paper"]
Numbers = TypeVarTuple("Numbers")


def sized(
    size: Size, given: tuple[Any, ...], small: tuple[*Numbers], paper: tuple[*Numbers]
) -> tuple[*Numbers]:
    """Returns what a user gave, and in place of each None the value of the size."""
    check_known("size", size, ("small", "paper"))
    defaults = cast("tuple[Any, ...]", small if size == "small" else paper)
    chosen = (d if value is None else value for value, d in zip(given, defaults, strict=True))
    return cast("tuple[*Numbers]", tuple(chosen))
