"""Where a model looks while it writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from matplotlib.figure import Figure

from seqzoo.explain.figures import heat_map, readable_labels, save


class Aligning(Protocol):
    """A task that generates, and returns its attention to source tokens."""

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
        ValueError: if the model has no attention, or returns no answer.
    Reference: Bahdanau et al., 2015, figure 3, https://arxiv.org/abs/1409.0473
    """
    if not isinstance(text, str):
        raise ValueError(
            f"`text` must be one text. Received: {text!r}. Draw one map for each text."
        )
    answers: list[Any] = task.generate([text], return_hypotheses=True)[0]
    if not answers or not answers[0].tokens:
        raise ValueError(f"The model returned no answer to {text!r}, so there is nothing to draw.")
    alignment = answers[0].alignment  # (T, S)
    if alignment is None:
        raise ValueError(
            "An attention map needs a model with attention. Received: one whose decoder has none. "
            "Build it with an attention, such as `zoo.bahdanau_2015`."
        )
    source = task.source_tokens(text)
    figure = _draw(alignment[:, : len(source)], source, answers[0].tokens)
    if path is not None:
        save(figure, path)
    return figure


def _draw(alignment: Any, source: Sequence[str], generated: Sequence[str]) -> Figure:
    labels, families = readable_labels([*source, *generated])
    columns, rows = labels[: len(source)], labels[len(source) :]
    figure, axes = heat_map(alignment, rows, columns, families, top=True, bar="weight")
    axes.set(xlabel="source", ylabel="generated")
    return figure
