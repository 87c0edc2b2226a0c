"""Edits that lead from texts to their references, and words that both have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from seqzoo.metrics.text import References, listed_references


def word_error_rate(hypotheses: Sequence[str], references: References) -> float:
    """Returns the edits that lead to the nearest references, for each word of these.

    Words stand between blanks; where they are phonemes, it is the phoneme error rate. An edit
    inserts, leaves out or replaces a word. 0 is best, and it may be above 1. Of several references
    the one with the least edits counts, and of those the longest.

    Args:
        hypotheses: Texts to score.
        references: One or more for each hypothesis.

    Raises:
        ValueError: if there is nothing to score, the numbers differ, or no reference has a word.

    Example:
        >>> sz.metrics.word_error_rate(["the cat", "a dog"], ["the cat", ["the cow", "dog"]])
        0.3333333333333333
    """
    from rapidfuzz.distance import Levenshtein

    edits = words = 0
    listed = listed_references(hypotheses, references)
    for text, known in zip(hypotheses, listed, strict=True):
        own = text.split()
        ways = [(Levenshtein.distance(own, each.split()), -len(each.split())) for each in known]
        least, length = min(ways)
        edits, words = edits + least, words - length
    if not words:
        raise ValueError("The references must have a word. Received: empty texts alone.")
    return edits / words


def rouge(order: int) -> Callable[[Sequence[str], References], float]:
    """Returns ROUGE-N, the mean F1 of the n-grams that texts share with their references.

    It goes from 0 to 100. Words are runs of letters and digits of ASCII in lower case, as in the
    package `rouge-score`, without stemming. Of several references the one with the best F1 counts.

    Args:
        order: Positive int, N, the words of an n-gram.

    Reference: Lin, 2004, https://aclanthology.org/W04-1013

    Example:
        >>> rouge_1 = sz.metrics.rouge(1)
        >>> rouge_1(["the cat sat"], [["a cat sat", "the dog"]])
        66.66666666666666
    """

    def score(hypotheses: Sequence[str], references: References) -> float:
        listed = listed_references(hypotheses, references)
        best = [
            max(_f1(_ngrams(text, order), _ngrams(each, order)) for each in known)
            for text, known in zip(hypotheses, listed, strict=True)
        ]
        return 100 * sum(best) / len(best)

    return score


def _ngrams(text: str, order: int) -> Counter[tuple[str, ...]]:
    letters = [c if c.isascii() and c.isalnum() else " " for c in text.lower()]
    words = "".join(letters).split()
    return Counter(zip(*(words[i:] for i in range(order)), strict=False))


def _f1(one: Counter, other: Counter) -> float:
    shared, total = (one & other).total(), one.total() + other.total()
    return 2 * shared / total if total else 0.0
