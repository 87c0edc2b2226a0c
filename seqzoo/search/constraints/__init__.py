"""Constraints: what a search may generate, whatever the model would."""

from seqzoo.search.constraints.banned import BannedPhrases, BannedTokens, SuppressedAtStart
from seqzoo.search.constraints.constraint import Constraint, GeneratedTokens
from seqzoo.search.constraints.forced import ForcedEnd
from seqzoo.search.constraints.repetition import (
    FrequencyPenalty,
    NoRepeatNGram,
    RepetitionPenalty,
)

CONSTRAINTS: dict[str, type] = {
    "no_repeat_ngram": NoRepeatNGram,
    "repetition_penalty": RepetitionPenalty,
    "frequency_penalty": FrequencyPenalty,
    "banned_tokens": BannedTokens,
    "banned_phrases": BannedPhrases,
    "suppressed_at_start": SuppressedAtStart,
    "forced_end": ForcedEnd,
}
"""The constraints by name."""

Written = GeneratedTokens  # the name of version 0.1

__all__ = [
    "CONSTRAINTS",
    "BannedPhrases",
    "BannedTokens",
    "Constraint",
    "ForcedEnd",
    "FrequencyPenalty",
    "GeneratedTokens",
    "NoRepeatNGram",
    "RepetitionPenalty",
    "SuppressedAtStart",
]
