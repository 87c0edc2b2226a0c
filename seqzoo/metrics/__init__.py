"""Scores by name (over sacrebleu, scikit-learn and seqeval) and Keras metrics of tokens, notes."""

from functools import partial
from typing import TYPE_CHECKING

from seqzoo.metrics.captions import (
    caption_bleu,
    caption_tokens,
    cider_d,
    cider_d_each,
    rouge_l,
)
from seqzoo.metrics.classes import accuracy, macro_f1, matthews_correlation, micro_f1
from seqzoo.metrics.entities import (
    entity_f1,
    entity_precision,
    entity_recall,
    tag_accuracy,
)
from seqzoo.metrics.error_rates import rouge, word_error_rate
from seqzoo.metrics.forecasts import (
    coverage,
    mae,
    mase,
    mse,
    msis,
    owa,
    seasonal_errors,
    smape,
    weighted_quantile_loss,
)
from seqzoo.metrics.naive2 import is_seasonal, naive2, seasonal_indices
from seqzoo.metrics.residues import UNKNOWN_TAG, residue_accuracy
from seqzoo.metrics.skill_tests import (
    Interval,
    TestResult,
    deflated_sharpe_ratio,
    diebold_mariano,
    out_of_sample_r2,
    sharpe_ratio,
    wilson_interval,
)
from seqzoo.metrics.text import bleu, bleu_signature, chrf, chrf_signature, exact_match

if TYPE_CHECKING:
    from seqzoo.metrics.key_f1 import KeyF1
    from seqzoo.metrics.tokens import BitsPerCharacter, Perplexity, TokenAccuracy

METRICS = {
    "bleu": bleu,
    "chrf": chrf,
    "exact_match": exact_match,
    "word_error_rate": word_error_rate,
    "rouge_1": rouge(1),
    "rouge_2": rouge(2),
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "micro_f1": micro_f1,
    "entity_f1": entity_f1,
    "entity_precision": entity_precision,
    "entity_recall": entity_recall,
    "tag_accuracy": tag_accuracy,
    "matthews_correlation": matthews_correlation,
    "residue_accuracy": residue_accuracy,
}
"""Scores of outputs against their references by name; those of texts take several for each."""

CAPTION_METRICS = {f"bleu_{order}": partial(caption_bleu, order=order) for order in (1, 2, 3, 4)}
CAPTION_METRICS |= {"rouge_l": rouge_l, "cider_d": cider_d}
"""Scores of texts against several references each, by name."""

__all__ = [
    "CAPTION_METRICS",
    "METRICS",
    "UNKNOWN_TAG",
    "Interval",
    "matthews_correlation",
    "residue_accuracy",
    "TestResult",
    "deflated_sharpe_ratio",
    "diebold_mariano",
    "out_of_sample_r2",
    "sharpe_ratio",
    "wilson_interval",
    "coverage",
    "is_seasonal",
    "naive2",
    "seasonal_indices",
    "mae",
    "mase",
    "mse",
    "msis",
    "owa",
    "seasonal_errors",
    "smape",
    "weighted_quantile_loss",
    "caption_bleu",
    "caption_tokens",
    "cider_d",
    "cider_d_each",
    "rouge_l",
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
    "rouge",
    "word_error_rate",
    "TokenAccuracy",
    "Perplexity",
    "BitsPerCharacter",
    "KeyF1",
]


def __getattr__(name: str):
    """Imports the Keras metrics when they are used: scoring texts needs no Keras."""
    if name in ("TokenAccuracy", "Perplexity", "BitsPerCharacter"):
        from seqzoo.metrics import tokens

        return getattr(tokens, name)
    if name == "KeyF1":
        from seqzoo.metrics.key_f1 import KeyF1

        return KeyF1
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
