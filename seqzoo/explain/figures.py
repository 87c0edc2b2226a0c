"""What every picture needs: labels in any script, figures that grow with them, files."""

from __future__ import annotations

import functools
import io
import math
import textwrap
import unicodedata
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.image import AxesImage
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator

from seqzoo.files.atomic_write import write_atomically

DPI, MAX_PIXELS = 120, 12_000  # of a file; longer figures get fewer pixels to the inch
_POINTS = 72  # to the inch
_SMALLEST_CELL, _LONGEST_SIDE = 0.13, 40.0  # inches
_BAR = 0.15  # inches of width of a colour bar
_MARGIN, _AXIS_LABEL, _BAR_LABELS = 0.25, 0.3, 1.1  # inches around a heat map
_BOX = "□"
_LAST = "DejaVu Sans"  # comes with Matplotlib, and has the box
_NO_LETTERS = "Last Resort"  # a font of boxes for every character


def save(figure: Figure, path: str | Path) -> None:
    """Writes a figure whole or not at all; the ending of `path` is the format, PNG if it has none.

    Raises:
        ValueError: if Matplotlib has no such format, or `path` is that of a folder.
    """
    file = io.BytesIO()
    dpi = min(DPI, MAX_PIXELS / max(figure.get_size_inches()))
    figure.savefig(file, format=Path(path).suffix.removeprefix(".") or "png", dpi=dpi)
    write_atomically(path, file.getvalue())


def readable_labels(tokens: Sequence[str], max_length: int = 20) -> tuple[list[str], list[str]]:
    """Returns a label for each token, and the families of the fonts that show them.

    Control characters are written as escapes, and labels of more than `max_length` characters are
    cut. Characters that Matplotlib's own fonts lack are looked up in the fonts of the machine;
    those that no font has become boxes, with one warning.
    """
    labels = [_shorten("".join(map(_visible, token)), max_length) for token in tokens]
    needed = set().union(*labels)
    families, missing = _families_for(frozenset(needed))
    if missing:
        warnings.warn(
            f"No font on this machine has the characters {''.join(sorted(missing))!r}; they are "
            "drawn as boxes. Install a font that has them, such as one of the Noto fonts.",
            stacklevel=4,
        )
        boxes = str.maketrans(dict.fromkeys(missing, _BOX))
        labels = [label.translate(boxes) for label in labels]
    return labels, families


def _visible(character: str) -> str:
    if unicodedata.category(character) == "Cc":
        return character.encode("unicode_escape").decode()
    return character


def _shorten(label: str, max_length: int) -> str:
    return label if len(label) <= max_length else label[: max_length - 1] + "…"


def _families_for(needed: frozenset[str]) -> tuple[list[str], set[str]]:
    """The families that show the characters, the configured ones first, and what none shows."""
    families = [*matplotlib.rcParams["font.family"], _LAST]
    missing = set(needed)
    for family in families:
        missing -= _characters_in(findfont(FontProperties(family=[family])))
    installed = {
        font.name: font.fname
        for font in fontManager.ttflist
        if (font.weight, font.style) == (400, "normal") and not font.name.startswith(_NO_LETTERS)
    }
    for family, file in sorted(installed.items()) if missing else ():
        shown = missing & _characters_in(file)
        if shown:
            families.append(family)
            missing -= shown
    return families, missing


@functools.cache
def _characters_in(file: str) -> frozenset[str]:
    """The characters that a font can show; none if it is a font of bitmaps, which do not scale."""
    font = FT2Font(file)
    return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()


def text_width(texts: Sequence[str], size: float, families: Sequence[str] = (_LAST,)) -> float:
    """Returns the width in inches of the widest line of some texts in a font of `size` points."""
    font = FontProperties(family=list(families), size=size)
    lines = {line for text in texts for line in text.split("\n") if line}
    widths = (text_to_path.get_text_width_height_descent(line, font, False)[0] for line in lines)
    return max(widths, default=0.0) / _POINTS


def line_height(size: float) -> float:
    """Returns the height in inches of a line of text in a font of `size` points."""
    return 1.3 * size / _POINTS


def wrap(text: str, inches: float, size: float, families: Sequence[str] = (_LAST,)) -> str:
    """Breaks a text into lines of at most so many inches, at spaces where it can."""
    lines, length = text, len(text)
    while length > 1 and text_width([lines], size, families) > inches:
        length -= 1
        lines = textwrap.fill(text, length)
    return lines


