"""What tasks without a search answer to the inputs of a recipe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqzoo.recipe.recipe import Answer


def classified_answers(task: Any, inputs: Sequence[Any], search: Any) -> list[list[Answer]]:
    """The labels of each input with their probabilities, the most probable first.

    With many labels, one answer: the list of the labels, and the probability of the least probable
    of them (1 where there is none).
    """
    probabilities = task.probabilities(list(inputs))
    names = task.preprocessor.labels.names
    if not task.head.multi_label:
        order = np.argsort(-probabilities, axis=1, kind="stable")
        return [
            [Answer(names[place], float(row[place])) for place in places]
            for row, places in zip(probabilities, order, strict=True)
        ]
    chosen = probabilities >= task.head.thresholds.numpy()
    return [
        [
            Answer(
                [name for name, is_chosen in zip(names, places, strict=True) if is_chosen],
                float(row[places].min(initial=1.0)),
            )
        ]
        for row, places in zip(probabilities, chosen, strict=True)
    ]


def tagged_answers(task: Any, inputs: Sequence[Any], search: Any) -> list[list[Answer]]:
    """The most probable tags of each input and their log-probability.

    An input is a list of tokens, or a text of tokens between spaces or tabs.
    """
    sentences = [re.findall("[^ \t]+", each) if isinstance(each, str) else each for each in inputs]
    best = task.tag_n_best(sentences, n=1)
    return [[Answer(path.tags, path.log_prob) for path in paths] for paths in best]
