"""Bags of weighted words, over scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqzoo.metrics.classes import label_text

_ROWS = 256  # inputs that are compared with all sources at once
_MANY = 10_000  # texts
_TOKEN = r"(?u)\w+|[^\w\s]"  # words of one letter and punctuation tell too


def _vectorizer(**options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    options = {"token_pattern": _TOKEN, **options}
    return TfidfVectorizer(sublinear_tf=True, **options)


class WeightedWords:
    """Logistic regression on words and pairs of words weighted by TF-IDF.

    Args:
        examples: Pairs of a text and its label, or list of labels.
        letters: Whether the texts are sequences of bases or amino acids, of which one to four
            neighbouring letters are a word.
    """

    name = "TF-IDF with logistic regression"

    def __init__(self, examples: Sequence[tuple[str, Any]], letters: bool = False):
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MultiLabelBinarizer

        texts, labels = zip(*examples, strict=True)
        regression: Any = LogisticRegression(C=10.0, max_iter=300)
        self._binarizer = None
        if isinstance(labels[0], (list, tuple, set, frozenset)):
            self._binarizer = MultiLabelBinarizer()
            labels = self._binarizer.fit_transform([set(map(label_text, each)) for each in labels])
            regression = OneVsRestClassifier(regression)
        else:
            labels = [label_text(label) for label in labels]
        rare = 2 if len(texts) > _MANY else 1  # documents that a feature must stand in
        kind: dict[str, Any] = {"ngram_range": (1, 2)}
        if letters:
            kind = {"analyzer": "char", "ngram_range": (1, 4), "token_pattern": None}
        self._model = make_pipeline(_vectorizer(min_df=rare, **kind), regression)
        self._model.fit(texts, labels)

    def answers(self, inputs: Sequence[str]) -> list[Any]:
        found = self._model.predict(list(inputs))
        if self._binarizer is None:
            return list(map(str, found))
        return [list(labels) for labels in self._binarizer.inverse_transform(found)]


class NearestNeighbour:
    """Gives the target of the training source whose weighted words are nearest by their cosine."""

    name = "target of the nearest source"

    def __init__(self, examples: Sequence[tuple[str, Any]]):
        sources, targets = zip(*examples, strict=True)
        self._targets = [each[0] if isinstance(each, (list, tuple)) else each for each in targets]
        self._vectorizer = _vectorizer()
        self._sources = self._vectorizer.fit_transform(sources).T.tocsc()

    def answers(self, inputs: Sequence[str]) -> list[Any]:
        vectors = self._vectorizer.transform(inputs)
        nearest = [
            np.asarray((vectors[start : start + _ROWS] @ self._sources).argmax(axis=1)).ravel()
            for start in range(0, len(inputs), _ROWS)
        ]
        return [self._targets[index] for index in np.concatenate(nearest)]


def centre(texts: Sequence[str]) -> int:
    """Returns the number of the text that is nearest, by its cosine, to the mean of all."""
    vectors = _vectorizer().fit_transform(texts)
    mean = np.asarray(vectors.mean(axis=0)).ravel()
    return int(np.argmax(vectors @ mean))
