"""Weights that are no numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np


def warn_if_not_finite(source: str, named_values: Iterable[tuple[str, Any]]) -> None:
    """Warns of the first array with NaN or infinity in it.

    Args:
        source: Where the values were read.
        named_values: Names and arrays.
    """
    for name, value in named_values:
        array = np.asarray(value)
        if array.dtype.kind in "iub":
            continue
        found = np.count_nonzero(~np.isfinite(array))
        if found:
            warnings.warn(
                f"{source}: {found} of the {array.size} numbers of {name} are NaN or infinite. "
                "What the model answers may be NaN too. Train it again, or go back to an earlier "
                "file.",
                stacklevel=3,
            )
            return
