"""Answers that look at no more than one word of an input."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from seqzoo.baselines.words import centre
from seqzoo.metrics.classes import label_text

Pairs = Sequence[tuple[Any, Any]]


class MostFrequent:
    """Gives every input the label, or list of labels, that most training examples have."""

    name = "most frequent label"

    def __init__(self, examples: Pairs):
        counts: Counter[Any] = Counter(_hashable(label) for _, label in examples)
        self._label = min(counts, key=lambda label: (-counts[label], str(label)))

    def answers(self, inputs: Sequence[Any]) -> list[Any]:
        label = self._label
        return [list(label) if isinstance(label, tuple) else label] * len(inputs)


def _hashable(label: Any) -> Any:
    if isinstance(label, (str, int)) or not hasattr(label, "__iter__"):
        return label_text(label)
    return tuple(sorted(map(label_text, label)))


class MostFrequentTag:
    """Gives each token the tag that it has most often in training, and others the most frequent.

    Args:
        examples: Pairs of tokens and their tags.
        unknown: The tag that is none; None where all are tags.
    """

    name = "most frequent tag of each word"

    def __init__(self, examples: Pairs, unknown: str | None = None):
        counts: defaultdict[Any, Counter[str]] = defaultdict(Counter)
        every: Counter[str] = Counter()
        for tokens, tags in examples:
            for token, tag in zip(tokens, tags, strict=True):
                if tag == unknown:
                    continue
                counts[token][tag] += 1
                every[tag] += 1
        self._tags = {token: _most_common(tags) for token, tags in counts.items()}
        self._other = _most_common(every)

    def answers(self, inputs: Sequence[Sequence[Any]]) -> list[list[str]]:
        return [[self._tags.get(token, self._other) for token in tokens] for tokens in inputs]


def _most_common(counts: Counter[str]) -> str:
    return min(counts, key=lambda name: (-counts[name], name))


class Copy:
    """Gives the source back."""

    name = "copy of the source"

    def answers(self, inputs: Sequence[Any]) -> list[Any]:
        return list(inputs)


class CentralCaption:
    """Gives every image the training caption whose words are nearest to all others'."""

    name = "the most central caption"

    def __init__(self, examples: Pairs):
        captions: list[str] = []
        for _, references in examples:
            captions += [references] if isinstance(references, str) else references
        self._caption = captions[centre(captions)]

    def answers(self, inputs: Sequence[Any]) -> list[str]:
        return [self._caption] * len(inputs)
