"""Confusion matrices of classifiers, and the calibration of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seqzoo.explain.figures import cell_size, heat_map, readable_labels, save, text_width
from seqzoo.preprocessing.labels import as_name

_CELL = 0.5  # inches
_MAX_WRITTEN = 25  # classes whose numbers are written into the cells


class Classifying(Protocol):
    """A task that classifies."""

    preprocessor: Any
    head: Any

    def classify(self, inputs: list) -> list: ...

    def probabilities(self, inputs: list) -> np.ndarray: ...


def confusion_matrix(
    task: Classifying, examples: Sequence[tuple[Any, Any]], path: str | Path | None = None
) -> Figure:
    """Draws how many examples of each class are classified as which.

    Rows are the true classes, columns the predicted ones; a cell is dark by its share of the row.
    With many labels, each label has a row of three counts: the examples where it was predicted
    correctly, missed, and predicted wrongly.

    Args:
        task: A trained classifier.
        examples: Pairs of raw input and label.
        path: File to write, such as "confusion.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there are no examples, or a label is unknown.
    """
    inputs, references = _inputs_and_references(task, examples)
    names = task.preprocessor.labels.names
    answers = task.classify(inputs)
    if task.head.multi_label:
        columns = ["correct", "missed", "wrong"]
        predicted = np.array([[name in labels for name in names] for labels in answers])
        cells = references & predicted, references & ~predicted, predicted & ~references
        counts = np.stack([each.sum(axis=0) for each in cells], axis=1)
    else:
        columns = names
        counts = np.zeros((len(names), len(names)), int)
        predicted = [names.index(label) for label in answers]
        np.add.at(counts, (references.argmax(axis=1), predicted), 1)
    figure = _draw_counts(counts, names, columns)
    if path is not None:
        save(figure, path)
    return figure


def reliability_diagram(
    task: Classifying,
    examples: Sequence[tuple[Any, Any]],
    path: str | Path | None = None,
    bins: int = 10,
) -> Figure:
    """Draws the accuracy of a classifier against its confidence.

    Examples lie in bins by the probability of the predicted label (with many labels, of every
    label); on the diagonal, probabilities are calibrated. Below, how many
    examples each bin has. The title holds the expected calibration error, the mean distance from
    the diagonal.

    Args:
        task: A trained classifier.
        examples: Pairs of raw input and label.
        path: File to write, such as "reliability.png"; None writes none.
        bins: Positive int, of equal width.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there are no examples, or a label is unknown.
    Reference: Guo et al., 2017, https://arxiv.org/abs/1706.04599
    """
    confidence, right = _confidences(task, examples)
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(index, minlength=bins)
    used = counts > 0
    sums = [np.bincount(index, values, bins)[used] for values in (confidence, right)]
    confident, accurate = (values / counts[used] for values in sums)
    error = np.sum(np.abs(confident - accurate) * counts[used]) / counts.sum()
    figure = Figure(figsize=(4, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="calibrated")
    above.plot(confident, accurate, marker="o", color="C0", clip_on=False, label="this model")
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    above.set_title(f"expected calibration error {error:.3f}")
    above.legend()
    above.grid(alpha=0.3)
    below.bar((np.arange(bins) + 0.5) / bins, counts, width=0.9 / bins, color="C0")
    below.set(xlabel="confidence", ylabel="examples")
    below.yaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
    if path is not None:
        save(figure, path)
    return figure


def _inputs_and_references(
    task: Classifying, examples: Sequence[tuple[Any, Any]]
) -> tuple[list, np.ndarray]:
    """The inputs, and which labels each has, boolean `(N, C)`."""
    if not len(examples):
        raise ValueError("There must be at least one example to draw. Received: none.")
    known = task.preprocessor.labels
    references = np.zeros((len(examples), len(known.names)), bool)
    for row, (_, reference) in enumerate(examples):
        given = [as_name(label) for label in (reference if task.head.multi_label else [reference])]
        known.check(given, f"at index {row}")
        references[row, [known.index(name) for name in given]] = True
    return [raw for raw, _ in examples], references


def _confidences(task: Classifying, examples: Any) -> tuple[np.ndarray, np.ndarray]:
    inputs, references = _inputs_and_references(task, examples)
    probabilities = task.probabilities(inputs)
    if task.head.multi_label:
        return probabilities.reshape(-1), references.reshape(-1)
    right = probabilities.argmax(axis=1) == references.argmax(axis=1)
    return probabilities.max(axis=1), right


def _draw_counts(counts: np.ndarray, names: Sequence[str], columns: Sequence[str]) -> Figure:
    labels, families = readable_labels([*names, *columns])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = len(names)
    figure, axes = heat_map(shares, labels[:rows], labels[rows:], families, cell=_CELL, vmax=1)
    axes.set(xlabel="predicted", ylabel="true")
    if max(counts.shape) <= _MAX_WRITTEN:
        cell = 0.9 * cell_size(len(columns), _CELL)
        size = min(10.0, 10.0 * cell / text_width([str(counts.max())], 10.0))
        for row, column in np.ndindex(*counts.shape):
            color = "white" if shares[row, column] > 0.5 else "black"
            style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size}
            axes.text(column, row, str(counts[row, column]), color=color, **style)
    return figure
