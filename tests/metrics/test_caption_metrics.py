"""Scores of captions equal those of COCO's own code on the same tokens."""

import random

import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from seqzoo.metrics import (
    CAPTION_METRICS,
    caption_bleu,
    caption_tokens,
    cider_d,
    cider_d_each,
    rouge_l,
)

WORDS = ("a", "the", "dog", "cat", "runs", "sits", "on", "in", "grass", "big", "two", "over")


def corpus(count, seed, most_references=5):
    """Captions that share some n-grams with their references, one to five each."""
    rng = random.Random(seed)
    captions, references = [], []
    for _ in range(count):
        base = rng.choices(WORDS, k=rng.randint(4, 12))
        texts = []
        for _ in range(rng.randint(1, most_references) + 1):
            words = [rng.choice(WORDS) if rng.random() < 0.3 else word for word in base]
            texts.append(" ".join(words[: rng.randint(2, len(words))]))
        captions.append(texts[0])
        references.append(texts[1:])
    return captions, references


def as_coco(captions, references):
    def joined(text):
        return " ".join(caption_tokens(text))

    known = {i: [joined(text) for text in texts] for i, texts in enumerate(references)}
    return known, {i: [joined(text)] for i, text in enumerate(captions)}


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_pycocoevalcap(seed, capsys):
    captions, references = corpus(40, seed)
    known, said = as_coco(captions, references)

    bleu = Bleu(4).compute_score(known, said)[0]
    cider, each = Cider().compute_score(known, said)
    rouge = Rouge().compute_score(known, said)[0]

    for order in (1, 2, 3, 4):
        found = caption_bleu(captions, references, order)
        assert found / 100 == pytest.approx(bleu[order - 1], abs=1e-6)
        assert CAPTION_METRICS[f"bleu_{order}"](captions, references) == found
    assert cider_d(captions, references) == pytest.approx(cider, abs=1e-6)
    assert cider_d_each(captions, references) == pytest.approx(each, abs=1e-6)
    assert rouge_l(captions, references) == pytest.approx(rouge, abs=1e-6)


def test_empty_short_and_perfect_captions_are_scored_as_pycocoevalcap_does(capsys):
    captions = ["", "dog", "a dog runs on the grass", "a dog runs on grass"]
    references = [["a dog"], ["dog"], ["a dog runs on the grass", "two dogs"], ["a cat sits"]]
    known, said = as_coco(captions, references)

    _, each = Cider().compute_score(known, said)
    assert cider_d_each(captions, references) == pytest.approx(each, abs=1e-6)
    assert rouge_l(captions[1:], references[1:]) == pytest.approx(
        Rouge().compute_score(
            {i: known[i] for i in range(1, 4)}, {i: said[i] for i in range(1, 4)}
        )[0],
        abs=1e-6,
    )
    assert cider_d_each(captions, references)[0] == 0


def test_words_are_in_lower_case_and_without_punctuation():
    text = 'A man\'s blue-green T-shirt , "two" dogs ; 3 cats ... Éclair - ok !'
    assert caption_tokens(text) == [
        *("a", "man's", "blue-green", "t-shirt", "two", "dogs", "3", "cats", "éclair", "ok")
    ]
    assert caption_tokens("Cafe\u0301s E\u0301cru") == ["cafés", "écru"]


@pytest.mark.parametrize("name", CAPTION_METRICS)
def test_every_score_refuses_what_does_not_fit(name):
    score = CAPTION_METRICS[name]
    with pytest.raises(ValueError, match="Received: 1 captions and 2 lists"):
        score(["a"], [["a"], ["b"]])
    with pytest.raises(ValueError, match="at least one caption"):
        score([], [])
    with pytest.raises(ValueError, match="a text instead of a list"):
        score(["a"], ["a"])
    with pytest.raises(ValueError, match=r"must have a reference\. Received: none at index 1"):
        score(["a", "b"], [["a"], []])
