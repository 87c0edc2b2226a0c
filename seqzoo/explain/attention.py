"""Where a model looks while it writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from seqzoo.explain import pictures
from seqzoo.explain.readable_labels import readable_labels

_CELL, _SMALLEST_CELL, _LONGEST_SIDE = 0.3, 0.13, 40.0  # inches
_LETTER, _BAR = 0.09, 0.15  # inches of width of a label's letter and of the colour bar
_POINTS = 72  # to the inch


class Aligning(Protocol):
    """A task that generates, and says which source tokens it attends to."""

    def generate(self, inputs: list, return_hypotheses: bool = False) -> list: ...

    def source_tokens(self, text: str) -> list[str]: ...


def attention_map(task: Aligning, text: str, path: str | Path | None = None) -> Figure:
    """Draws how much each generated token attended to each token of the source.

    The text is answered with the task's own search, and the best answer is drawn:
    source tokens from left to right, generated tokens from top to bottom, dark
    where the weight is large. The weights of a row add up to 1.

    Args:
        task: A trained task whose decoder attends, such as `Seq2Seq`.
        text: One source text.
        path: File to write, such as "map.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if the model has no attention, or found no answer.
    Reference: Bahdanau et al., 2015, figure 3, https://arxiv.org/abs/1409.0473
    """
    if not isinstance(text, str):
        raise ValueError(
            f"`text` must be one text. Received: {text!r}. Draw one map for each text."
        )
    answers: list[Any] = task.generate([text], return_hypotheses=True)[0]
    if not answers or not answers[0].tokens:
        raise ValueError(f"The model found no answer to {text!r}, so there is nothing to draw.")
    alignment = answers[0].alignment  # (T, S)
    if alignment is None:
        raise ValueError(
            "An attention map needs a model with attention. Received: one whose decoder has none. "
            "Build it with an attention, such as `zoo.bahdanau_2015`."
        )
    source = task.source_tokens(text)
    figure = _draw(alignment[:, : len(source)], source, answers[0].tokens)
    if path is not None:
        pictures.save(figure, path)
    return figure


def _draw(alignment: Any, source: Sequence[str], generated: Sequence[str]) -> Figure:
    labels, families = readable_labels([*source, *generated])
    columns, rows = labels[: len(source)], labels[len(source) :]
    cell = (_cell_size(len(columns)), _cell_size(len(rows)))
    width, height = max(1.0, cell[0] * len(columns)), max(1.0, cell[1] * len(rows))
    margins = (
        1.5 + _LETTER * max(map(len, rows)),  # 1.5: the axis label and the colour bar
        0.5 + _LETTER * max(map(len, columns)),
    )
    figure = Figure(figsize=(width + margins[0], height + margins[1]), layout="constrained")
    axes: Axes = figure.subplots()
    image = axes.imshow(alignment, cmap="Blues", vmin=0, aspect="auto", interpolation="nearest")
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("source")
    axes.set_ylabel("generated")
    _label(axes.xaxis, columns, cell[0], families)
    for label in axes.get_xticklabels():
        label.set_rotation(90 if len(label.get_text()) > 1 else 0)
    _label(axes.yaxis, rows, cell[1], families)
    bar = {"fraction": 2 * _BAR / width, "aspect": height / _BAR, "pad": _BAR / width}
    figure.colorbar(image, label="weight", **cast(Any, bar))
    return figure


def _cell_size(count: int) -> float:
    """Inches that each of so many tokens gets: less in a long text, down to what can be read."""
    return min(_CELL, max(_SMALLEST_CELL, 20 / count), _LONGEST_SIDE / count)


def _label(axis: Axis, labels: list[str], cell: float, families: list[str]) -> None:
    """Labels each place, or each so-many-th where they would lie on each other."""
    step = math.ceil(_SMALLEST_CELL / cell)
    axis.set_ticks(
        range(0, len(labels), step),
        labels[::step],
        fontsize=min(10.0, 0.75 * max(cell, _SMALLEST_CELL) * _POINTS),
        fontfamily=families,
        parse_math=False,
    )
    axis.set_tick_params(length=0)
