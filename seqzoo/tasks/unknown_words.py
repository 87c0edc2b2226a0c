"""Unknown words of a translation, replaced by words of the source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from seqzoo.datasets.lines import iterate_lines
from seqzoo.preprocessing.corpus import as_strings
from seqzoo.preprocessing.lookup import WhitespaceTokenizer
from seqzoo.preprocessing.word import WordTokenizer
from seqzoo.search import Hypotheses

_WORDS = (WordTokenizer, WhitespaceTokenizer)


class UnknownWords(tf.Module):
    """Replaces each unknown word by a word of the source, in the graph.

    It is the word with the highest attention weight when the token was chosen, the end of the
    source excluded; or its translation in a dictionary.

    Args:
        task: Its preprocessor makes words of both sides.
        dictionary: Words of the target by words of the source. Both are normalised as the texts
            of their side are.

    Raises:
        ValueError: if a side has no words, or the dictionary holds something else than texts, or
            two translations of one word.

    Reference: Jean et al., 2015, section 3.3, https://arxiv.org/abs/1412.2007
    """

    def __init__(self, task: Any, dictionary: Mapping[str, str]):
        super().__init__()
        self._preprocessor, self._limits = task.preprocessor, task.limits
        preprocessor = task.preprocessor
        for side in ("source", "target"):
            tokenizer = getattr(preprocessor, side, None)
            if not isinstance(tokenizer, _WORDS):
                raise ValueError(
                    "`replace_unknown` needs words on both sides: a WordTokenizer or a "
                    f"WhitespaceTokenizer. Received: {type(tokenizer).__name__} as the {side}."
                )
        self._table = _table(dictionary, preprocessor) if dictionary else None

    def texts(self, raw: tf.Tensor, hypotheses: Hypotheses) -> tf.Tensor:
        """Returns the texts `(B, N)` of hypotheses for raw sources `(B,)`.

        Raises:
            ValueError: if the decoder does not attend.
        """
        if hypotheses.alignments is None:
            raise ValueError(
                "`replace_unknown` needs a decoder that attends, as attention tells which word of "
                "the source an unknown word stands for. Received: no alignments."
            )
        # (B, S), "" on the end and on padding
        words = self._preprocessor.source_words(raw, self._limits)
        weights = tf.where((words != "")[:, None, None], hypotheses.alignments, -1.0)
        sources = tf.argmax(weights, axis=3, output_type=tf.int32)  # (B, N, T)
        attended = tf.gather(words, sources, batch_dims=1)
        return self._preprocessor.target.detokenize_with(
            hypotheses.token_ids, self._translated(attended)
        )

    def _translated(self, words: tf.Tensor) -> tf.Tensor:
        if self._table is None:
            return words
        translations = self._table.lookup(self._preprocessor.source.readable(words))
        return tf.where(translations == "", words, translations)


def read_dictionary(path: str | Path) -> dict[str, str]:
    """Reads lines of a word of the source, a tab and its translation, in UTF-8.

    Raises:
        ValueError: if a line has another form.
    """
    words = {}
    for number, line in enumerate(iterate_lines(path), start=1):
        columns = [column.strip(" ") for column in line.split("\t")]
        if not line.strip(" \t"):
            continue
        if len(columns) != 2 or not all(columns):
            raise ValueError(
                "A dictionary has lines of a word, a tab and its translation. Received: line "
                f"{number} of {str(path)!r}, {line!r}."
            )
        words[columns[0]] = columns[1]
    return words


def _table(dictionary: Mapping[str, str], preprocessor: Any) -> tf.lookup.StaticHashTable:
    if not isinstance(dictionary, Mapping):
        raise ValueError(
            f"`replace_unknown` is True, False or a dictionary of words. Received: {dictionary!r}."
        )
    for word in [*dictionary.keys(), *dictionary.values()]:
        if not isinstance(word, str) or not word.strip():
            raise ValueError(
                f"The dictionary of `replace_unknown` must map words to words. Received: {word!r}."
            )
    keys = preprocessor.source.normalize(as_strings(list(dictionary))).numpy().tolist()
    values = preprocessor.target.normalize(as_strings(list(dictionary.values()))).numpy().tolist()
    table: dict[bytes, bytes] = {}
    for given, key, value in zip(dictionary, keys, values, strict=True):
        if table.setdefault(key, value) != value:
            raise ValueError(
                "The dictionary of `replace_unknown` must hold one translation of each word as the "
                f"tokenizer normalises it. Received: {given!r} for {value.decode()!r}, and "
                f"another form of it for {table[key].decode()!r}. Leave one of them out."
            )
    pairs = tf.lookup.KeyValueTensorInitializer(
        list(table), list(table.values()), tf.string, tf.string
    )
    return tf.lookup.StaticHashTable(pairs, "")
