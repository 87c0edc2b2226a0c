"""Curves of a training, epoch by epoch."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seqzoo.explain.figures import line_height, readable_labels, save, wrap

_COLUMNS = 4  # panels beside each other
_WIDTH, _HEIGHT, _TITLE = 3.4, 2.8, 12.0  # inches of a panel, points of its title

Curves = dict[str, list[float]]
"""Values by name, one for each epoch, NaN where there is none."""


def learning_curves(
    history: Any, path: str | Path | None = None, baselines: Mapping[str, float] | None = None
) -> Figure:
    """Draws each quantity of a training over its epochs, validation beside training.

    Args:
        history: What `fit` returned, its dict `history`, or the path of a
            `history.csv`, whose column `epoch` is the x-axis. Without one, the
            first epoch is 1.
        path: File to write, such as "curves.png"; None writes none.
        baselines: What a trivial model reaches in validation, by the name of a quantity, such as
            {"accuracy": 0.5}; see `baselines.compare`.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there is no epoch, or a value is no number.
    """
    curves = _read(history) if isinstance(history, (str, Path)) else _curves(history)
    epochs = curves.pop("epoch", None) or range(1, 1 + max(map(len, curves.values()), default=0))
    panels = list(dict.fromkeys(name.removeprefix("val_") for name in curves))
    if not panels or not len(epochs):
        raise ValueError(
            "`history` must hold at least one value of one epoch. Received: none. Train first."
        )
    figure = _draw(panels, epochs, curves, baselines or {})
    if path is not None:
        save(figure, path)
    return figure


def _curves(history: Any) -> Curves:
    values: Mapping[str, Sequence[Any]] = getattr(history, "history", history)
    return {name: list(map(float, column)) for name, column in values.items()}


def _read(path: str | Path) -> Curves:
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return {name: [float(row[name] or "nan") for row in rows] for name in (rows or [{}])[0]}
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Each line of a history must hold one number for each column. Received: {path}, "
            f"where {error}."
        ) from error


def _draw(
    panels: Sequence[str],
    epochs: Sequence[float],
    curves: Curves,
    baselines: Mapping[str, float],
) -> Figure:
    columns = min(len(panels), _COLUMNS)
    rows = math.ceil(len(panels) / columns)
    names, families = readable_labels([panel.replace("_", " ") for panel in panels], 120)
    titles = [wrap(name, _WIDTH - 0.9, _TITLE, families) for name in names]
    height = _HEIGHT + line_height(_TITLE) * max(title.count("\n") for title in titles)
    figure = Figure(figsize=(_WIDTH * columns, height * rows), layout="constrained")
    for position, (panel, title) in enumerate(zip(panels, titles, strict=True), start=1):
        axes = figure.add_subplot(rows, columns, position)
        for name, label, color in ((panel, "training", "C0"), (f"val_{panel}", "validation", "C1")):
            points = [
                (epoch, value)
                for epoch, value in zip(epochs, curves.get(name, ()), strict=False)
                if not math.isnan(value)
            ]
            if points:
                axes.plot(*zip(*points, strict=True), marker=".", label=label, color=color)
        if panel in baselines:
            axes.axhline(baselines[panel], linestyle="--", color="C7", label="baseline")
        axes.set_title(title, fontsize=_TITLE, fontfamily=families, parse_math=False)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.legend()
    return figure
