"""Names of options, checked against the known ones."""

import difflib
from collections.abc import Iterable


def check_known(argument: str, name: str, known: Iterable[str]) -> None:
    """Raises a `ValueError` with the nearest known name if `name` is not in `known`."""
    if name in known:
        return
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"Unknown `{argument}` {name!r}.{hint} Known: {', '.join(sorted(known))}.")
