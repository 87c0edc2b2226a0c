"""Figures as files."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

from seqzoo.preprocessing.atomic_write import write_atomically


def save(figure: Figure, path: str | Path) -> None:
    """Writes a figure whole or not at all; the ending of `path` is the format, PNG if it has none.

    Raises:
        ValueError: if Matplotlib has no such format.
    """
    picture = io.BytesIO()
    figure.savefig(picture, format=Path(path).suffix.removeprefix(".") or "png", dpi=120)
    write_atomically(str(path), picture.getvalue())
