"""What a run tells of unknown words, those that the vocabulary of its training lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.lookup import TokenLookup, WhitespaceTokenizer
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS, Tokenizer
from seqzoo.preprocessing.word import WordTokenizer

_WORDS = (TokenLookup, WhitespaceTokenizer, WordTokenizer)
_AT_ONCE = 1024  # inputs
_UNKNOWN = SPECIAL_TOKENS[Tokenizer.unknown_id]


def unknown_lines(task: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> list[str]:
    """Returns a line for the inputs and one for generated answers, where any hold such a word.

    Args:
        task: Of words; of one that reads and writes sub-words, characters or bytes nothing is told.
        inputs: Raw inputs, at least one.
        outputs: The answers to them.
    """
    lines, preprocessor = [], getattr(task, "preprocessor", None)
    names = ("source", "words", "tokenizer")
    reads_words = any(isinstance(getattr(preprocessor, name, None), _WORDS) for name in names)
    if reads_words and (share := _share_of_inputs(preprocessor, inputs)):
        lines.append(f"{100 * share:.1f} % of the inputs hold a word that the vocabulary lacks")
    if isinstance(getattr(preprocessor, "target", None), _WORDS):
        unknown = [text for text in outputs if _UNKNOWN in text]
        if unknown:
            share = 100 * len(unknown) / len(outputs)
            lines.append(
                f"{share:.1f} % of the answers hold an unknown word: {unknown[0]!r}; sub-words "
                "have none: use a SubwordTokenizer"
            )
    return lines


def _share_of_inputs(preprocessor: Any, inputs: Sequence[Any]) -> float:
    count = 0
    for start in range(0, len(inputs), _AT_ONCE):
        raw = preprocessor.as_raw(list(inputs[start : start + _AT_ONCE]))
        ids = tf.nest.flatten(preprocessor.encode_inputs(raw))[0]
        is_unknown = tf.reduce_any(ids == Tokenizer.unknown_id, axis=1)
        count += np.count_nonzero(is_unknown.numpy())
    return count / len(inputs)
