"""Constraints against saying the same again."""

from dataclasses import dataclass
from typing import Any

from keras import ops

from seqzoo.ops.decoding.log_probs import LogProbs, values_of, with_values
from seqzoo.search.constraints.banned import last_tokens
from seqzoo.search.constraints.changes import Bans, Changes, banned, no_bans
from seqzoo.search.constraints.constraint import Limits, Written
from seqzoo.search.options import check_at_least


def _said(written: Written) -> tuple[Any, Any]:
    """The tokens so far `(N, T)`, and which of these places are filled."""
    return ops.maximum(written.token_ids, 0), written.token_ids >= 0


@dataclass(frozen=True)
class NoRepeatNGram:
    """No n tokens in a row are said twice.

    Args:
        n: Positive int. 1 lets no token come twice.

    Reference: Paulus et al., 2018, section 2.5, https://arxiv.org/abs/1705.04304
    """

    n: int

    def check(self, limits: Limits) -> None:
        check_at_least("NoRepeatNGram.n", self.n, 1)

    def bans(self, written: Written) -> Bans:
        """Which tokens may not come next."""
        tokens, real = _said(written)
        room = tokens.shape[1] - self.n + 1  # places where an n-gram can begin
        if room < 1:
            return no_bans(written)
        before = last_tokens(written, self.n - 1)
        again = real[:, self.n - 1 :]
        for place in range(self.n - 1):
            same = ops.equal(tokens[:, place : place + room], before[:, place : place + 1])
            again = again & same
        again = again & ops.expand_dims(written.length >= self.n - 1, 1)
        return Bans(tokens[:, self.n - 1 :], again)

    def __call__(self, log_probs: LogProbs, written: Written) -> LogProbs:
        return banned(log_probs, self.bans(written))


@dataclass(frozen=True)
class RepetitionPenalty:
    """Multiplies the log-prob of each token that was said, once.

    Args:
        penalty: Float, at least 1, which changes nothing; 2 squares the probability.

    Reference: Keskar et al., 2019, section 4.1, https://arxiv.org/abs/1909.05858
    Differs from the paper: it is applied to log-probs, not to logits, and so never depends on a
    constant that a model may add to all of these.
    """

    penalty: float

    def check(self, limits: Limits) -> None:
        check_at_least("RepetitionPenalty.penalty", self.penalty, 1)

    def changes(self, log_probs: LogProbs, written: Written) -> Changes:
        """Which log-probs it changes."""
        tokens, real = _said(written)
        return Changes(tokens, real, self.penalty * values_of(log_probs, tokens))

    def __call__(self, log_probs: LogProbs, written: Written) -> LogProbs:
        return with_values(log_probs, *self.changes(log_probs, written))


@dataclass(frozen=True)
class FrequencyPenalty:
    """Lowers the log-prob of each token by how often it was said.

    Args:
        frequency: Float, at least 0, in nats for each time.
        presence: Float, at least 0, in nats once for all times.

    Reference: https://platform.openai.com/docs/api-reference/chat, `frequency_penalty` and
    `presence_penalty`
    """

    frequency: float
    presence: float = 0.0

    def check(self, limits: Limits) -> None:
        check_at_least("FrequencyPenalty.frequency", self.frequency, 0)
        check_at_least("FrequencyPenalty.presence", self.presence, 0)

    def changes(self, log_probs: LogProbs, written: Written) -> Changes:
        """Which log-probs it changes."""
        tokens, real = _said(written)
        same = ops.equal(written.token_ids[:, :, None], written.token_ids[:, None, :])
        times = ops.sum(ops.cast(same, "float32"), axis=2)
        values = values_of(log_probs, tokens) - self.frequency * times - self.presence
        return Changes(tokens, real, values)

    def __call__(self, log_probs: LogProbs, written: Written) -> LogProbs:
        return with_values(log_probs, *self.changes(log_probs, written))
