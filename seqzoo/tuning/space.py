"""Spaces of settings, each a number from -1 to 1, so that no search favours an end of its range."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Float:
    """A number from `low` to `high`, by its logarithm where it counts in factors.

    Raises:
        ValueError: if there is nothing between them, or `low` is not above 0 for a logarithm.

    Example:
        >>> sz.tuning.Float(1e-4, 1e-2, log=True).value(0.0)
        0.001
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self):
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(
                "`low` must be below `high`, and above 0 where log=True. Received: "
                f"low={self.low}, high={self.high}, log={self.log}."
            )

    def value(self, position: float) -> float:
        """Returns the value at a position from -1 to 1."""
        share = (position + 1) / 2
        if not self.log:
            return self.low + share * (self.high - self.low)
        low, high = math.log(self.low), math.log(self.high)
        return float(f"{math.exp(low + share * (high - low)):.12g}")


@dataclasses.dataclass(frozen=True)
class Int:
    """A whole number from `low` to `high`, both included.

    Raises:
        ValueError: if there is nothing between them, or `low` is not above 0 for a logarithm.

    Example:
        >>> [sz.tuning.Int(1, 3).value(position) for position in (-1.0, 0.0, 1.0)]
        [1, 2, 3]
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self):
        Float(self.low, self.high + 1, self.log)

    def value(self, position: float) -> int:
        """Returns the value at a position from -1 to 1; each has as much space."""
        if self.log:
            return round(Float(self.low, self.high, log=True).value(position))
        count = self.high - self.low + 1
        return self.low + min(int((position + 1) / 2 * count), count - 1)


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values.

    Raises:
        ValueError: if there is none.

    Example:
        >>> sz.tuning.Choice(["lstm", "gru"]).value(0.5)
        'gru'
    """

    values: Sequence[Any]

    def __post_init__(self):
        if not self.values:
            raise ValueError("A choice needs a value. Received: none.")

    def value(self, position: float) -> Any:
        """Returns the value at a position from -1 to 1; each has as much space."""
        index = int((position + 1) / 2 * len(self.values))
        return self.values[min(index, len(self.values) - 1)]


@dataclasses.dataclass(frozen=True)
class Space:
    """Settings by name, coded as positions `(D,)` from -1 to 1 whose middle is 0.

    Args:
        settings: `Float`, `Int` or `Choice` by name.

    Example:
        >>> space = sz.tuning.Space({"units": sz.tuning.Int(8, 128, log=True)})
        >>> space.values(np.array([0.0]))
        {'units': 32}
    """

    settings: Mapping[str, Float | Int | Choice]

    def __len__(self) -> int:
        return len(self.settings)

    def values(self, position: np.ndarray) -> dict[str, Any]:
        """Returns the settings at a position `(D,)`; what lies outside is the nearest inside."""
        inside = np.clip(position, -1, 1)
        pairs = zip(self.settings.items(), inside, strict=True)
        return {name: setting.value(float(each)) for (name, setting), each in pairs}