def heat_map(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    families: Sequence[str],
    *,
    cell: float = 0.3,
    top: bool = False,
    extra_height: float = 0.0,
    vmax: float | None = None,
    bar: str | None = None,
) -> tuple[Figure, Axes]:
    """Draws values as cells, dark where they are large, in a figure that holds all its labels.

    Args:
        values: Array `(R, C)`.
        rows: R labels.
        columns: C labels. Those of one character stand upright, others are turned.
        families: Of the fonts of the labels.
        cell: Inches of a cell; less where there are many.
        top: Whether the columns are labelled above them.
        extra_height: Inches for what the caller adds above or below.
        vmax: The value that is darkest; None is the largest one.
        bar: Label of the colour bar; None draws none.
    """
    cells = cell_size(len(columns), cell), cell_size(len(rows), cell)
    sizes = [label_size(each) for each in cells]
    turned = any(len(label) > 1 for label in columns)
    below = text_width(columns, sizes[0], families) if turned else line_height(sizes[0])
    width, height = max(1.0, cells[0] * len(columns)), max(1.2, cells[1] * len(rows))
    around = text_width(rows, sizes[1], families) + (_BAR_LABELS if bar else 0.0), below
    size = [inches + _AXIS_LABEL + _MARGIN for inches in (width + around[0], height + around[1])]
    figure = Figure(figsize=(size[0], size[1] + extra_height), layout="constrained")
    axes: Axes = figure.subplots()
    image = axes.imshow(
        values, cmap="Blues", vmin=0, vmax=vmax, aspect="auto", interpolation="nearest"
    )
    if top:
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
    label_axis(axes.xaxis, columns, cells[0], families)
    for label in axes.get_xticklabels():
        label.set_rotation(90 if len(label.get_text()) > 1 else 0)
    label_axis(axes.yaxis, rows, cells[1], families)
    if bar:
        add_color_bar(image, bar, width, height)
    return figure, axes


def add_color_bar(image: AxesImage, label: str, width: float, height: float) -> None:
    """Adds a colour bar beside an image of so many inches, always of one width."""
    axes: Any = image.axes
    bar: dict[str, Any] = {"fraction": 2 * _BAR / width, "aspect": height / _BAR}
    ticks = MaxNLocator(5)  # their number is known before the layout is, as it must be
    axes.get_figure().colorbar(image, ax=axes, label=label, pad=_BAR / width, ticks=ticks, **bar)


def cell_size(count: int, cell: float) -> float:
    """Inches of each of `count` cells: less where there are many, down to what can be read."""
    return min(cell, max(_SMALLEST_CELL, 20 / count), _LONGEST_SIDE / count)


def label_size(cell: float) -> float:
    """Points of the labels of cells of so many inches."""
    return min(10.0, 0.75 * max(cell, _SMALLEST_CELL) * _POINTS)


def label_axis(axis: Axis, labels: Sequence[str], cell: float, families: Sequence[str]) -> None:
    """Labels each cell, or each n-th where the labels would overlap."""
    step = math.ceil(_SMALLEST_CELL / cell)
    axis.set_ticks(
        range(0, len(labels), step),
        list(labels[::step]),
        fontsize=label_size(cell),
        fontfamily=list(families),
        parse_math=False,
    )
    axis.set_tick_params(length=0)


def line_figure(legend: Sequence[str], families: Sequence[str], title: str) -> tuple[Figure, Axes]:
    """Makes a figure for lines, with space for a legend of so many labels at its right."""
    size = (7.4 + text_width(legend, 8.4, families), max(3.8, 1.0 + 0.185 * len(legend)))
    figure = Figure(figsize=size, layout="constrained")
    axes: Axes = figure.subplots()
    axes.set_title(wrap(title, 6.0, 12))
    return figure, axes


def add_legend(axes: Axes, families: Sequence[str], beside: bool = True) -> None:
    """Adds a legend at the right of the axes, or inside them."""
    style: dict[str, Any] = {"prop": {"family": list(families), "size": 8.4}}
    if beside:
        style |= {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
    for text in axes.legend(**style).get_texts():
        text.set_parse_math(False)
