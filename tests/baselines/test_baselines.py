"""Baselines against counting by hand, and what is said beside a model."""

import itertools
import math
from collections import Counter

import keras
import numpy as np
import pytest
from tiny_answering_tasks import (
    make_classifier,
    make_residue_classifier,
    make_residue_tagger,
    make_tagger,
)
from tiny_tasks import letter_texts, letters_tokenizer, make_language_model, make_translator

import seqzoo as sz
from seqzoo.baselines.answers import CentralCaption, MostFrequent, MostFrequentTag
from seqzoo.baselines.baseline import Comparison
from seqzoo.baselines.ngrams import NGrams
from seqzoo.baselines.words import NearestNeighbour, WeightedWords
from seqzoo.preprocessing import RunningText


def kneser_ney(tokens, length, base, first):
    """Probabilities by the formulas, as a function of a history and a token."""
    padded = [first] * (length - 1) + tokens
    grams = {length: Counter(tuple(padded[i : i + length]) for i in range(len(tokens)))}
    for order in range(length - 1, 0, -1):
        grams[order] = Counter(gram[1:] for gram in grams[order + 1])

    def probability(history, token, order=length):
        if order == 0:
            return 1 / base
        history = history[len(history) - order + 1 :]
        counts = grams[order]
        once, twice = (sum(c == n for c in counts.values()) for n in (1, 2))
        discount = once / (once + 2 * twice) if once else 0.5
        following = {gram[-1]: c for gram, c in counts.items() if gram[:-1] == history}
        lower = probability(history[1:], token, order - 1)
        if not following:
            return lower
        total = sum(following.values())
        own = max(following.get(token, 0) - discount, 0) / total
        return own + discount * len(following) / total * lower

    return probability


@pytest.mark.parametrize("length", [1, 2, 3])
def test_n_grams_have_the_probabilities_of_the_formulas(length):
    text = RunningText(letters_tokenizer())
    model = NGrams(text, letter_texts(6), length)
    base, first = text.target.vocabulary_size, text.first_id
    tokens = text.stream(letter_texts(6)).token_ids.tolist()
    probability = kneser_ney(tokens, length, base, first)
    others = ["g a z", "b b"]
    given = [first] * (length - 1) + text.stream(others).token_ids.tolist()
    expected = [
        math.log(probability(tuple(given[i : i + length - 1]), given[i + length - 1]))
        for i in range(len(given) - length + 1)
    ]
    np.testing.assert_allclose(model.log_probs(others), expected, rtol=1e-9)
    assert model.scores(others)["perplexity"] == pytest.approx(math.exp(-np.mean(expected)))
    for history in itertools.islice(itertools.product(range(base), repeat=length - 1), 5):
        assert sum(probability(history, token) for token in range(base)) == pytest.approx(1)


def test_they_are_those_of_the_task():
    pairs = [("a b", "p"), ("c", "q"), ("a", "p")]
    names = {
        make_classifier: ["most frequent label", "TF-IDF with logistic regression"],
        make_tagger: ["most frequent tag of each word"],
        make_residue_classifier: ["most frequent label", "TF-IDF with logistic regression"],
        make_residue_tagger: ["most frequent tag of each word"],
        make_translator: ["copy of the source", "target of the nearest source"],
    }
    for make, expected in names.items():
        is_tagger = make in (make_tagger, make_residue_tagger)
        examples = [(["a"], ["X"])] if is_tagger else pairs
        assert [each.name for each in sz.baselines.baselines(make(), examples)] == expected
    found = sz.baselines.baselines(make_language_model(), letter_texts(5))
    reached = sz.baselines.compare(found, letter_texts(3), {})
    assert set(reached.best()) == {"loss", "perplexity"}


