"""Scores of captions against several references each, without Java.

All take texts and tokenise them by `caption_tokens`: lower case, and words of letters and digits,
in which an apostrophe or a hyphen may stand; punctuation is dropped, as the tokenizer of the COCO
evaluation drops it. That one, from Stanford, also takes "don't" apart; these do not.

BLEU is sacrebleu's. ROUGE-L and CIDEr-D give what `pycocoevalcap` gives for the same tokens, to
1e-6; there is no maintained library of them that needs neither Java nor PyTorch. METEOR and SPICE
are left out: both need Java programs that nothing else equals.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_ORDERS = 4  # of n-grams
_SIGMA = 6.0  # words by which lengths may differ, in CIDEr-D
_BETA = 1.2  # by which recall counts more than precision, in ROUGE-L

References = Sequence[Sequence[str]]


def caption_tokens(text: str) -> list[str]:
    """Returns the words of a caption, in lower case and in the Unicode normal form NFC.

    Example:
        >>> sz.metrics.caption_tokens("A red dot, left of it.")
        ['a', 'red', 'dot', 'left', 'of', 'it']
    """
    # Python's `\w` has no combining marks: without the normal form a word would end at its accent.
    return _WORD.findall(unicodedata.normalize("NFC", text.lower()))


def caption_bleu(captions: Sequence[str], references: References, order: int = 4) -> float:
    """Returns the BLEU of a corpus with n-grams up to an order, from 0 to 100.

    The reference whose length is nearest counts for brevity; nothing is smoothed.

    Args:
        captions: Texts to score.
        references: For each, one or more references.
        order: From 1 to 4.

    Raises:
        ValueError: if there is nothing to score, or a caption has no reference.
    Reference: Papineni et al., 2002, https://aclanthology.org/P02-1040

    Example:
        >>> references = [["a dog runs on grass", "the dog is running on grass"]]
        >>> round(sz.metrics.caption_bleu(["a dog is running"], references, order=2), 1)
        77.9
    """
    from sacrebleu.metrics import BLEU

    tokens, known = _tokenised(captions, references)
    most = max(map(len, known))
    # sacrebleu takes one list for the first reference of each caption, one for the second, …;
    # None where there is none
    streams = [
        [" ".join(each[i]) if i < len(each) else None for each in known] for i in range(most)
    ]
    metric = BLEU(tokenize="none", smooth_method="none", force=True, max_ngram_order=order)
    return metric.corpus_score([" ".join(words) for words in tokens], streams).score


def rouge_l(captions: Sequence[str], references: References) -> float:
    """Returns the mean ROUGE-L, from 0 to 1: recall weighs 1.2² times as much as precision.

    Precision and recall are the best over the references, each for itself, as in COCO's code.

    Args:
        captions: Texts to score.
        references: For each, one or more references.

    Raises:
        ValueError: if there is nothing to score, or a caption has no reference.
    Reference: Lin, 2004, https://aclanthology.org/W04-1013

    Example:
        >>> round(sz.metrics.rouge_l(["a red dot"], [["a red square", "a dot"]]), 2)
        0.83
    """
    tokens, known = _tokenised(captions, references)
    return math.fsum(map(_rouge_l, tokens, known)) / len(tokens)


def cider_d(captions: Sequence[str], references: References) -> float:
    """Returns the mean CIDEr-D, from 0 to 10; papers often give 100 times as much.

    N-grams count by how rare they are among the images that are scored, so that the score of a
    part of a test set is not comparable to that of the whole.

    Args:
        captions: Texts to score.
        references: For each, one or more references.

    Raises:
        ValueError: if there is nothing to score, or a caption has no reference.
    Reference: Vedantam et al., 2015, https://arxiv.org/abs/1411.5726

    Example:
        >>> captions = ["a red dot", "two blue squares"]
        >>> round(sz.metrics.cider_d(captions, [["a red dot"], ["two green squares"]]), 2)
        4.58
    """
    scores = cider_d_each(captions, references)
    return math.fsum(scores) / len(scores)


def cider_d_each(captions: Sequence[str], references: References) -> list[float]:
    """Returns the CIDEr-D of each caption; see `cider_d`.

    Example:
        >>> captions = ["a red dot", "two blue squares"]
        >>> each = sz.metrics.cider_d_each(captions, [["a red dot"], ["two green squares"]])
        >>> [round(float(score), 2) for score in each]
        [7.5, 1.67]
    """
    tokens, known = _tokenised(captions, references)
    counts = [[_ngrams(words) for words in each] for each in known]
    seen_in = Counter(gram for each in counts for gram in set().union(*each))
    log_images = math.log(len(known))

    def vectors(grams: Counter) -> list[dict]:
        by_order: list[dict] = [{} for _ in range(_ORDERS)]
        for gram, count in grams.items():
            weight = log_images - math.log(max(1, seen_in[gram]))
            by_order[len(gram) - 1][gram] = count * weight
        return by_order

    scores = []
    for words, each, texts in zip(tokens, counts, known, strict=True):
        own = vectors(_ngrams(words))
        total = math.fsum(
            _similarity(own, vectors(grams), _bigrams(words) - _bigrams(text))
            for grams, text in zip(each, texts, strict=True)
        )
        scores.append(10 * total / len(each))
    return scores


def _similarity(own: list[dict], other: list[dict], difference: int) -> float:
    """The mean over the orders of a cosine that is clipped, less for other lengths."""
    total = 0.0
    for mine, theirs in zip(own, other, strict=True):
        product = math.fsum(min(v, theirs[g]) * theirs[g] for g, v in mine.items() if g in theirs)
        norms = math.hypot(*mine.values()) * math.hypot(*theirs.values())
        total += product / norms if norms else 0.0
    return total / _ORDERS * math.exp(-(difference**2) / (2 * _SIGMA**2))


def _bigrams(words: Sequence[str]) -> int:
    """The length by which COCO's code compares captions."""
    return max(len(words) - 1, 0)


def _ngrams(words: Sequence[str]) -> Counter:
    return Counter(
        tuple(words[i : i + order])
        for order in range(1, _ORDERS + 1)
        for i in range(len(words) - order + 1)
    )


def _rouge_l(words: list[str], references: list[list[str]]) -> float:
    common = [_longest_common(words, reference) for reference in references]
    precision = max(n / len(words) for n in common) if words else 0.0
    recall = max(n / len(r) if r else 0.0 for n, r in zip(common, references, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for index, their in enumerate(other, start=1):
            before, row[index] = (
                row[index],
                before + 1 if word == their else max(row[index], row[index - 1]),
            )
    return row[-1]


def _tokenised(captions: Sequence[str], references: References) -> tuple[list, list]:
    if isinstance(captions, str) or any(isinstance(each, str) for each in references):
        raise ValueError(
            "`captions` must be a list of texts and `references` a list of lists of texts. "
            "Received: a text instead of a list."
        )
    if len(captions) != len(references) or not len(captions):
        raise ValueError(
            "There must be at least one caption, and references for each. Received: "
            f"{len(captions)} captions and {len(references)} lists of references."
        )
    for index, each in enumerate(references):
        if not len(each):
            raise ValueError(
                f"Each caption must have a reference. Received: none at index {index}."
            )
    tokens = [caption_tokens(text) for text in captions]
    return tokens, [[caption_tokens(text) for text in each] for each in references]
