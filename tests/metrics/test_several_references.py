"""Every score of texts takes several references: the definitions, and other libraries."""

import functools

import jiwer
import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer

from seqzoo import metrics

RNG = np.random.default_rng(0)
WORDS = ["the", "cat", "sat", "on", "a", "mat", "Dog-house", "don't", "2nd"]
ONE = ("bleu", "chrf", "exact_match", "word_error_rate", "rouge_1", "rouge_2")
scores = pytest.mark.parametrize("name", ONE)


def sentence(least=1):
    return " ".join(RNG.choice(WORDS, RNG.integers(least, 9)))


TEXTS = [sentence() for _ in range(40)]
SEVERAL = [[sentence() for _ in range(RNG.integers(1, 4))] for _ in range(38)]
SEVERAL += [[sentence(), TEXTS[38]], [TEXTS[39]]]
SINGLE = [each[0] for each in SEVERAL]


@scores
def test_one_in_a_list_is_one(name):
    score = metrics.METRICS[name]
    assert score(TEXTS, SINGLE) == score(TEXTS, [[each] for each in SINGLE])


@scores
def test_their_order_does_not_count_and_more_of_them_are_no_worse(name):
    score = metrics.METRICS[name]
    value = score(TEXTS, SEVERAL)
    assert score(TEXTS, [each[::-1] for each in SEVERAL]) == pytest.approx(value)
    alone = [score(TEXTS, SINGLE)]
    assert value <= min(alone) if name == "word_error_rate" else value >= max(alone)


@scores
@pytest.mark.parametrize(
    ("references", "said"),
    [
        (["a", []], r"Received: \[\] at index 1"),
        (["a", None], r"Received: None at index 1"),
        (["a", [1]], r"Received: \[1\] at index 1"),
        (["a"], "2 hypotheses and 1 references"),
        ("a", "a single text"),
    ],
)
def test_what_is_no_reference_is_told(name, references, said):
    with pytest.raises(ValueError, match=said):
        metrics.METRICS[name](["a", "b"], references)


@functools.cache
def distance(one, other):
    """Levenshtein's recurrence."""
    if not one or not other:
        return len(one) + len(other)
    replaced = distance(one[1:], other[1:]) + (one[0] != other[0])
    return min(replaced, distance(one[1:], other) + 1, distance(one, other[1:]) + 1)


def test_edits_lead_to_the_nearest_reference():
    edits = words = 0
    for text, known in zip(TEXTS, SEVERAL, strict=True):
        pairs = [(distance(tuple(text.split()), tuple(r.split())), len(r.split())) for r in known]
        least = min(count for count, _ in pairs)
        edits, words = edits + least, words + max(n for count, n in pairs if count == least)
    assert metrics.word_error_rate(TEXTS, SEVERAL) == pytest.approx(edits / words)
    assert metrics.word_error_rate(TEXTS, SINGLE) == pytest.approx(jiwer.wer(SINGLE, TEXTS))


def test_references_without_a_word_are_refused():
    with pytest.raises(ValueError, match="must have a word"):
        metrics.word_error_rate(["a"], [" "])


@pytest.mark.parametrize("order", [1, 2])
def test_rouge_is_that_of_its_package(order):
    scorer = RougeScorer([f"rouge{order}"])
    want = [
        max(scorer.score(each, text)[f"rouge{order}"].fmeasure for each in known)
        for text, known in zip(TEXTS, SEVERAL, strict=True)
    ]
    assert metrics.rouge(order)(TEXTS, SEVERAL) == pytest.approx(100 * np.mean(want))
    assert metrics.METRICS[f"rouge_{order}"](TEXTS, SEVERAL) == metrics.rouge(order)(TEXTS, SEVERAL)


def test_an_exact_match_is_one_of_any_and_of_either_normal_form():
    assert metrics.exact_match(["cafe\u0301", "b"], [["x", "café"], ["c", "d"]]) == 0.5
