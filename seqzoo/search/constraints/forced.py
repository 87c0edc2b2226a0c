"""Tokens that must be said."""

from dataclasses import dataclass

from keras import ops

from seqzoo.ops.decoding.log_probs import LogProbs, only
from seqzoo.search.constraints.constraint import Limits, Written


@dataclass(frozen=True)
class ForcedEnd:
    """A sequence that reaches its greatest length ends there with the end token."""

    def check(self, limits: Limits) -> None:
        for other in limits.constraints:
            banned = (
                getattr(other, "token_ids", ()) if type(other).__name__ == "BannedTokens" else ()
            )
            if limits.end_id in banned:
                raise ValueError(
                    "`constraints` contradict each other: ForcedEnd forces the end token "
                    f"{limits.end_id}, and BannedTokens bans it. Leave one of them out."
                )

    def __call__(self, log_probs: LogProbs, written: Written) -> LogProbs:
        last = written.length + 1 >= written.most
        ends = ops.full_like(written.length, written.end_id)

        def force():
            return only(log_probs, ends, last).logits

        return log_probs._replace(logits=ops.cond(ops.any(last), force, lambda: log_probs.logits))
