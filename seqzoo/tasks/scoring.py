"""Log-probabilities of given targets under a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import raw_texts
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.request import batches_of_like_length, read_inputs, tokenise_in_chunks
from seqzoo.tasks.search_completion import target_ids


class Scored(NamedTuple):
    """A target under a model.

    Attributes:
        score: The sum of the log-probs, in nats.
        tokens: Readable tokens, the end token included.
        token_log_probs: Float array `(T,)`, one for each token.

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> scored = sz.zoo.gu_2023(text, units=8, layers=1).score(["ab"])[0]
        >>> scored.tokens
        ['a', 'b', '<end>']
    """

    score: float
    tokens: list[str]
    token_log_probs: np.ndarray


def score_pairs(task: Any, pairs: Sequence[tuple[Any, str]], batch_size: int) -> list[Scored]:
    """Scores whole targets by teacher forcing; see `GenerationTask.score`."""
    pairs = list(pairs)
    for index, pair in enumerate(pairs):
        if isinstance(pair, (str, bytes)) or len(pair) != 2:
            raise ValueError(
                "`score` needs a list of pairs of an input and its target. Received "
                f"{pair!r} at index {index}."
            )
    if not pairs:
        return []
    preprocessor = task.preprocessor
    raw = preprocessor.as_raw([source for source, _ in pairs])
    lengths, sources = read_inputs(preprocessor, raw)
    texts = raw_texts([target for _, target in pairs])
    given = (texts, raw) if hasattr(preprocessor, "target_ids") else (texts,)
    target_lengths, targets = tokenise_in_chunks(_whole_targets(preprocessor), *given)
    scored: list[Any] = [None] * len(pairs)
    run = tf.function(_scorer(task), autograph=False, reduce_retracing=True)
    for indices in batches_of_like_length(lengths + target_lengths, batch_size):
        if sources is None:
            inputs = preprocessor.prepare(tf.gather(raw, indices))
        else:
            inputs = preprocessor.pack_inputs(tf.gather(sources, indices))
        words = () if len(given) == 1 else task.copied_words(tf.gather(raw, indices), whole=True)
        batch = run(inputs, tf.gather(targets, indices).to_tensor(), *words)
        rows = zip(*(part.numpy() for part in batch), strict=True)
        for index, length, row in zip(indices, target_lengths[indices], rows, strict=True):
            scored[index] = _scored(*(part[:length] for part in row))
    return scored


def _whole_targets(preprocessor: Any) -> Any:
    """A function that makes ids `(B, None)` of targets; the preprocessor would cut them."""

    def encode(texts, raw=None):
        ids = target_ids(preprocessor, raw, texts)
        return tf.concat([ids, tf.fill([ids.nrows(), 1], Tokenizer.end_id)], axis=1)

    return encode


def _scorer(task: Any):
    def run(inputs, y, *words):
        starts = tf.fill([tf.shape(y)[0], 1], Tokenizer.start_id)
        shifted = tf.where(y == 0, 0, tf.concat([starts, y[:, :-1]], axis=1))
        if not isinstance(inputs, dict) or hasattr(task.preprocessor, "source"):
            inputs = {"source_ids": inputs}  # also those of a graph; others have their names
        log_probs = task.head.readout(task(inputs | {"target_ids": shifted}))
        return tf.gather(log_probs, y, batch_dims=2), task.preprocessor.target_tokens(y, *words)

    return run


def _scored(log_probs: np.ndarray, tokens: np.ndarray) -> Scored:
    readable = [token.decode("utf-8") for token in tokens]
    return Scored(float(log_probs.sum(dtype="float64")), readable, log_probs)
