"""Heat maps below each other in one figure, whose rows and columns stand in groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from seqzoo.explain.figures import cell_size, label_size, line_height, text_width

_CELL, _SMALLEST_CELL = 0.22, 0.13  # inches; labels of smaller cells stand at each n-th of them
_MARGIN, _PAD = 0.2, 0.06  # inches
_TITLE, _GROUP, _BAR_TITLE = 11.0, 9.0, 10.0  # points
_BAR, _BAR_LABELS, _BAR_HEIGHT = 0.15, 0.85, 2.5  # inches
_GAP = 0.14  # inches between groups
_LINE = "0.6"  # color of the frame of a group


class Group(NamedTuple):
    """Rows or columns that stand side by side.

    Attributes:
        title: What is written beside them, or "".
        labels: Of each.
    """

    title: str
    labels: Sequence[str]


class Panel(NamedTuple):
    """A heat map.

    Attributes:
        values: Float array `(R, C)`; what is NaN stays white.
        rows: Groups of R rows in all.
        columns: Groups of C columns in all.
        title: What is written above it.
        bar: What is written beside the colour bar.
        vmax: The value that is darkest; None is the largest one.
    """

    values: np.ndarray
    rows: Sequence[Group]
    columns: Sequence[Group]
    title: str
    bar: str
    vmax: float | None = None


class _Side(NamedTuple):
    """How the rows or the columns of a panel lie, from its left or its top.

    Attributes:
        groups: The groups.
        cell: Inches of a cell.
        starts: Inches from the edge to each group.
        inches: Of all groups and the gaps between them.
        labels: Inches for the labels.
    """

    groups: Sequence[Group]
    cell: float
    starts: list[float]
    inches: float
    labels: float


def draw_panels(panels: Sequence[Panel], families: Sequence[str]) -> Figure:
    """Draws panels below each other, in a figure that holds all their labels.

    Args:
        panels: At least one.
        families: Of the fonts of the labels.
    """
    rows = [_side(panel.rows, families, turned=False) for panel in panels]
    columns = [_side(panel.columns, families, turned=True) for panel in panels]
    group, title = line_height(_GROUP) + _PAD, line_height(_TITLE) + _PAD
    titled = any(each.title for panel in panels for each in panel.rows)
    left = _MARGIN + max(side.labels for side in rows) + (group if titled else 0.0)
    right = _PAD + _BAR + _BAR_LABELS + _MARGIN
    widest = max(text_width([panel.title], _TITLE) for panel in panels)
    width = max(left + max(side.inches for side in columns) + right, widest + 2 * _MARGIN)
    above = [
        title + side.labels + (group if any(each.title for each in panel.columns) else 0.0)
        for side, panel in zip(columns, panels, strict=True)
    ]
    bars = [max(1.0, text_width([panel.bar], _BAR_TITLE) + 0.1) for panel in panels]
    tall = [max(side.inches, bar) for side, bar in zip(rows, bars, strict=True)]
    height = 2 * _MARGIN + sum(above) + sum(tall) + _MARGIN * (len(panels) - 1)
    figure, top = Figure(figsize=(width, height)), height - _MARGIN
    for panel, across, down, over, inches in zip(panels, columns, rows, above, tall, strict=True):
        figure.text(_MARGIN / width, top / height, panel.title, fontsize=_TITLE, va="top")
        top -= over
        box = left, top - down.inches, across.inches, down.inches
        axes = figure.add_axes(_share(box, width, height))
        image = _draw(axes, panel, across, down, families)
        bar_height = min(max(_BAR_HEIGHT, text_width([panel.bar], _BAR_TITLE) + 0.1), inches)
        bar = left + across.inches + _PAD, top - bar_height, _BAR, bar_height
        axes = figure.add_axes(_share(bar, width, height))
        figure.colorbar(image, cax=axes, label=panel.bar, ticks=MaxNLocator(4))
        top -= inches + _MARGIN
    return figure


def _share(box: tuple[float, float, float, float], width: float, height: float) -> Any:
    """Returns left, bottom, width and height in inches as shares of a figure."""
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def _side(groups: Sequence[Group], families: Sequence[str], turned: bool) -> _Side:
    """Lays groups out; `turned` says whether labels of more than a character are turned."""
    labels = [label for group in groups for label in group.labels]
    shortest = min(len(group.labels) for group in groups)
    title = text_width([group.title for group in groups], _GROUP)
    cell = max(cell_size(len(labels), _CELL), title / shortest)
    starts = [
        cell * sum(len(each.labels) for each in groups[:i]) + _GAP * i for i in range(len(groups))
    ]
    size = label_size(cell)
    across = any(len(label) > 1 for label in labels) or not turned
    needed = text_width(labels, size, families) if across else line_height(size)
    return _Side(groups, cell, starts, cell * len(labels) + _GAP * (len(groups) - 1), needed + _PAD)


def _draw(axes: Axes, panel: Panel, across: _Side, down: _Side, families: Sequence[str]) -> Any:
    """Draws one panel on axes that are measured in inches, from the left and from the top."""
    vmax = panel.vmax or max(float(np.nanmax(panel.values)), 1e-9)
    axes.set(xlim=(0, across.inches), ylim=(down.inches, 0))
    image = None
    first_row = 0
    for group, y in zip(down.groups, down.starts, strict=True):
        first_column, height = 0, down.cell * len(group.labels)
        for other, x in zip(across.groups, across.starts, strict=True):
            rows = slice(first_row, first_row + len(group.labels))
            columns = slice(first_column, first_column + len(other.labels))
            width = across.cell * len(other.labels)
            image = axes.imshow(
                panel.values[rows, columns],
                cmap="Blues",
                vmin=0,
                vmax=vmax,
                aspect="auto",
                interpolation="nearest",
                extent=(x, x + width, y + height, y),
            )
            frame = Rectangle((x, y), width, height, fill=False, lw=0.6, ec=_LINE, clip_on=False)
            axes.add_patch(frame)
            first_column += len(other.labels)
        first_row += len(group.labels)
    axes.set(xlim=(0, across.inches), ylim=(down.inches, 0), frame_on=False)
    axes.xaxis.tick_top()
    _label(axes.xaxis, across, families)
    for label in axes.get_xticklabels():
        label.set_rotation(90 if len(label.get_text()) > 1 else 0)
    _label(axes.yaxis, down, families)
    style: dict[str, Any] = {"fontsize": _GROUP, "color": "0.25", "annotation_clip": False}
    style["textcoords"] = "offset points"
    for group, x in zip(across.groups, across.starts, strict=True):
        middle, points = x + across.cell * len(group.labels) / 2, 72 * (across.labels + _PAD / 2)
        axes.annotate(group.title, (middle, 0), (0, points), ha="center", va="bottom", **style)
    for group, y in zip(down.groups, down.starts, strict=True):
        middle, points = y + down.cell * len(group.labels) / 2, 72 * (down.labels + _PAD / 2)
        axes.annotate(
            group.title, (0, middle), (-points, 0), ha="right", va="center", rotation=90, **style
        )
    return image


def _label(axis: Any, side: _Side, families: Sequence[str]) -> None:
    """Labels each cell, or each n-th of a group where the labels would overlap."""
    step = math.ceil(_SMALLEST_CELL / side.cell)
    ticks = [
        (start + side.cell * (i + 0.5), group.labels[i])
        for group, start in zip(side.groups, side.starts, strict=True)
        for i in range(0, len(group.labels), step)
    ]
    axis.set_ticks(
        [place for place, _ in ticks],
        [label for _, label in ticks],
        fontsize=label_size(side.cell),
        fontfamily=list(families),
        parse_math=False,
    )
    axis.set_tick_params(length=0, pad=2)
