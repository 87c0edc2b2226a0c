"""A language model of n-grams with interpolated Kneser-Ney smoothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

_MOST_NUMBERS = 2**62  # of n-grams that an int64 tells apart
_LONGEST = 5
_MOST_TOKENS = 5_000_000  # that are learned from


class _Order(NamedTuple):
    """The n-grams of one length: sorted keys and their counts, and what is known of contexts."""

    keys: np.ndarray
    counts: np.ndarray
    discount: float
    contexts: np.ndarray
    totals: np.ndarray  # counts of each context's continuations, summed up
    kinds: np.ndarray  # different continuations of each context


class NGrams:
    """Interpolated Kneser-Ney, of one discount for each length, over the tokens of a task.

    p(w | h) = max(c(h w) - D, 0) / c(h) + D * N(h) / c(h) * p(w | h without its first token), where
    N counts the different continuations, and c, but for the longest n-grams, in how many different
    contexts an n-gram stands. Below single tokens stands the uniform distribution.

    Args:
        text: The preprocessor of a language model.
        texts: To learn from.
        length: Tokens of the longest n-grams; None is 5, or as many as fit into 62 bits.

    Reference: Chen and Goodman, 1998, An empirical study of smoothing techniques for language
    modeling, section 3; Kneser and Ney, 1995.
    """

    name = "n-grams with Kneser-Ney smoothing"

    def __init__(self, text: Any, texts: Sequence[str], length: int | None = None):
        self._text, self._base = text, text.target.vocabulary_size
        fits = int(math.log(_MOST_NUMBERS, self._base))
        self._length = max(1, min(_LONGEST, fits) if length is None else length)
        tokens = self._tokens(texts)[-_MOST_TOKENS:]
        grams = self._grams(tokens)
        self._orders: list[_Order] = []
        keys, counts = np.unique(grams, return_counts=True)
        for order in range(self._length, 0, -1):
            self._orders.insert(0, self._count(keys, counts))
            # In how many contexts each shorter n-gram stands.
            keys, counts = np.unique(keys % self._base ** (order - 1), return_counts=True)

    def _tokens(self, texts: Sequence[str]) -> np.ndarray:
        return np.asarray(self._text.stream(texts).token_ids, np.int64)

    def _grams(self, tokens: np.ndarray) -> np.ndarray:
        """Returns for each token the key of the longest n-gram that it ends."""
        padded = np.concatenate([np.full(self._length - 1, self._text.first_id, np.int64), tokens])
        keys = np.zeros(len(tokens), np.int64)
        for place in range(self._length):
            keys = keys * self._base + padded[place : place + len(tokens)]
        return keys

    def _count(self, keys: np.ndarray, counts: np.ndarray) -> _Order:
        once, twice = np.sum(counts == 1), np.sum(counts == 2)
        discount = once / (once + 2 * twice) if once else 0.5
        contexts, starts = np.unique(keys // self._base, return_index=True)
        totals = np.add.reduceat(counts, starts)
        kinds = np.diff([*starts, len(keys)])
        return _Order(keys, counts, float(discount), contexts, totals, kinds)

    def log_probs(self, texts: Sequence[str]) -> np.ndarray:
        """Returns the log-prob of each token of texts in a row, in nats."""
        grams = self._grams(self._tokens(texts))
        probs = np.full(len(grams), 1.0 / self._base)
        for number, order in enumerate(self._orders, start=1):
            keys = grams % self._base**number if number < self._length else grams
            counts = _looked_up(order.keys, order.counts, keys)
            totals = _looked_up(order.contexts, order.totals, keys // self._base)
            kinds = _looked_up(order.contexts, order.kinds, keys // self._base)
            known = np.maximum(totals, 1)
            mixed = np.maximum(counts - order.discount, 0) / known
            mixed += order.discount * kinds / known * probs
            probs = np.where(totals > 0, mixed, probs)
        return np.log(probs)

    def scores(self, texts: Sequence[str]) -> dict[str, float]:
        """Returns the mean loss of a token, in nats, and the perplexity."""
        loss = -float(self.log_probs(texts).mean())
        return {"loss": loss, "perplexity": math.exp(loss)}


def _looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns the values of keys, which are sorted; 0 of those that are not there."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)
