"""Tokens and phrases that are not to be said."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops

from seqzoo.ops.decoding.log_probs import LogProbs
from seqzoo.ops.gather import pick_in_rows
from seqzoo.search.constraints.changes import Bans, banned, no_bans
from seqzoo.search.constraints.constraint import Limits, Written, check_token_ids


def _for_each_row(token_ids: Any, written: Written) -> Any:
    row = ops.expand_dims(ops.zeros_like(written.length), 1)
    return row + ops.convert_to_tensor(np.array(token_ids, "int32").reshape(1, -1))


@dataclass(frozen=True)
class BannedTokens:
    """Tokens that are never said.

    Args:
        token_ids: Ids; at a task also texts of one token each.
    """

    token_ids: tuple[int | str, ...]

    def check(self, limits: Limits) -> None:
        check_token_ids("BannedTokens.token_ids", self.token_ids, limits)

    def bans(self, written: Written) -> Bans:
        """Which tokens may not come next."""
        token_ids = _for_each_row(self.token_ids, written)
        return Bans(token_ids, ops.ones_like(token_ids, dtype="bool"))

    def __call__(self, log_probs: LogProbs, written: Written) -> LogProbs:
        return banned(log_probs, self.bans(written))


@dataclass(frozen=True)
class SuppressedAtStart:
    """Tokens that are not said first, such as the end token or a space.

    Args:
        token_ids: Ids; at a task also texts of one token each.
    """

    token_ids: tuple[int | str, ...]

    def check(self, limits: Limits) -> None:
        check_token_ids("SuppressedAtStart.token_ids", self.token_ids, limits)

    def bans(self, written: Written) -> Bans:
        """Which tokens may not come next."""
        token_ids = _for_each_row(self.token_ids, written)
        return Bans(token_ids, ops.expand_dims(written.length == 0, 1) & (token_ids >= 0))

    def __call__(self, log_probs: LogProbs, written: Written) -> LogProbs:
        return banned(log_probs, self.bans(written))


@dataclass(frozen=True)
class BannedPhrases:
    """Sequences of tokens that are never said: their last token is not, after the others.

    Args:
        phrases: Tuples of ids; at a task also texts.
    """

    phrases: tuple[tuple[int, ...] | str, ...]

    def check(self, limits: Limits) -> None:
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
                    f"never be said. Received: {len(phrase)} tokens, "
                    f"max_length={limits.max_length}."
                )
            check_token_ids("BannedPhrases.phrases", phrase, limits)

    def bans(self, written: Written) -> Bans:
        """Which tokens may not come next."""
        if not self.phrases:
            return no_bans(written)
        longest = max(map(len, self.phrases))
        table = np.full((len(self.phrases), longest), -2, "int32")  # -2: any token, or none
        for row, phrase in zip(table, self.phrases, strict=True):
            row[longest - len(phrase) :] = phrase
        last, before = table[:, -1], table[:, :-1]
        said = last_tokens(written, longest - 1)  # (N, L)
        fits = ops.equal(said[:, None, :], ops.convert_to_tensor(before)) | (before == -2)
        return Bans(_for_each_row(last, written), ops.all(fits, axis=2))

    def __call__(self, log_probs: LogProbs, written: Written) -> LogProbs:
        return banned(log_probs, self.bans(written))


def last_tokens(written: Written, count: int) -> Any:
    """The last tokens `(N, count)`, in their order; -1 where there are fewer."""
    behind = ops.expand_dims(written.length, 1) - count + ops.arange(count, dtype="int32")
    tokens = pick_in_rows(written.token_ids, ops.maximum(behind, 0))
    return ops.where(behind >= 0, tokens, -1)
