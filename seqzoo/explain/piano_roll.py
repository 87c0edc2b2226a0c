"""Pieces of music drawn as piano rolls: frames from left to right, keys from below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from seqzoo.explain.figures import cell_size, save, wrap
from seqzoo.preprocessing.music import Piece, piano_roll

_CELL, _SHORTEST = 0.12, 3.0  # inches of a frame, and of the shortest roll
_KEYS = 128  # of MIDI
_AROUND = 2  # keys above and below those that sound
_BLACK = (1, 3, 6, 8, 10)  # semitones above C
_COLORS = ("white", "#f0f0f0", "0.45", "#08519c")  # white keys, black keys, given, what follows


def plot_piano_roll(
    piece: Piece | str,
    path: str | Path | None = None,
    given: int | None = None,
    title: str = "",
) -> Figure:
    """Draws a piece: a cell for each key of each frame.

    Args:
        piece: Frames of MIDI keys, or their text.
        path: File to write, such as "roll.png"; None writes none.
        given: Frames at the beginning that are drawn as what a model was given, those behind as
            what it went on with; None draws all alike.
        title: What is written above.

    Returns:
        The figure, which is no part of pyplot's state; its cells are `(keys, frames)`.

    Raises:
        ValueError: if no key sounds, a frame is none, or more are given than there are.

    Example:
        >>> figure = sz.explain.plot_piano_roll([[60, 64], [60], [62]], given=1)
        >>> figure.axes[0].get_xlabel()
        'frame'
    """
    roll = piano_roll(piece, 0, _KEYS)
    sounding = np.flatnonzero(roll.any(axis=0))
    if not len(sounding):
        raise ValueError("A piano roll needs a note. Received: a piece of silence.")
    if given is not None and not 0 <= given <= len(roll):
        raise ValueError(f"`given` must be from 0 to {len(roll)}, the frames. Received: {given}.")
    low, high = max(0, sounding[0] - _AROUND), min(_KEYS - 1, sounding[-1] + _AROUND)
    keys = np.arange(low, high + 1)
    is_black = np.isin(keys % 12, _BLACK)
    kinds = np.where(np.arange(len(roll)) < (given or 0), 2, 3)
    cells = np.where(roll[:, keys].T > 0, kinds, is_black[:, None])  # (keys, frames)
    widths = cell_size(len(roll), _CELL), cell_size(len(keys), _CELL)
    width = max(_SHORTEST, widths[0] * len(roll))
    figure = Figure(figsize=(width + 1.0, widths[1] * len(keys) + 1.1), layout="constrained")
    axes: Axes = figure.subplots()
    style: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest", "origin": "lower"}
    axes.imshow(cells, cmap=ListedColormap(_COLORS), vmin=-0.5, vmax=3.5, **style)
    octaves = np.flatnonzero(keys % 12 == 0)
    axes.set_yticks(octaves, [f"C{keys[row] // 12 - 1}" for row in octaves])
    for row in octaves:
        axes.axhline(row - 0.5, color="0.8", lw=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="frame")
    axes.set_title(wrap(title, width, 12), parse_math=False)
    if given is not None:
        axes.axvline(given - 0.5, color="0.3", lw=1, ls="--")
        handles = [
            Patch(color=color, label=label)
            for color, label in zip(_COLORS[2:], ("given", "drawn by the model"), strict=True)
        ]
        place: dict[str, Any] = {"loc": "outside lower center", "ncols": 2}
        figure.legend(handles=handles, fontsize=8.4, frameon=False, **place)
    if path is not None:
        save(figure, path)
    return figure
