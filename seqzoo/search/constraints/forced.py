"""Tokens that must come."""

from dataclasses import dataclass

from keras import ops

from seqzoo.ops.decoding.log_probs import LogProbs, only
from seqzoo.search.constraints.constraint import GeneratedTokens, SearchLimits


@dataclass(frozen=True)
class ForcedEnd:
    """A sequence that reaches its greatest length ends there with the end token."""

    def check(self, limits: SearchLimits) -> None:
        for other in limits.constraints:
            banned = (
                getattr(other, "token_ids", ()) if type(other).__name__ == "BannedTokens" else ()
            )
            if limits.end_id in banned:
                raise ValueError(
                    "`constraints` contradict each other: ForcedEnd forces the end token "
                    f"{limits.end_id}, and BannedTokens bans it. Leave one of them out."
                )

    def __call__(self, log_probs: LogProbs, generated: GeneratedTokens) -> LogProbs:
        last = generated.length + 1 >= generated.max_length
        ends = ops.full_like(generated.length, generated.end_id)

        def force():
            return only(log_probs, ends, last).logits

        return log_probs._replace(logits=ops.cond(ops.any(last), force, lambda: log_probs.logits))
