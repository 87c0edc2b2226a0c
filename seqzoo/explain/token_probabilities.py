"""How probable each token of a text is to a model, in its context."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from seqzoo.explain.figures import line_height, readable_labels, save, text_width, wrap
from seqzoo.explain.task_inputs import (
    check_text,
    masked_ids,
    readable,
    require_tokens,
    source_and_target,
)
from seqzoo.preprocessing.corpus import as_strings
from seqzoo.tasks.language_model import LanguageModel
from seqzoo.tasks.masked_language_model import MaskedLanguageModel
from seqzoo.tasks.seq2seq import Seq2Seq

_MAX_TOKENS, _ROWS = 2048, 64  # of a text; that a masked language model reads together
_SIZE, _TITLE, _LINE = 10.0, 11.0, 10.0  # points, points, inches of a line of text
_HEIGHT, _PAD = 0.32, 0.07  # inches of a line, and at both sides of a token
_MARGIN, _MIN_WIDTH = 0.2, 5.0  # inches around the picture, and of its text at least
_BAR_WIDTH, _MIN_BAR, _MAX_BAR = 0.9, 1.3, 2.5  # inches of the colour bar, its labels in its width
_BREAKS = ("↵", "\\n", "<0x0A>")  # what tokens that end a line end in, as they are shown


class TokenProbabilities(NamedTuple):
    """What a model expected at each token of a text.

    Attributes:
        tokens: T readable tokens.
        log_probs: Float array `(T,)`, of each token in its context, in nats.
        ranks: Int array `(T,)`: 1 where no token was more probable.
        entropies: Float array `(T,)`, of what the model expected at that place, in nats.
        given: The source of a `Seq2Seq`, else "".
    """

    tokens: list[str]
    log_probs: np.ndarray
    ranks: np.ndarray
    entropies: np.ndarray
    given: str = ""

    @property
    def perplexity(self) -> float:
        """Exp of the mean surprise, as `evaluate` has it."""
        return float(np.exp(-self.log_probs.mean(dtype="float64")))


def token_probabilities(task: Any, example: Any) -> TokenProbabilities:
    """Measures how probable each token of a text is to a model.

    Of a `LanguageModel`, given all tokens before it, as `evaluate` reads the text; of a `Seq2Seq`,
    given the source and the target before it; of a `MaskedLanguageModel`, given all other tokens,
    each hidden in turn (Salazar et al., 2020, https://arxiv.org/abs/1910.14659).

    Args:
        task: One of these.
        example: A text of at most 2,048 tokens; of a `Seq2Seq` a pair of source and target, or a
            source alone: then the target is what the task answers.

    Raises:
        ValueError: if the task predicts no tokens, or the text has no token or too many.

    Example:
        >>> words = sz.preprocessing.WordTokenizer()
        >>> words.adapt(["the cat sat"])
        >>> gpt = sz.zoo.radford_2019(words, units=8, layers=1, num_heads=2)
        >>> found = sz.explain.token_probabilities(gpt, "the cat")
        >>> found.tokens, found.log_probs.shape
        (['the', 'cat', '<end>'], (3,))
    """
    kinds = (
        (LanguageModel, _of_language_model),
        (Seq2Seq, _of_seq2seq),
        (MaskedLanguageModel, _of_masked_language_model),
    )
    measure = next((measure for kind, measure in kinds if isinstance(task, kind)), None)
    if measure is None or task.preprocessor is None:
        raise ValueError(
            "Probabilities of tokens need a model that predicts them and reads text. Received: a "
            f"{type(task).__name__}. Give a LanguageModel, a Seq2Seq or a MaskedLanguageModel with "
            "a preprocessor."
        )
    return measure(task, example)


def _of_language_model(task: LanguageModel, example: Any) -> TokenProbabilities:
    preprocessor: Any = task.preprocessor
    ids = preprocessor.encode(as_strings([check_text(example)]))[0]
    _check_length(len(ids) - int(preprocessor.end_tokens))
    parts = []
    for x, y, weight in task.make_evaluation_batches([example]):
        counted = weight.numpy() > 0  # windows overlap, and each token counts in one
        parts.append(_measured(task, task(x), y, counted))
    tokens = readable(preprocessor.target_tokens(ids[None]), preprocessor.target)
    return _joined(tokens, parts)


def _of_seq2seq(task: Seq2Seq, example: Any) -> TokenProbabilities:
    source, target = source_and_target(task, example)
    preprocessor: Any = task.preprocessor
    raw = as_strings([source])
    x, y, weight = preprocessor(raw, as_strings([target]))
    _check_length(y.shape[1])
    words = task.copied_words(raw, whole=True)
    tokens = readable(preprocessor.target_tokens(y, *words), preprocessor.target)
    return _joined(tokens, [_measured(task, task(x), y, weight.numpy() > 0)], source)


def _of_masked_language_model(task: MaskedLanguageModel, example: Any) -> TokenProbabilities:
    ids, tokens = masked_ids(task, example)
    count = len(tokens) - 1  # the first one stands before the text
    _check_length(count, getattr(getattr(task.encoder, "stack", None), "max_positions", None))
    mask_id, parts = task.preprocessor.mask_id, []
    if tf.reduce_any(ids == mask_id):
        raise ValueError(
            "Each token is hidden in turn, so the text must show all. Received: one with [MASK]. "
            "Write the words, or call `fill`."
        )
    for start in range(0, count, _ROWS):
        places = 1 + np.arange(start, min(start + _ROWS, count))
        is_hidden = places[:, None] == np.arange(count + 1)
        y = tf.repeat(ids, len(places), axis=0)
        parts.append(
            _measured(task, task({"token_ids": tf.where(is_hidden, mask_id, y)}), y, is_hidden)
        )
    return _joined(tokens[1:], parts)


def _joined(tokens: list[str], parts: list[tuple], given: str = "") -> TokenProbabilities:
    """Returns what was measured of a text in parts."""
    log_probs, ranks, entropies = map(np.concatenate, zip(*parts, strict=True))
    return TokenProbabilities(tokens, log_probs, ranks, entropies, given)


def _check_length(count: int, positions: int | None = None) -> None:
    longest = _MAX_TOKENS if positions is None else min(_MAX_TOKENS, positions - 1)
    require_tokens(count)
    if count > longest:
        raise ValueError(
            f"The text must have at most {longest} tokens. Received: {count} tokens. Shorten it."
        )


def _measured(task: Any, outputs: Any, y: Any, counted: np.ndarray) -> tuple:
    """Returns log-probs, ranks and entropies of the tokens y `(B, T)` that are counted."""
    log_probs = task.head.readout(outputs).numpy()[counted]  # (N, V)
    own = np.take_along_axis(log_probs, np.asarray(y)[counted][:, None], axis=1)
    finite = np.where(np.isfinite(log_probs), log_probs, 0.0)
    entropies = -(np.exp(log_probs) * finite).sum(axis=1)
    return own[:, 0], 1 + (log_probs > own).sum(axis=1), entropies


def plot_token_probabilities(
    probabilities: TokenProbabilities, path: str | Path | None = None
) -> Figure:
    """Draws a text with each token in the colour of its surprise: the darker, the less expected.

    The surprise is -log2 of the probability: 0 bits for a token that was certain, 1 for one of two
    that were equally probable.

    Args:
        probabilities: Of `token_probabilities`.
        path: File to write, such as "probabilities.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.
    """
    labels, families = readable_labels(probabilities.tokens)
    (given,), more = readable_labels([probabilities.given], 200)
    families = list(dict.fromkeys([*families, *more]))
    bits = -probabilities.log_probs / np.log(2)
    boxes, lines, longest = _flow(labels, families)
    width = max(longest, _MIN_WIDTH)
    title = wrap(_title(probabilities), width, _TITLE)
    if given:
        title = f"{wrap(f'given: {given}', width, _TITLE, families)}\n{title}"
    above = _MARGIN + line_height(_TITLE) * (1 + title.count("\n")) + 0.1
    height = _HEIGHT * lines
    bar = min(max(height, _MIN_BAR), _MAX_BAR)
    size = width + 2 * _MARGIN + _BAR_WIDTH, above + max(height, bar) + _MARGIN
    figure = Figure(figsize=size)

    def axes_at(left: float, inches: float, tall: float) -> Axes:
        bottom = size[1] - above - tall
        return figure.add_axes((left / size[0], bottom / size[1], inches / size[0], tall / size[1]))

    finite = bits[np.isfinite(bits)]
    largest = max(1.0, float(finite.max(initial=0.0)))
    colors: Any = ScalarMappable(Normalize(0, largest), "YlOrRd")
    axes = axes_at(_MARGIN, width, height)
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontfamily": families}
    for (x, line, inches), label, value in zip(boxes, labels, bits, strict=True):
        box = Rectangle((x, line * _HEIGHT), inches, 0.85 * _HEIGHT, lw=0)
        box.set_facecolor(colors.to_rgba(value))
        axes.add_patch(box)
        color = "white" if value > 0.65 * largest else "black"
        middle = x + inches / 2, (line + 0.425) * _HEIGHT
        axes.text(*middle, label, color=color, fontsize=_SIZE, parse_math=False, **style)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    top = (size[1] - _MARGIN) / size[1]
    style = {"fontsize": _TITLE, "fontfamily": families, "parse_math": False, "va": "top"}
    figure.text(_MARGIN / size[0], top, title, **style)
    beside = axes_at(_MARGIN + width + 0.1, 0.15, bar)
    figure.colorbar(colors, cax=beside, label="surprise (bits)", ticks=MaxNLocator(5))
    if path is not None:
        save(figure, path)
    return figure


def _title(probabilities: TokenProbabilities) -> str:
    bits = -probabilities.log_probs.mean(dtype="float64") / np.log(2)
    count, best = len(probabilities.tokens), int((probabilities.ranks == 1).sum())
    return (
        f"{bits:.2f} bits a token, perplexity {probabilities.perplexity:.4g}; {best} of {count} "
        "tokens were the most probable ones"
    )


def _flow(labels: list[str], families: list[str]) -> tuple[list, int, float]:
    """Lays tokens out as running text.

    Returns:
        For each token its left edge in inches, its line and its width in inches; the number of
        lines; and the inches of the longest.
    """
    widths = {label: text_width([label], _SIZE, families) + 2 * _PAD for label in set(labels)}
    boxes, x, line, longest = [], 0.0, 0, 0.0
    for i, label in enumerate(labels):
        if x and x + widths[label] > _LINE:
            x, line = 0.0, line + 1
        boxes.append((x, line, widths[label]))
        x += widths[label]
        longest = max(longest, x)
        if label.endswith(_BREAKS) and i + 1 < len(labels):
            x, line = 0.0, line + 1
    return boxes, line + 1, longest
