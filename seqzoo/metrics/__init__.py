"""Scores by name (over sacrebleu, scikit-learn and seqeval) and Keras metrics of tokens."""

from typing import TYPE_CHECKING

from seqzoo.metrics.classes import accuracy, macro_f1, micro_f1
from seqzoo.metrics.entities import (
    entity_f1,
    entity_precision,
    entity_recall,
    tag_accuracy,
)
from seqzoo.metrics.text import bleu, bleu_signature, chrf, chrf_signature, exact_match

if TYPE_CHECKING:
    from seqzoo.metrics.tokens import BitsPerCharacter, Perplexity, TokenAccuracy

METRICS = {
    "bleu": bleu,
    "chrf": chrf,
    "exact_match": exact_match,
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "micro_f1": micro_f1,
    "entity_f1": entity_f1,
    "entity_precision": entity_precision,
    "entity_recall": entity_recall,
    "tag_accuracy": tag_accuracy,
}

__all__ = [
    "METRICS",
    "accuracy",
    "macro_f1",
    "micro_f1",
    "entity_f1",
    "entity_precision",
    "entity_recall",
    "tag_accuracy",
    "bleu",
    "bleu_signature",
    "chrf",
    "chrf_signature",
    "exact_match",
    "TokenAccuracy",
    "Perplexity",
    "BitsPerCharacter",
]


def __getattr__(name: str):
    """Imports the Keras metrics when they are used: scoring texts needs no Keras."""
    if name in ("TokenAccuracy", "Perplexity", "BitsPerCharacter"):
        from seqzoo.metrics import tokens

        return getattr(tokens, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
