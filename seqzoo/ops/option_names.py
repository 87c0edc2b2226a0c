"""Options that are names, checked against the known ones, or counts."""

import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np


def check_known(argument: str, name: str, known: Iterable[str]) -> None:
    """Raises a `ValueError` with the nearest known name if `name` is not in `known`."""
    if name in known:
        return
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"Unknown `{argument}` {name!r}.{hint} Known: {', '.join(sorted(known))}.")


def check_count(name: str, value: Any) -> None:
    """Raises a `ValueError` unless the value is an int of at least 1."""
    is_int = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_int or value < 1:
        raise ValueError(f"`{name}` must be an int of at least 1. Received: {value!r}.")
