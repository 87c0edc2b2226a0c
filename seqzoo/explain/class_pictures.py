"""Confusion matrices of classifiers, and the calibration of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seqzoo.explain.figures import cell_size, heat_map, readable_labels, save, text_width

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
        ValueError: if there are no examples.
    """
    inputs, references = _inputs_and_references(examples)
    names = task.preprocessor.labels.names
    predicted = task.classify(inputs)
    if task.head.multi_label:
        columns = ["correct", "missed", "wrong"]
        counts = _counts_by_label(names, references, predicted)
    else:
        columns = names
        counts = np.zeros((len(names), len(names)), int)
        for reference, label in zip(references, predicted, strict=True):
            counts[names.index(str(reference)), names.index(label)] += 1
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
        ValueError: if there are no examples.
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


def _inputs_and_references(examples: Sequence[tuple[Any, Any]]) -> tuple[list, list]:
    if not len(examples):
        raise ValueError("There must be at least one example to draw. Received: none.")
    return [raw for raw, _ in examples], [label for _, label in examples]


def _confidences(task: Classifying, examples: Any) -> tuple[np.ndarray, np.ndarray]:
    inputs, references = _inputs_and_references(examples)
    names = task.preprocessor.labels.names
    probabilities = task.probabilities(inputs)
    if task.head.multi_label:
        right = np.array([[name in labels for name in names] for labels in references])
        return probabilities.reshape(-1), right.reshape(-1)
    right = np.array([names.index(str(label)) for label in references])
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == right


def _counts_by_label(names: Sequence[str], references: list, predicted: list) -> np.ndarray:
    counts = np.zeros((len(names), 3), int)
    for true, given in zip(map(set, references), map(set, predicted), strict=True):
        for column, labels in enumerate((true & given, true - given, given - true)):
            for label in labels:
                counts[names.index(label), column] += 1
    return counts


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
