"""Tokens and phrases that are not to be generated."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from seqzoo.ops.decoding.log_probs import LogProbs
from seqzoo.ops.gather import pick_in_rows
from seqzoo.search.constraints.changes import Bans, banned, no_bans
from seqzoo.search.constraints.constraint import GeneratedTokens, SearchLimits, check_token_ids


def _for_each_row(token_ids: Any, generated: GeneratedTokens) -> Any:
    row = ops.expand_dims(ops.zeros_like(generated.length), 1)
    return row + ops.convert_to_tensor(np.array(token_ids, "int32").reshape(1, -1))


@dataclass(frozen=True)
class BannedTokens:
    """Tokens that are never generated.

    Args:
        token_ids: Ids; at a task also texts of one token each.
    """

    token_ids: tuple[int | str, ...]

    def check(self, limits: SearchLimits) -> None:
        check_token_ids("BannedTokens.token_ids", self.token_ids, limits)

    def bans(self, generated: GeneratedTokens) -> Bans:
        """Which tokens may not come next."""
        token_ids = _for_each_row(self.token_ids, generated)
        return Bans(token_ids, ops.ones_like(token_ids, dtype="bool"))

    def __call__(self, log_probs: LogProbs, generated: GeneratedTokens) -> LogProbs:
        return banned(log_probs, self.bans(generated))


@dataclass(frozen=True)
class SuppressedAtStart:
    """Tokens that do not come first, such as the end token or a space.

    Args:
        token_ids: Ids; at a task also texts of one token each.
    """

    token_ids: tuple[int | str, ...]

    def check(self, limits: SearchLimits) -> None:
        check_token_ids("SuppressedAtStart.token_ids", self.token_ids, limits)

    def bans(self, generated: GeneratedTokens) -> Bans:
        """Which tokens may not come next."""
        token_ids = _for_each_row(self.token_ids, generated)
        return Bans(token_ids, ops.expand_dims(generated.length == 0, 1) & (token_ids >= 0))

    def __call__(self, log_probs: LogProbs, generated: GeneratedTokens) -> LogProbs:
        return banned(log_probs, self.bans(generated))


@dataclass(frozen=True)
class BannedPhrases:
    """Sequences of tokens that never come: their last token does not, after the others.

    Args:
        phrases: Tuples of ids; at a task also texts.
    """

    phrases: tuple[tuple[int, ...] | str, ...]

    def check(self, limits: SearchLimits) -> None:
        for phrase in self.phrases:
            if isinstance(phrase, str):
                check_token_ids("BannedPhrases.phrases", [phrase], limits)
            if not phrase:
                raise ValueError(
                    "`BannedPhrases.phrases` must hold at least one token each. Received: an "
                    "empty phrase."
                )
            if len(phrase) > limits.max_length:
                raise ValueError(
                    "`BannedPhrases.phrases` must be at most `max_length` long, or they could "
                    f"never come. Received: {len(phrase)} tokens, "
                    f"max_length={limits.max_length}."
                )
            check_token_ids("BannedPhrases.phrases", phrase, limits)

    def bans(self, generated: GeneratedTokens) -> Bans:
        """Which tokens may not come next."""
        if not self.phrases:
            return no_bans(generated)
        longest = max(map(len, self.phrases))
        table = np.full((len(self.phrases), longest), -2, "int32")  # -2: any token, or none
        for row, phrase in zip(table, self.phrases, strict=True):
            row[longest - len(phrase) :] = phrase
        last, before = table[:, -1], table[:, :-1]
        previous = last_tokens(generated, longest - 1)  # (N, L)
        fits = ops.equal(previous[:, None, :], ops.convert_to_tensor(before)) | (before == -2)
        return Bans(_for_each_row(last, generated), ops.all(fits, axis=2))

    def __call__(self, log_probs: LogProbs, generated: GeneratedTokens) -> LogProbs:
        return banned(log_probs, self.bans(generated))


def last_tokens(generated: GeneratedTokens, count: int) -> Any:
    """The last tokens `(N, count)`, in their order; -1 where there are fewer."""
    behind = ops.expand_dims(generated.length, 1) - count + ops.arange(count, dtype="int32")
    tokens = pick_in_rows(generated.token_ids, ops.maximum(behind, 0))
    return ops.where(behind >= 0, tokens, -1)
