"""What a generating task found, out of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.search import Hypotheses, Rows


class Generated(NamedTuple):
    """One hypothesis.

    Attributes:
        text: The detokenised text.
        score: What the search ranked it by: the higher, the better.
        tokens: Readable tokens, the end token included.
        token_log_probs: Float array `(T,)`, one for each token.
        alignment: Float array `(T, S)`, the weights on the source tokens with which each token
            was chosen; None where the decoder does not attend.
    """

    text: str
    score: float
    tokens: list[str]
    token_log_probs: np.ndarray
    alignment: np.ndarray | None


class Graphs:
    """The traced functions of a task, one for each search. No part of the model."""

    def __init__(self):
        self._functions: dict[Any, Any] = {}

    def get(
        self,
        task: Any,
        search,
        with_prefix: bool,
        replace_unknown: bool | Mapping[str, str] = False,
    ):
        """Returns a function of raw inputs, seeds and perhaps forced prefixes.

        It returns texts, hypotheses and readable tokens, as arrays.
        """
        key = search, with_prefix, _hashable(replace_unknown)
        if key not in self._functions:
            replace = task._replacement(replace_unknown)
            signature = [task.raw_spec, tf.TensorSpec([None], tf.int32)]
            signature += [tf.TensorSpec([None, None], tf.int32)] if with_prefix else []

            @tf.function(input_signature=signature, autograph=False)
            def run(raw, seeds, prefix_ids=None):
                rows = Rows(seeds=seeds, prefix_ids=prefix_ids)
                text, found = task._answer(raw, search, rows, replace)
                return text, found, task.preprocessor.target_tokens(found.token_ids)

            self._functions[key] = run
        text_to_answer = self._functions[key]

        def as_arrays(*inputs):
            text, found, tokens = text_to_answer(*inputs)
            arrays = tf.nest.map_structure(_as_array, (text, tuple(found), tokens))
            return arrays[0], Hypotheses(*arrays[1]), arrays[2]

        return as_arrays


def unpack(row: int, text, found: Hypotheses, tokens) -> list[Generated]:
    answers = []
    for n, length in enumerate(found.lengths[row]):
        if length == 0 and n > 0:
            continue
        alignments = found.alignments
        answers.append(
            Generated(
                text=text[row, n].decode("utf-8"),
                score=float(found.scores[row, n]),
                tokens=[token.decode("utf-8") for token in tokens[row, n, :length]],
                token_log_probs=found.token_log_probs[row, n, :length],
                alignment=None if alignments is None else alignments[row, n, :length],
            )
        )
    return answers


def _hashable(replace_unknown: bool | Mapping[str, str]) -> Any:
    known = isinstance(replace_unknown, Mapping)
    return tuple(sorted(replace_unknown.items())) if known else replace_unknown


def _as_array(tensor):
    return None if tensor is None else tensor.numpy()
