"""Pictures of a training's history."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence

from seqzoo.preprocessing.files import write_aside


def draw_learning_curves(
    rows: Sequence[Mapping[str, float]], path: str | os.PathLike[str]
) -> None:
    """Draws each quantity over the epochs, training and validation in one panel, to a PNG file.

    Args:
        rows: The rows of a `HistoryFile`.
        path: File to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = dict.fromkeys(name for row in rows for name in row if name != "epoch")
    panels = list(dict.fromkeys(name.removeprefix("val_") for name in columns))
    figure = Figure(figsize=(3.6 * len(panels), 3.2), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for column, label in ((panel, "training"), (f"val_{panel}", "validation")):
            points = [(row["epoch"], row[column]) for row in rows if column in row]
            if points:
                axes.plot(*zip(*points, strict=True), marker=".", label=label)
        axes.set_title(panel)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_aside(os.fspath(path), picture.getvalue())
