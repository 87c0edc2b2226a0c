"""How much worse a translator predicts after its own tokens than after the target's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seqzoo.explain.figures import add_legend, line_figure, readable_labels, save
from seqzoo.preprocessing.corpus import as_strings
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search.step import alignment_of


class ExposureBias(NamedTuple):
    """Shares of right tokens, of which the most probable one is taken.

    Attributes:
        gold: Of all tokens, where the target's own tokens stand before each.
        own: Where the model's own tokens stand before each, as in decoding.
        gold_by_place: Float array `(T,)`: `gold` of the first token of a target, the second ….
        own_by_place: Float array `(T,)`.
        counts: Int array `(T,)`, the targets that have a token there.
    """

    gold: float
    own: float
    gold_by_place: np.ndarray
    own_by_place: np.ndarray
    counts: np.ndarray

    @property
    def gap(self) -> float:
        """What is lost by decoding from one's own tokens."""
        return self.gold - self.own


def exposure_bias(
    task: Any, pairs: Sequence[tuple[str, str]], batch_size: int = 64
) -> ExposureBias:
    """Measures a translator when it is fed gold prefixes and when it is fed its own.

    In training, a decoder sees the target up to each token; in decoding, its own previous tokens.
    A token counts as right where it is that of the target at the same position. Once the model
    has ended, the target's further tokens are missed. Shares of whole targets would show nothing:
    one that is right everywhere after gold prefixes has those for its own.

    Args:
        task: A `Seq2Seq` with a preprocessor.
        pairs: Sources and targets, at least one.
        batch_size: Positive int.

    Reference: Ranzato et al., 2016, https://arxiv.org/abs/1511.06732
    """
    measure = _measurer(task)
    order = sorted(range(len(pairs)), key=lambda index: len(pairs[index][1]))
    sums = np.zeros((3, 0))
    for start in range(0, len(order), batch_size):
        chosen = [pairs[index] for index in order[start : start + batch_size]]
        sources, targets = zip(*chosen, strict=True)
        counted = measure(as_strings(list(sources)), as_strings(list(targets))).numpy()
        longest = max(sums.shape[1], counted.shape[1])
        sums = _widened(sums, longest) + _widened(counted, longest)
    gold, own, counts = sums
    total = counts.sum()
    return ExposureBias(
        float(gold.sum() / total),
        float(own.sum() / total),
        gold / counts,
        own / counts,
        counts.astype(np.int64),
    )


def _widened(sums: np.ndarray, length: int) -> np.ndarray:
    return np.pad(sums, ((0, 0), (0, length - sums.shape[1])))


def _measurer(task: Any):
    """A function of sources and targets `(B,)` that counts right tokens by position, `(3, T)`."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)] * 2, autograph=False)
    def measure(sources, targets):
        x, y, weight = task.preprocessor(sources, targets)
        gold = tf.cast(task.head.decide(task(x)), y.dtype)
        own = _own_tokens(task, x["source_ids"], tf.shape(y)[1])
        right = [tf.cast(each == y, tf.float32) * weight for each in (gold, own)]
        return tf.reduce_sum(tf.stack([*right, weight]), axis=1)

    return measure


def _own_tokens(task: Any, source_ids: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """The most probable token `(B, T)` at each step after those before it; 0 behind the end."""
    rows = tf.shape(source_ids)[0]
    state, memory = task.decoder.start(task.encode(source_ids), rows, steps)
    decoder_step = task.decoder.stepper()

    def advance(before, _):
        state, token_ids = before
        hidden, state = decoder_step(task.known(token_ids), state, memory)
        best = task.head.decide(task.head(hidden, reads=(alignment_of(state), source_ids)))
        has_ended = (token_ids == Tokenizer.end_id) | (token_ids == Tokenizer.pad_id)
        return state, tf.where(has_ended, Tokenizer.pad_id, best)

    start = tf.fill([rows], Tokenizer.start_id)
    _, token_ids = tf.scan(advance, tf.range(steps), (state, start))
    return tf.transpose(token_ids)


def plot_exposure_bias(
    biases: Mapping[str, ExposureBias], path: str | Path | None = None, least: int = 1
) -> Figure:
    """Draws the share of right tokens by position, after gold prefixes and after own ones.

    Args:
        biases: What was measured, by the name of the model: before scheduled sampling and after.
        path: File to write; None writes none.
        least: Positive int, the targets that a position must have to be drawn.

    Returns:
        The figure, which is no part of pyplot's state.
    """
    names, families = readable_labels(list(biases), 80)
    legend = [
        f"{name}, {prefixes} prefixes ({share:.3f})"
        for name, bias in zip(names, biases.values(), strict=True)
        for prefixes, share in (("gold", bias.gold), ("own", bias.own))
    ]
    title = "Exposure bias: right tokens after gold and after own prefixes"
    figure, axes = line_figure(legend, families, title)
    for index, bias in enumerate(biases.values()):
        drawn = bias.counts >= least
        positions = 1 + np.flatnonzero(drawn)
        style: dict[str, Any] = {"color": f"C{index}", "marker": "."}
        gold, own = legend[2 * index : 2 * index + 2]
        axes.plot(positions, bias.gold_by_place[drawn], "-", label=gold, **style)
        axes.plot(positions, bias.own_by_place[drawn], "--", label=own, **style)
    axes.set_xlabel("position of the token in its target")
    axes.set_ylabel("share of right tokens")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    add_legend(axes, families)
    if path is not None:
        save(figure, path)
    return figure
