"""What every encoder returns."""

from typing import Any, NamedTuple


class Encoded(NamedTuple):
    """The encoded examples, one row each.

    At the border of a Keras call it may come back as a plain sequence: rebuild it by
    `Encoded(*encoded)`.

    Attributes:
        outputs: `(B, S, features)`.
        state: For each layer, the list of its final states `(B, features)`.
        mask: Boolean `(B, S)`, True on real steps.
    """

    outputs: Any
    state: Any
    mask: Any
