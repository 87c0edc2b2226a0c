"""What each token does to the answer of a classifier or a tagger."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from seqzoo.explain import pictures
from seqzoo.explain.readable_labels import readable_labels

_PER_LINE = 12  # tokens beside each other
_MOST = 512  # tokens that are looked at


def token_effects(task: Any, text: str) -> tuple[list[str], np.ndarray, str]:
    """Measures how much each token of a text speaks for the label that was found.

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
    if not 1 <= len(tokens) <= _MOST:
        raise ValueError(
            f"A text of 1 to {_MOST} tokens is wanted. Received: one of {len(tokens)}. Shorten it."
        )
    encoded = preprocessor.encode_inputs(preprocessor.as_raw([text]))
    inputs = preprocessor.pack_inputs(encoded)
    keep = np.concatenate([np.ones((1, len(tokens)), bool), ~np.eye(len(tokens), dtype=bool)])
    log_odds = []
    for start in range(0, len(keep), 64):
        mask = tf.constant(keep[start : start + 64])
        ids = tf.repeat(inputs["inputs"], len(mask), axis=0)
        probabilities = task.head.readout(task({"inputs": ids, "mask": mask})).numpy()
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
    labels, families = readable_labels(tokens)
    lines = math.ceil(len(tokens) / _PER_LINE)
    figure = Figure(figsize=(1.0 + 0.85 * min(len(tokens), _PER_LINE), 1.2 + 0.45 * lines))
    axes = figure.add_axes((0.02, 0.02, 0.84, 0.98 - 0.5 / (1.2 + 0.45 * lines)))
    grid = np.full((lines, min(len(tokens), _PER_LINE)), np.nan)
    grid.reshape(-1)[: len(tokens)] = effects
    largest = max(np.abs(effects).max(), 1e-6)
    image = axes.imshow(grid, cmap="RdBu", vmin=-largest, vmax=largest, aspect="auto")
    for place, token in enumerate(labels):
        color = "white" if abs(effects[place]) > 0.6 * largest else "black"
        style = {"ha": "center", "va": "center", "fontfamily": families, "parse_math": False}
        size = min(10.0, 75 / max(len(token), 1))
        where = (place % _PER_LINE, place // _PER_LINE)
        axes.text(*where, token, color=color, fontsize=size, **style)
    axes.set_axis_off()
    axes.set_title(f"what speaks for {label!r} (blue) and against it (red)", parse_math=False)
    bar = figure.add_axes((0.88, 0.1, 0.02, 0.7))
    figure.colorbar(image, cax=bar, label="nats")
    if path is not None:
        pictures.save(figure, path)
    return figure


def tag_probabilities(
    task: Any, tokens: Sequence[str] | str, path: str | Path | None = None
) -> Figure:
    """Draws how probable each tag is at each token, and marks the tags that were found.

    Args:
        task: A trained tagger.
        tokens: One sentence; a text is split at white space.
        path: File to write, such as "tags.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there is no token.
    """
    tokens = tokens.split() if isinstance(tokens, str) else list(tokens)
    if not tokens:
        raise ValueError("A sentence of at least one token is wanted. Received: none.")
    names = task.preprocessor.labels.names
    probabilities, tags = task.marginals([tokens])[0], task.tag([tokens])[0]
    labels, families = readable_labels([*tokens, *names])
    size = (2.0 + 0.4 * min(len(tokens), 80), 1.5 + 0.3 * len(names))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(probabilities.T, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    style = {"fontfamily": families, "parse_math": False}
    axes.set_xticks(range(len(tokens)), labels[: len(tokens)], rotation=90, **style)
    axes.set_yticks(range(len(names)), labels[len(tokens) :], **style)
    places = [names.index(tag) for tag in tags]
    axes.scatter(range(len(tokens)), places, marker="o", color="C1", s=18, label="answer")
    figure.colorbar(image, label="probability")
    figure.legend(loc="outside upper right")
    if path is not None:
        pictures.save(figure, path)
    return figure
