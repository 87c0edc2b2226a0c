"""Text scores against the formulas of their papers, counted by hand here."""

import collections
import math

import numpy as np
import pytest

from seqzoo import metrics

# Words only, already tokenised, so that the tokenizer changes nothing.
HYPOTHESES = ["the cat sat on a mat today", "a dog runs", "Two birds sing in the old tree"]
REFERENCES = ["the cat sat on the mat", "a big dog runs home", "two birds sing in the tall tree"]


def ngrams(sequence, order):
    places = range(len(sequence) - order + 1)
    return collections.Counter(tuple(sequence[i : i + order]) for i in places)


def reference_bleu(hypotheses, references):
    """Papineni et al., 2002, equations 1 to 3, on split words."""
    hypotheses = [text.split() for text in hypotheses]
    references = [text.split() for text in references]
    log_precisions = []
    for order in range(1, 5):
        pairs = [
            (ngrams(hypothesis, order), ngrams(reference, order))
            for hypothesis, reference in zip(hypotheses, references, strict=True)
        ]
        matches = sum((hypothesis & reference).total() for hypothesis, reference in pairs)
        log_precisions.append(math.log(matches / sum(each.total() for each, _ in pairs)))
    c, r = (sum(map(len, side)) for side in (hypotheses, references))
    return 100 * min(1.0, math.exp(1 - r / c)) * math.exp(np.mean(log_precisions))


def reference_chrf(hypotheses, references):
    """Popović, 2015: precision and recall averaged over 1- to 6-grams without spaces, then F2."""
    precisions, recalls = [], []
    for order in range(1, 7):
        pairs = [
            (ngrams(hypothesis.replace(" ", ""), order), ngrams(reference.replace(" ", ""), order))
            for hypothesis, reference in zip(hypotheses, references, strict=True)
        ]
        matches = sum((hypothesis & reference).total() for hypothesis, reference in pairs)
        precisions.append(matches / sum(hypothesis.total() for hypothesis, _ in pairs))
        recalls.append(matches / sum(reference.total() for _, reference in pairs))
    precision, recall = np.mean(precisions), np.mean(recalls)
    return 100 * 5 * precision * recall / (4 * precision + recall)


def test_bleu_is_that_of_the_paper():
    assert metrics.bleu(HYPOTHESES, REFERENCES) == pytest.approx(
        reference_bleu(HYPOTHESES, REFERENCES), abs=1e-6
    )


def test_lower_cased_bleu_is_that_of_lower_cased_texts():
    lowered = [text.lower() for text in HYPOTHESES]
    expected = reference_bleu(lowered, REFERENCES)

    assert metrics.bleu(HYPOTHESES, REFERENCES, lowercase=True) == pytest.approx(expected, abs=1e-6)
    assert expected > metrics.bleu(HYPOTHESES, REFERENCES) + 1


def test_the_13a_tokenizer_splits_punctuation_off():
    split = [f"{text} ." for text in HYPOTHESES], [f"{text} ." for text in REFERENCES]
    joined = [f"{text}." for text in HYPOTHESES], [f"{text}." for text in REFERENCES]

    assert metrics.bleu(*joined) == pytest.approx(reference_bleu(*split), abs=1e-6)
    assert metrics.bleu(*joined, tokenize="none") == pytest.approx(
        reference_bleu(*joined), abs=1e-6
    )


def test_chrf_is_that_of_the_paper():
    assert metrics.chrf(HYPOTHESES, REFERENCES) == pytest.approx(
        reference_chrf(HYPOTHESES, REFERENCES), abs=1e-6
    )


def test_signatures_tell_the_settings():
    assert metrics.bleu_signature(lowercase=True).startswith(
        "nrefs:1|case:lc|eff:no|tok:13a|smooth:exp|version:"
    )
    assert "|tok:intl|" in metrics.bleu_signature(tokenize="intl")
    assert metrics.chrf_signature().startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|")


def test_exact_match_is_a_fraction():
    assert metrics.exact_match(["2021-04-03", "", "a"], ["2021-04-03", "", "A"]) == pytest.approx(
        2 / 3
    )


@pytest.mark.parametrize("name", ["bleu", "chrf", "exact_match"])
def test_every_score_is_full_for_equal_texts_and_0_for_nothing(name):
    score = metrics.METRICS[name]
    full = 1.0 if name == "exact_match" else 100.0

    assert score(REFERENCES, REFERENCES) == pytest.approx(full)
    assert score(["", "", ""], REFERENCES) == 0.0


@pytest.mark.parametrize("name", ["bleu", "chrf", "exact_match"])
def test_every_score_of_texts_refuses_what_is_not_aligned(name):
    score = metrics.METRICS[name]

    with pytest.raises(ValueError, match="2 hypotheses and 3 references"):
        score(HYPOTHESES[:2], REFERENCES)
    with pytest.raises(ValueError, match="at least one"):
        score([], [])
    with pytest.raises(ValueError, match="single text"):
        score("abc", "abc")


def test_an_unknown_tokenizer_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'14a'.*13a, char"):
        metrics.bleu(HYPOTHESES, REFERENCES, tokenize="14a")


def test_texts_match_in_every_unicode_form():
    assert metrics.exact_match(["caf\u00e9", "e"], ["cafe\u0301", "\u00e9"]) == 0.5