def test_labels_and_tags_are_the_most_frequent_ones():
    assert MostFrequent([("", "b"), ("", "a"), ("", "b")]).answers(["", ""]) == ["b", "b"]
    assert MostFrequent([("", ["b", "a"]), ("", ["a", "b"]), ("", [])]).answers([""]) == [
        ["a", "b"]
    ]
    tags = MostFrequentTag([(["x", "y"], ["A", "B"]), (["x", "x"], ["C", "C"]), (["z"], ["B"])])
    assert tags.answers([["x", "y", "unseen"]]) == [["C", "B", "B"]]


def test_words_tell_labels_apart_and_find_the_nearest():
    pairs = [("good film", "pos"), ("bad film", "neg"), ("good plot", "pos"), ("bad plot", "neg")]
    assert WeightedWords(pairs).answers(["bad", "so good"]) == ["neg", "pos"]
    several = [("a", ["x"]), ("b", ["y"]), ("a b", ["x", "y"]), ("c", [])] * 3
    assert WeightedWords(several).answers(["a", "c"]) == [["x"], []]
    nearest = NearestNeighbour([("a dog runs", "1"), ("a cat sleeps", "2")])
    assert nearest.answers(["the cat", "dog"] * 300) == ["2", "1"] * 300
    captions = [(0, ["a dog runs", "a dog"]), (1, ["a cat"]), (2, "the dog runs far away")]
    assert CentralCaption(captions).answers([3, 4]) == ["a dog runs"] * 2


def test_residues_are_told_apart_by_their_letters_and_unknown_tags_are_none():
    pairs = [("ACGG", "yes"), ("TTAC", "no"), ("CGGT", "yes"), ("ACTT", "no")] * 3
    (_, words) = sz.baselines.baselines(make_residue_classifier(), pairs)
    metrics = {"accuracy": sz.metrics.accuracy}
    assert words.scores([("AACGGA", "yes"), ("CTTA", "no")], metrics) == {"accuracy": 1.0}
    examples = [("AAAAC", "???OX"), ("AN", "O?")]
    (tags,) = sz.baselines.baselines(make_residue_tagger(), examples)
    metrics = {"known": sz.metrics.residue_accuracy}
    assert tags.scores([("ACN", "OXO")], metrics) == {"known": 1.0}


def test_a_model_that_is_no_better_is_told():
    reached = Comparison({"one": {"accuracy": 0.5, "loss": 2.0}, "two": {"accuracy": 0.7}})
    assert reached.best() == {"accuracy": 0.7, "loss": 2.0}
    better = reached.lines({"accuracy": 0.71, "loss": 1.9})
    assert better == ["baseline, one: accuracy 0.5, loss 2", "baseline, two: accuracy 0.7"]
    worse = reached.lines({"accuracy": 0.7, "loss": 1.9})
    assert worse[:2] == better
    assert "not better than its baseline: accuracy 0.7, baseline 0.7" in worse[2]
    assert "loss 2.1, baseline 2" in reached.lines({"accuracy": 0.8, "loss": 2.1})[2]
    assert len(reached.lines({"accuracy": None})) == 2


def test_many_examples_are_drawn_and_a_task_of_another_kind_has_none(monkeypatch):
    monkeypatch.setattr("seqzoo.baselines.baseline.MOST_EXAMPLES", 3)
    pairs = [("a", "p")] * 5 + [("b", "q")] * 50
    found = sz.baselines.baselines(make_classifier(), pairs)
    assert sz.baselines.compare(found, pairs, {"n": lambda o, r: float(len(o))}).best() == {"n": 55}
    assert sz.baselines.baselines(keras.Sequential(), pairs) == []


def test_a_rate_of_errors_is_better_where_it_is_lower():
    reached = Comparison({"copy": {"word_error_rate": 1.0}, "nearest": {"word_error_rate": 0.8}})
    assert reached.best() == {"word_error_rate": 0.8}
    assert len(reached.lines({"word_error_rate": 0.7})) == 2
    assert "is not better" in reached.lines({"word_error_rate": 0.9})[-1]
