"""Inputs of like length, answered together."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

_LONG = 256  # steps: above it, a batch gets fewer rows


def batches_of_like_length(lengths: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yields the places of inputs of like length; long ones in small batches."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        rows = min(batch_size, len(order) - start)
        longest = lengths[order[start + rows - 1]]
        if longest > _LONG:
            room = max(1, math.floor(batch_size * _LONG / longest))
            rows = max(1, min(rows, room))
        yield order[start : start + rows]
        start += rows
