"""How probable a model holds given targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import as_strings


class Scored(NamedTuple):
    """A target under a model.

    Attributes:
        score: The sum of the log-probs, in nats.
        tokens: Readable tokens, the end token included.
        token_log_probs: Float array `(T,)`, one for each token.
    """

    score: float
    tokens: list[str]
    token_log_probs: np.ndarray


def score_pairs(task: Any, pairs: Sequence[tuple[Any, str]], batch_size: int) -> list[Scored]:
    """Scores targets by teacher forcing; see `GenerationTask.score`."""
    pairs = list(pairs)
    for place, pair in enumerate(pairs):
        if isinstance(pair, (str, bytes)) or len(pair) != 2:
            raise ValueError(
                "`score` wants a list of pairs of an input and its target. Received "
                f"{pair!r} at place {place}."
            )
    lengths = [len(pair[0]) + len(pair[1]) for pair in pairs]
    order = np.argsort(lengths, kind="stable")  # so that a batch has little padding
    found: list[Any] = [None] * len(pairs)
    run = _scorer(task)
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        inputs, targets = zip(*(pairs[place] for place in places), strict=True)
        batch = run(as_strings(list(inputs)), as_strings(list(targets)))
        rows = zip(*(part.numpy() for part in batch), strict=True)
        for place, row in zip(places, rows, strict=True):
            found[place] = _scored(*row)
    return found


def _scorer(task: Any):
    signature = [tf.TensorSpec([None], tf.string)] * 2

    @tf.function(input_signature=signature, autograph=False)
    def run(inputs, targets):
        x, y, weight = task.preprocessor(inputs, targets)
        log_probs = tf.gather(task.head.readout(task(x)), y, batch_dims=2)
        return log_probs, task.preprocessor.target_tokens(y), weight

    return run


def _scored(log_probs: np.ndarray, tokens: np.ndarray, weight: np.ndarray) -> Scored:
    real = weight > 0
    readable = [token.decode("utf-8") for token in tokens[real]]
    return Scored(float(log_probs[real].sum(dtype="float64")), readable, log_probs[real])
