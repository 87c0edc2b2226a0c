"""What a search starts from."""

from __future__ import annotations

from typing import Any, NamedTuple


class Begun(NamedTuple):
    """What a search starts from.

    Attributes:
        state: The decoder's first state, B * width rows in each leaf.
        memory: What its step reads from, B rows in each leaf.
        start_id: Int or int32 `(B,)`, the token before the first.
        source_mask: Boolean `(B, S)`, True on real source steps; None where there is no source.
    """

    state: Any
    memory: Any
    start_id: Any
    source_mask: Any = None
