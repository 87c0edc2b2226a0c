"""Tiny trained translators, and what is asked of them wherever they run."""

from __future__ import annotations

import random
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from seqzoo import BeamSearch, Seq2Seq, zoo
from seqzoo.export import saved_model
from seqzoo.preprocessing import CharacterTokenizer, SubwordTokenizer, WordTokenizer

WORDS = ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun")
SEARCH = BeamSearch(width=3, n_best=2, max_length=12)
DECIDED = 1e-4  # hypotheses whose scores are nearer may change places


class Answers(NamedTuple):
    """What a translator gives for N sentences: `(N, 2)`, best first."""

    texts: np.ndarray  # of bytes
    scores: np.ndarray


class Translator(NamedTuple):
    folder: Path  # of its SavedModel
    sentences: list[bytes]
    answers: Answers  # of `generate`


def number_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    """Numbers, spoken digit by digit, and written."""
    rng = random.Random(seed)
    numbers = [rng.choices(range(10), k=rng.randint(1, 5)) for _ in range(count)]
    return [(" ".join(WORDS[n] for n in digits), "".join(map(str, digits))) for digits in numbers]


def sentences() -> list[bytes]:
    """200 lines: numbers that were not in training, and what users type besides."""
    odd = ["", " ", "drei!", "Drei Vögel 🎉", "x" * 300, "acht " * 90, "\t neun", "ﬁ ½ \u0301"]
    texts = [*odd, *(source for source, _ in number_pairs(191, seed=2))]
    return [b"\xff vier \xc3", *(text.encode() for text in texts)]


def build(kind: str, pairs: list[tuple[str, str]]) -> Seq2Seq:
    """A model of words to characters, or of sub-words to sub-words."""
    if kind == "words":
        model, source, target = zoo.bahdanau_2015, WordTokenizer(), CharacterTokenizer()
        sizes = {"units": 32, "embedding_dim": 16}
    else:
        model, source, target = zoo.luong_2015, SubwordTokenizer(40), SubwordTokenizer(16)
        sizes = {"units": 32, "embedding_dim": 16, "layers": 1, "dropout": 0.0}
    source.adapt([text for text, _ in pairs])
    target.adapt([text for _, text in pairs])
    return model(source=source, target=target, **sizes)


def train(kind: str, folder: Path) -> Translator:
    """Trains a translator for some seconds, asks it, and exports it."""
    pairs = number_pairs(400, seed=1)
    keras.utils.set_random_seed(0)
    task = build(kind, pairs)
    task.compile(optimizer=keras.optimizers.Adam(0.01, global_clipnorm=1.0))
    task.fit(pairs, batch_size=40, epochs=12, verbose=0)
    asked = sentences()
    found = task.generate(asked, search=SEARCH, return_hypotheses=True)
    answers = Answers(
        np.array([[each.text.encode() for each in row] for row in found], object),
        np.array([[each.score for each in row] for row in found], "float32"),
    )
    return Translator(saved_model(task, folder, search=SEARCH), asked, answers)


def assert_same(found: Answers, wanted: Answers) -> None:
    """Asks for equal scores, and for equal texts where the scores tell the hypotheses apart."""
    assert found.texts.shape == wanted.texts.shape == wanted.scores.shape
    np.testing.assert_allclose(found.scores, wanted.scores, atol=DECIDED)
    decided = wanted.scores[:, 0] - wanted.scores[:, 1] > DECIDED
    assert decided.sum() > 0.9 * len(decided)
    np.testing.assert_array_equal(found.texts[decided], wanted.texts[decided])
