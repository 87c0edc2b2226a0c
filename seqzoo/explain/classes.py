"""What a classifier takes for what, and whether its probabilities can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure

from seqzoo.explain import pictures
from seqzoo.explain.readable_labels import readable_labels

_CELL = 0.5  # inches
_WRITTEN = 25  # most classes whose numbers are written into the cells


class Classifying(Protocol):
    """A task that classifies."""

    preprocessor: Any
    head: Any

    def classify(self, inputs: list) -> list: ...

    def probabilities(self, inputs: list) -> np.ndarray: ...


def confusion_matrix(
    task: Classifying, examples: Sequence[tuple[Any, Any]], path: str | Path | None = None
) -> Figure:
    """Draws how many examples of each class are taken for which.

    Rows are the right classes, columns those that the task found; a cell is dark by its share of
    the row. With many labels, each label has a matrix of yes and no in its own row: how many
    examples had it and were given it, had it and were not, and were given it without.

    Args:
        task: A trained classifier.
        examples: Pairs of raw input and label.
        path: File to write, such as "confusion.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there are no examples.
    """
    inputs, references = _two_sides(examples)
    names = task.preprocessor.labels.names
    found = task.classify(inputs)
    if task.head.multi_label:
        columns = ["right", "missed", "wrong"]
        counts = _counts_by_label(names, references, found)
    else:
        columns = names
        counts = np.zeros((len(names), len(names)), int)
        for reference, label in zip(references, found, strict=True):
            counts[names.index(str(reference)), names.index(label)] += 1
    figure = _draw_counts(counts, names, columns)
    if path is not None:
        pictures.save(figure, path)
    return figure


def reliability_diagram(
    task: Classifying,
    examples: Sequence[tuple[Any, Any]],
    path: str | Path | None = None,
    bins: int = 10,
) -> Figure:
    """Draws how often the task is right where it says that it is so sure.

    Examples lie in bins by the probability of the label that was found (with many labels, of
    every label); points on the diagonal are probabilities that can be believed. Below, how many
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
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    some = counts > 0
    sums = [np.bincount(place, values, bins)[some] for values in (confidence, right)]
    confident, accurate = (values / counts[some] for values in sums)
    error = np.sum(np.abs(confident - accurate) * counts[some]) / counts.sum()
    figure = Figure(figsize=(4, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="as sure as right")
    above.plot(confident, accurate, marker="o", color="C0", label="this model")
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that is right")
    above.set_title(f"expected calibration error {error:.3f}")
    above.legend()
    above.grid(alpha=0.3)
    below.bar((np.arange(bins) + 0.5) / bins, counts, width=0.9 / bins, color="C0")
    below.set(xlabel="probability that the model gives", ylabel="examples")
    if path is not None:
        pictures.save(figure, path)
    return figure


def _two_sides(examples: Sequence[tuple[Any, Any]]) -> tuple[list, list]:
    if not len(examples):
        raise ValueError("There must be at least one example to draw. Received: none.")
    return [raw for raw, _ in examples], [label for _, label in examples]


def _confidences(task: Classifying, examples: Any) -> tuple[np.ndarray, np.ndarray]:
    inputs, references = _two_sides(examples)
    names = task.preprocessor.labels.names
    probabilities = task.probabilities(inputs)
    if task.head.multi_label:
        right = np.array([[name in labels for name in names] for labels in references])
        return probabilities.reshape(-1), right.reshape(-1)
    right = np.array([names.index(str(label)) for label in references])
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == right


def _counts_by_label(names: Sequence[str], references: list, found: list) -> np.ndarray:
    counts = np.zeros((len(names), 3), int)
    for wanted, given in zip(map(set, references), map(set, found), strict=True):
        for column, labels in enumerate((wanted & given, wanted - given, given - wanted)):
            for label in labels:
                counts[names.index(label), column] += 1
    return counts


def _draw_counts(counts: np.ndarray, names: Sequence[str], found: Sequence[str]) -> Figure:
    labels, families = readable_labels([*names, *found])
    rows, columns = counts.shape
    size = (2.0 + _CELL * min(columns, 40), 1.5 + _CELL * min(rows, 40))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    style = {"fontfamily": families, "parse_math": False}
    axes.set_yticks(range(rows), labels[:rows], **style)
    axes.set_xticks(range(columns), labels[rows:], rotation=90, **style)
    axes.set(xlabel="found", ylabel="right")
    if max(rows, columns) <= _WRITTEN:
        for row, column in np.ndindex(rows, columns):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color)
    return figure
