"""Scores of texts against one or more references each; BLEU and chrF are sacrebleu's, to the digit.

The references of a hypothesis are a text, or a list of texts of which each is right.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sacrebleu.metrics import BLEU

References = Sequence[str | Sequence[str]]
"""For each hypothesis its reference, or several."""


def bleu(
    hypotheses: Sequence[str],
    references: References,
    lowercase: bool = False,
    tokenize: str = "13a",
) -> float:
    """Returns the BLEU of a corpus, from 0 to 100.

    Args:
        hypotheses: Texts to score, detokenised.
        references: One or more for each hypothesis, detokenised.
        lowercase: Whether upper and lower case count as equal.
        tokenize: One of sacrebleu's tokenizers, such as `"13a"`, `"intl"`, `"zh"` or `"char"`.

    Raises:
        ValueError: if there is nothing to score, the numbers of hypotheses and references differ,
            or sacrebleu does not know the tokenizer.
    Reference: Post, 2018, https://aclanthology.org/W18-6319

    Example:
        >>> round(sz.metrics.bleu(["the cat sat on a mat"], ["the cat sat on the mat"]), 1)
        53.7
    """
    listed = listed_references(hypotheses, references)
    return _bleu(lowercase, tokenize).corpus_score(hypotheses, _streams(listed)).score


def bleu_signature(lowercase: bool = False, tokenize: str = "13a") -> str:
    """Returns sacrebleu's signature of these settings, to be published beside the score.

    Example:
        >>> sz.metrics.bleu_signature().rpartition("|")[0]
        'nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp'
    """
    metric = _bleu(lowercase, tokenize)
    metric.corpus_score([""], [[""]])  # the signature holds the number of references seen
    return str(metric.get_signature())


def chrf(hypotheses: Sequence[str], references: References) -> float:
    """Returns the chrF2 (character 6-grams) of a corpus, from 0 to 100.

    Args:
        hypotheses: Texts to score, detokenised.
        references: One or more for each hypothesis, detokenised.

    Raises:
        ValueError: if there is nothing to score or the numbers differ.
    Reference: Popović, 2015, https://aclanthology.org/W15-3049

    Example:
        >>> round(sz.metrics.chrf(["the cat sat on a mat"], ["the cat sat on the mat"]), 1)
        66.0
    """
    from sacrebleu.metrics import CHRF

    listed = listed_references(hypotheses, references)
    return CHRF().corpus_score(hypotheses, _streams(listed)).score


def chrf_signature() -> str:
    """Returns sacrebleu's signature of `chrf`, to be published beside the score.

    Example:
        >>> sz.metrics.chrf_signature().rpartition("|")[0]
        'nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no'
    """
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    metric.corpus_score([""], [[""]])
    return str(metric.get_signature())


def exact_match(hypotheses: Sequence[str], references: References) -> float:
    """Returns the share of hypotheses that equal a reference of theirs, from 0 to 1.

    Texts are equal in the Unicode normal form NFC.

    Args:
        hypotheses: Texts to score.
        references: One or more for each hypothesis.

    Raises:
        ValueError: if there is nothing to score or the numbers differ.

    Example:
        >>> sz.metrics.exact_match(["2026-11-29", "2026-11-30"], ["2026-11-29", "2026-12-01"])
        0.5
    """
    listed = listed_references(hypotheses, references)
    right = [
        _composed(text) in map(_composed, known)
        for text, known in zip(hypotheses, listed, strict=True)
    ]
    return sum(right) / len(right)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _bleu(lowercase: bool, tokenize: str) -> BLEU:
    from sacrebleu.metrics import BLEU

    if tokenize not in BLEU.TOKENIZERS:
        raise ValueError(
            f"Unknown tokenizer {tokenize!r}. Known to sacrebleu: "
            f"{', '.join(sorted(BLEU.TOKENIZERS))}."
        )
    return BLEU(lowercase=lowercase, tokenize=tokenize)


def _streams(listed: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """As sacrebleu takes them: the first reference of each, the second …, None where is none."""
    most = max(map(len, listed))
    return [[each[i] if i < len(each) else None for each in listed] for i in range(most)]


def listed_references(hypotheses: Sequence[str], references: References) -> list[list[str]]:
    """Returns the references of each hypothesis as a list.

    Raises:
        ValueError: if there is nothing to score, the numbers differ, or one has no reference.
    """
    if isinstance(hypotheses, str) or isinstance(references, str):
        raise ValueError(
            "`hypotheses` and `references` must be lists of texts. Received: a single text. "
            "Put it in a list."
        )
    if len(hypotheses) != len(references):
        raise ValueError(
            "Each hypothesis must have its reference or a list of them. Received: "
            f"{len(hypotheses)} hypotheses and {len(references)} references."
        )
    if not len(references):
        raise ValueError("There must be at least one text to score. Received: none.")
    listed = [
        [each] if isinstance(each, str) or not isinstance(each, Iterable) else list(each)
        for each in references
    ]
    for index, each in enumerate(listed):
        if not each or not all(isinstance(text, str) for text in each):
            raise ValueError(
                "Each hypothesis must have a reference, or a list of texts. Received: "
                f"{references[index]!r} at index {index}."
            )
    return listed
