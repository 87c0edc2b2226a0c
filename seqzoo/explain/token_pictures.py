"""The effect of each token on a classifier, and the probabilities of tags at each token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from seqzoo.explain.figures import (
    add_color_bar,
    heat_map,
    line_height,
    readable_labels,
    save,
    text_width,
    wrap,
)

_MAX_PER_LINE, _LINE = 12, 11.0  # tokens beside each other, and inches for them
_CELL, _CELL_HEIGHT = 0.85, 0.45  # inches of a token, at least
_MAX_TOKENS = 512


def token_effects(task: Any, text: str) -> tuple[list[str], np.ndarray, str]:
    """Measures how much each token of a text speaks for the predicted label.

    The effect of a token is how much lower the log-odds of the label are without it: the step is
    masked, so that the model reads the text as if it were not there.

    Args:
        task: A trained classifier of texts.
        text: One text of at most 512 tokens.

    Returns:
        Readable tokens, their effects in nats (positive: it speaks for the label), and the label.

    Raises:
        ValueError: if the text has no token, or too many.
    Reference: Li et al., 2016, Understanding neural networks through representation erasure,
    https://arxiv.org/abs/1612.08220
    """
    preprocessor = task.preprocessor
    tokens = preprocessor.tokens(text)
    if not 1 <= len(tokens) <= _MAX_TOKENS:
        raise ValueError(
            f"The text must have 1 to {_MAX_TOKENS} tokens. Received: {len(tokens)} tokens. Give a "
            "text with words, or shorten it."
        )
    encoded = preprocessor.encode_inputs(preprocessor.as_raw([text]))
    inputs = preprocessor.pack_inputs(encoded)
    keep = np.concatenate([np.ones((1, len(tokens)), bool), ~np.eye(len(tokens), dtype=bool)])
    log_odds = []
    for start in range(0, len(keep), 64):
        mask = tf.constant(keep[start : start + 64])
        rows = {name: tf.repeat(each, len(mask), axis=0) for name, each in inputs.items()}
        probabilities = task.head.readout(task(rows | {"mask": mask})).numpy()
        probabilities = np.clip(probabilities.astype(float), 1e-12, 1 - 1e-12)
        log_odds.append(np.log(probabilities / (1 - probabilities)))
    log_odds = np.concatenate(log_odds)
    label = int(log_odds[0].argmax())
    return tokens, log_odds[0, label] - log_odds[1:, label], preprocessor.labels.names[label]


def attribution(task: Any, text: str, path: str | Path | None = None) -> Figure:
    """Draws a text with each token in the colour of its effect; see `token_effects`.

    Blue speaks for the label in the title, red against it.

    Args:
        task: A trained classifier of texts.
        text: One text.
        path: File to write, such as "attribution.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if the text has no token, or too many.
    """
    tokens, effects, label = token_effects(task, text)
    figure = _draw_effects(tokens, effects, label)
    if path is not None:
        save(figure, path)
    return figure


def _draw_effects(tokens: Sequence[str], effects: np.ndarray, label: str) -> Figure:
    labels, families = readable_labels(tokens)
    (label,), title_families = readable_labels([label], 80)
    cell = max(_CELL, text_width(labels, 10, families) + 0.15)
    per_line = min(len(tokens), max(1, min(_MAX_PER_LINE, int(_LINE / cell))))
    lines = math.ceil(len(tokens) / per_line)
    width, height = max(3.0, cell * per_line), max(1.2, _CELL_HEIGHT * lines)
    title = wrap(
        f"what speaks for '{label}' (blue) and against it (red)", width, 12, title_families
    )
    title_height = line_height(12) * (1 + title.count("\n"))
    figure = Figure(figsize=(width + 1.2, height + title_height + 0.2), layout="constrained")
    axes = figure.subplots()
    grid = np.full((lines, per_line), np.nan)
    grid.reshape(-1)[: len(tokens)] = effects
    largest = max(np.abs(effects).max(), 1e-6)
    image = axes.imshow(grid, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto")
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontfamily": families}
    for index, (token, effect) in enumerate(zip(labels, effects, strict=True)):
        color = "white" if abs(effect) > 0.6 * largest else "black"
        column, row = index % per_line, index // per_line
        axes.text(column, row, token, color=color, fontsize=10, parse_math=False, **style)
    axes.set_axis_off()
    axes.set_title(title, fontsize=12, fontfamily=title_families, parse_math=False)
    add_color_bar(image, "nats", width, height)
    return figure


def tag_probabilities(
    task: Any, tokens: Sequence[str] | str, path: str | Path | None = None
) -> Figure:
    """Draws how probable each tag is at each token, and marks the predicted tags.

    Args:
        task: A trained tagger.
        tokens: One sentence: a list of tokens, or a text of tokens separated by spaces or tabs.
        path: File to write, such as "tags.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there is no token.
    """
    tokens = task.preprocessor.tokens(tokens) if isinstance(tokens, str) else list(tokens)
    if not tokens:
        raise ValueError("The sentence must have at least one token. Received: none. Pass words.")
    names = task.preprocessor.labels.names
    probabilities, tags = task.marginals([tokens])[0], task.tag([tokens])[0]
    labels, families = readable_labels([*tokens, *names])
    columns, rows = labels[: len(tokens)], labels[len(tokens) :]
    figure, axes = heat_map(
        probabilities.T, rows, columns, families, extra_height=0.35, vmax=1, bar="probability"
    )
    indices = [names.index(tag) for tag in tags]
    axes.scatter(range(len(tokens)), indices, marker="o", color="C1", s=18, label="answer")
    figure.legend(loc="outside upper right")
    if path is not None:
        save(figure, path)
    return figure
