"""What the first convolution of a model of bases or amino acids looks for, drawn as logos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from seqzoo.encoders import TCN, BothStrands, EncoderChain, TextCNN
from seqzoo.explain.figures import save
from seqzoo.preprocessing.bases import ALPHABETS
from seqzoo.preprocessing.labelled_residues import LabelledResidues
from seqzoo.preprocessing.tagged_residues import TaggedResidues

_ROWS = 256  # sequences that are read at once
_COLUMNS, _WIDTH, _HEIGHT = 2, 3.6, 1.5  # logos beside each other, inches of one
_COLORS = {"A": "#2b8a3e", "C": "#1c5fb0", "G": "#e08a00", "T": "#c92a2a"}
_GROUPS = {"#2b8a3e": "GSTYC", "#7048a8": "QN", "#1c5fb0": "KRH", "#c92a2a": "DE"}
_OTHERS = "black"  # hydrophobic amino acids


class Motif(NamedTuple):
    """What stands in the windows that a filter answers to most.

    Attributes:
        name: Which filter, in words.
        letters: What the columns of `counts` are.
        counts: How much of each letter stands at each position of the windows, `(W, letters)`.
        sites: How many windows there are.

    Example:
        >>> counts = np.array([[8.0, 0.0, 0.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
        >>> motif = sz.explain.Motif("filter 1", "ACGT", counts, sites=8)
        >>> motif.frequencies().tolist()[0], motif.consensus()
        ([0.75, 0.08333333333333333, 0.08333333333333333, 0.08333333333333333], 'A.')
    """

    name: str
    letters: str
    counts: np.ndarray
    sites: int

    def frequencies(self) -> np.ndarray:
        """Returns the share of each letter at each position `(W, letters)`, each counted one more.

        So a few windows that happen to be alike tell little.
        """
        counts = self.counts + 1.0
        return counts / counts.sum(axis=1, keepdims=True)

    def information(self) -> np.ndarray:
        """Returns how much is known of each position `(W,)`, in bits: 0 where all are alike.

        At most it is the logarithm of the number of letters, 2 for bases.
        Reference: Schneider and Stephens, 1990, https://doi.org/10.1093/nar/18.20.6097
        """
        shares = self.frequencies()
        return np.log2(shares.shape[1]) + (shares * np.log2(shares)).sum(axis=1)

    def consensus(self) -> str:
        """Returns the letter of each position that has at least half of the share, else a dot."""
        shares = self.frequencies()
        best = shares.argmax(axis=1)
        return "".join(
            self.letters[letter] if row[letter] >= 0.5 else "."
            for letter, row in zip(best, shares, strict=True)
        )


def motifs(
    task: Any, sequences: Sequence[str], count: int = 8, threshold: float = 0.5
) -> list[Motif]:
    """Finds what the filters of the first convolution answer to in some sequences.

    Of each filter, the windows whose activation is at least a share of its largest one are laid
    over each other.

    Args:
        task: A classifier or tagger of residues, whose encoder is a `TextCNN` or a `TCN`, or begins
            with one.
        sequences: Those in which windows are looked for.
        count: How many motifs at most: those with the most information.
        threshold: From 0 to 1, the share of the largest activation of a filter.

    Raises:
        ValueError: if the task reads no residues or begins with no convolution, or there is no
            sequence.
    Reference: Alipanahi et al., 2015, https://doi.org/10.1038/nbt.3300, supplementary notes;
        Kelley et al., 2016, https://doi.org/10.1101/gr.200535.115

    Example:
        >>> bases = sz.preprocessing.LabelledResidues(["no", "yes"])
        >>> encoder = sz.encoders.TextCNN(None, 4, windows=(3,), filters=2)
        >>> task = sz.Classifier(encoder, bases, pooling="max")
        >>> [len(motif.consensus()) for motif in sz.explain.motifs(task, ["ACGTTGCA", "AACC"])]
        [3, 3]
    """
    if not isinstance(task.preprocessor, (LabelledResidues, TaggedResidues)):
        raise ValueError(
            "Motifs are those of a task that reads bases or amino acids. Received: a task with "
            f"{type(task.preprocessor).__name__}."
        )
    reader = task.preprocessor.reader
    raw, found = reader.as_raw(sequences), []
    if not len(raw):
        raise ValueError("Motifs are those of sequences. Received: none. Give at least one.")
    batches = [
        task.preprocessor.prepare(raw[start : start + _ROWS]) for start in range(0, len(raw), _ROWS)
    ]
    for convolution in _first_convolutions(task.encoder):
        activations = [
            np.where(batch["mask"][..., None], convolution(batch["inputs"]).numpy(), -np.inf)
            for batch in batches
        ]
        windows = [_windows(convolution, batch["inputs"].numpy()) for batch in batches]
        highest = np.max([each.max(axis=(0, 1)) for each in activations], axis=0)
        (width,) = convolution.kernel_size
        for index in np.flatnonzero(highest > 0):
            sites = np.concatenate(
                [
                    window[each[..., index] >= threshold * highest[index]]
                    for window, each in zip(windows, activations, strict=True)
                ]
            )
            name = f"filter {index} of width {width}, {len(sites):,} sites"
            letters = ALPHABETS[reader.name].letters
            found.append(Motif(name, letters, sites.sum(axis=0), len(sites)))
    return sorted(found, key=lambda motif: -motif.information().sum())[:count]


def _first_convolutions(encoder: Any) -> list[keras.layers.Conv1D]:
    if isinstance(encoder, BothStrands):
        return _first_convolutions(encoder.encoder)
    if isinstance(encoder, EncoderChain):
        return _first_convolutions(encoder.encoders[0])
    if isinstance(encoder, (TextCNN, TCN)):
        return encoder.convolutions if isinstance(encoder, TextCNN) else encoder.convolutions[:1]
    raise ValueError(
        "Motifs are those of a first convolution. Received: an encoder that is "
        f"{type(encoder).__name__}. Begin it with a TextCNN or a TCN."
    )


def _windows(convolution: keras.layers.Conv1D, inputs: np.ndarray) -> np.ndarray:
    """What the convolution sees at each step of `(B, S, F)`, zeros around: `(B, S, W, F)`."""
    (width,) = convolution.kernel_size
    before = width - 1 if convolution.padding == "causal" else (width - 1) // 2
    padded = np.pad(inputs, [[0, 0], [before, width - 1 - before], [0, 0]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=1)
    return np.moveaxis(windows, -1, 2)  # (B, S, F, W) -> (B, S, W, F)


def plot_motifs(found: Sequence[Motif], path: str | Path | None = None) -> Figure:
    """Draws motifs as logos: at each position its letters, as high as they tell bits.

    Args:
        found: Of `motifs`.
        path: File to write, such as "motifs.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there is no motif.

    Example:
        >>> counts = np.array([[8.0, 0.0, 0.0, 0.0], [0.0, 8.0, 0.0, 0.0]])
        >>> figure = sz.explain.plot_motifs([sz.explain.Motif("filter 1", "ACGT", counts, 8)])
        >>> figure.axes[0].get_ylabel()
        'bits'
    """
    if not found:
        raise ValueError("There must be a motif to draw. Received: none. Train the model longer.")
    columns = min(_COLUMNS, len(found))
    rows = math.ceil(len(found) / columns)
    figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows), layout="constrained")
    grid: list[Any] = [*figure.subplots(rows, columns, squeeze=False).flat]
    for axes, motif in zip(grid, found, strict=False):
        heights = motif.frequencies() * motif.information()[:, None]  # (W, letters)
        for position, row in enumerate(heights):
            base = 0.0
            for letter in np.argsort(row):
                _draw_letter(
                    axes, motif.letters[letter], motif.letters, position, base, row[letter]
                )
                base += row[letter]
        axes.set_xlim(-0.5, len(heights) - 0.5)
        axes.set_ylim(0, math.log2(len(motif.letters)))
        axes.set_xticks(range(len(heights)), range(1, len(heights) + 1), fontsize=7)
        axes.tick_params(axis="y", labelsize=7)
        axes.set_ylabel("bits", fontsize=8)
        axes.set_title(motif.name, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[len(found) :]:
        axes.set_axis_off()
    if path is not None:
        save(figure, path)
    return figure


def _draw_letter(
    axes: Any, letter: str, letters: str, position: int, base: float, height: float
) -> None:
    """Draws a letter that fills the box of its position from `base` on."""
    shape = TextPath((0, 0), letter, size=1)
    box = shape.get_extents()
    to_box = (
        Affine2D()
        .translate(-box.x0, -box.y0)
        .scale(0.9 / box.width, height / box.height)
        .translate(position - 0.45, base)
    )
    colors = _COLORS if len(letters) == 4 else _colors_of_groups()
    axes.add_patch(PathPatch(to_box.transform_path(shape), lw=0, fc=colors.get(letter, _OTHERS)))


def _colors_of_groups() -> dict[str, str]:
    return {letter: color for color, group in _GROUPS.items() for letter in group}
