"""Constraints against repetition."""

from dataclasses import dataclass
from typing import Any

from keras import ops

from seqzoo.ops.decoding.log_probs import LogProbs, values_of, with_values
from seqzoo.search.constraints.banned import last_tokens
from seqzoo.search.constraints.changes import Bans, Changes, banned, no_bans
from seqzoo.search.constraints.constraint import GeneratedTokens, SearchLimits
from seqzoo.search.options import check_at_least


def _tokens_so_far(generated: GeneratedTokens) -> tuple[Any, Any]:
    """The tokens so far `(N, T)`, and which of these positions are filled."""
    return ops.maximum(generated.token_ids, 0), generated.token_ids >= 0


@dataclass(frozen=True)
class NoRepeatNGram:
    """No n tokens in a row come twice.

    Args:
        n: Positive int. 1 lets no token come twice.

    Reference: Paulus et al., 2018, section 2.5, https://arxiv.org/abs/1705.04304
    """

    n: int

    def check(self, limits: SearchLimits) -> None:
        check_at_least("NoRepeatNGram.n", self.n, 1)

    def bans(self, generated: GeneratedTokens) -> Bans:
        """Which tokens may not come next."""
        tokens, real = _tokens_so_far(generated)
        starts = tokens.shape[1] - self.n + 1  # positions where an n-gram can begin
        if starts < 1:
            return no_bans(generated)
        before = last_tokens(generated, self.n - 1)
        again = real[:, self.n - 1 :]
        for i in range(self.n - 1):
            same = ops.equal(tokens[:, i : i + starts], before[:, i : i + 1])
            again = again & same
        again = again & ops.expand_dims(generated.length >= self.n - 1, 1)
        return Bans(tokens[:, self.n - 1 :], again)

    def __call__(self, log_probs: LogProbs, generated: GeneratedTokens) -> LogProbs:
        return banned(log_probs, self.bans(generated))


@dataclass(frozen=True)
class RepetitionPenalty:
    """Multiplies the log-prob of each token that was generated, once.

    Args:
        penalty: Float, at least 1, which changes nothing; 2 squares the probability.

    Reference: Keskar et al., 2019, section 4.1, https://arxiv.org/abs/1909.05858
    Differs from the paper: it is applied to log-probs, not to logits, and so never depends on a
    constant that a model may add to all of these.
    """

    penalty: float

    def check(self, limits: SearchLimits) -> None:
        check_at_least("RepetitionPenalty.penalty", self.penalty, 1)

    def changes(self, log_probs: LogProbs, generated: GeneratedTokens) -> Changes:
        """Which log-probs it changes."""
        tokens, real = _tokens_so_far(generated)
        return Changes(tokens, real, self.penalty * values_of(log_probs, tokens))

    def __call__(self, log_probs: LogProbs, generated: GeneratedTokens) -> LogProbs:
        return with_values(log_probs, *self.changes(log_probs, generated))


@dataclass(frozen=True)
class FrequencyPenalty:
    """Lowers the log-prob of each token by how often it was generated.

    Args:
        frequency: Float, at least 0, in nats for each time.
        presence: Float, at least 0, in nats once for all times.

    Reference: https://platform.openai.com/docs/api-reference/chat, `frequency_penalty` and
    `presence_penalty`
    """

    frequency: float
    presence: float = 0.0

    def check(self, limits: SearchLimits) -> None:
        check_at_least("FrequencyPenalty.frequency", self.frequency, 0)
        check_at_least("FrequencyPenalty.presence", self.presence, 0)

    def changes(self, log_probs: LogProbs, generated: GeneratedTokens) -> Changes:
        """Which log-probs it changes."""
        tokens, real = _tokens_so_far(generated)
        same = ops.equal(generated.token_ids[:, :, None], generated.token_ids[:, None, :])
        times = ops.sum(ops.cast(same, "float32"), axis=2)
        values = values_of(log_probs, tokens) - self.frequency * times - self.presence
        return Changes(tokens, real, values)

    def __call__(self, log_probs: LogProbs, generated: GeneratedTokens) -> LogProbs:
        return with_values(log_probs, *self.changes(log_probs, generated))
