"""Tokenizers whose vocabulary is a list of counted tokens: whole strings, characters, words.

`word` has the one that tells words from punctuation.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import tensorflow as tf

from seqzoo.preprocessing import text_normalization as norm
from seqzoo.preprocessing.corpus import Texts, as_strings, text_batches
from seqzoo.preprocessing.tokenizer import (
    SPECIAL_TOKENS,
    Normalization,
    Tokenizer,
    string_lookup,
)
from seqzoo.preprocessing.vocabulary_files import read_tokens, write_tokens


class LookupTokenizer(Tokenizer):
    """Splits text into strings and looks them up; core TensorFlow ops only.

    The vocabulary holds the most frequent tokens first; equally frequent ones
    stand in the order of their code points.

    Args:
        vocabulary_size: Maximum number of tokens, the four special ones
            counted. None takes all.
        min_frequency: Minimum count of a token of the vocabulary.
        lowercase: Whether text is put in lower case.
        normalization: "nfc", "nfkc", "nfd" or None.
        vocabulary: Tokens in the order of their ids, beginning with
            "", "<unk>", "<start>", "<end>", instead of `adapt`. They are
            normalised as texts are, but for those whose normal form is
            another of the tokens: no text holds these.
    """

    def __init__(
        self,
        vocabulary_size: int | None = None,
        min_frequency: int = 1,
        lowercase: bool = False,
        normalization: Normalization = "nfc",
        vocabulary: list[str] | None = None,
    ):
        super().__init__(lowercase=lowercase, normalization=normalization)
        if vocabulary_size is not None and vocabulary_size < len(SPECIAL_TOKENS):
            raise ValueError(
                "`vocabulary_size` counts the four special tokens and must be at least 4. "
                f"Received: vocabulary_size={vocabulary_size}."
            )
        self._largest_size = vocabulary_size
        self.min_frequency = min_frequency
        self._ids: Any = None  # the lookup, made with the vocabulary
        if vocabulary is not None:
            self._set_vocabulary(self._in_normal_form(vocabulary))

    def adapt(self, texts: Texts) -> None:
        counts: Counter[bytes] = Counter()
        for batch in text_batches(texts):
            counts.update(self._split(self.normalize(batch)).flat_values.numpy().tolist())
        for special in SPECIAL_TOKENS:
            counts.pop(special.encode(), None)  # they have their ids
        counted = [(-n, token.decode()) for token, n in counts.items() if n >= self.min_frequency]
        free = None if self._largest_size is None else self._largest_size - len(SPECIAL_TOKENS)
        self._set_vocabulary([*SPECIAL_TOKENS, *(token for _, token in sorted(counted)[:free])])

    def save_vocabulary(self, path: str) -> None:
        """Writes JSON: the tokens, one on a line, and their digest."""
        write_tokens(path, self.vocabulary)

    @classmethod
    def load_vocabulary(cls, path: str, **settings: Any) -> LookupTokenizer:
        """Makes a tokenizer of a saved vocabulary and the constructor's other arguments.

        A JSON list of tokens, written by hand, is one too.

        Raises:
            ValueError: if the file is damaged, or holds no vocabulary.
        """
        tokens = read_tokens(path)
        try:
            return cls(vocabulary=tokens, **settings)
        except ValueError as error:
            raise ValueError(f"{path} makes no tokenizer: {error}") from error

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self._largest_size,
            "min_frequency": self.min_frequency,
            "vocabulary": None if self._tokens is None else self.vocabulary,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LookupTokenizer:
        settings: dict[str, Any] = {**config, "vocabulary": None}
        tokenizer = cls(**settings)
        if config["vocabulary"] is not None:
            tokenizer._set_vocabulary(config["vocabulary"])  # as it is: a model was trained with it
        return tokenizer

    def _in_normal_form(self, tokens: list[str]) -> list[str]:
        """Puts each token in the normal form of texts, unless that is a token too."""
        used, result = set(tokens), []
        for token, normal in zip(tokens, self._normal_forms(tokens), strict=True):
            result.append(token if normal in used else normal)
            used.add(normal)
        return result

    def _normal_forms(self, tokens: list[str]) -> list[str]:
        return [token.decode() for token in self.normalize(as_strings(list(tokens))).numpy()]

    def _set_vocabulary(self, tokens: list[str]) -> None:
        if tuple(tokens[: len(SPECIAL_TOKENS)]) != SPECIAL_TOKENS:
            raise ValueError(
                f"`vocabulary` must begin with {list(SPECIAL_TOKENS)}. "
                f"Received: {list(tokens[:4])}."
            )
        super()._set_vocabulary(tokens)
        self._ids = string_lookup(self._tokens)

    def _encode(self, strings: tf.Tensor) -> tf.RaggedTensor:
        split = self._split(strings)
        return split.with_flat_values(
            tf.cast(self._ids.lookup_table.lookup(split.flat_values), tf.int32)
        )

    def split(self, strings: tf.Tensor) -> tf.RaggedTensor:
        """The strings `(B, None)` of which `tokenize` makes ids, known or not."""
        self._require_vocabulary()
        return self._split(self.normalize(strings))

    pieces = split  # its name in version 0.1

    def detokenize_with(self, ids: tf.Tensor, unknown: tf.Tensor) -> tf.Tensor:
        """`detokenize`, with strings `(..., T)` for its unknown tokens."""

        def decode(ids: tf.RaggedTensor, unknown: tf.RaggedTensor) -> tf.Tensor:
            known = self._strings(ids.flat_values)
            replaced = tf.where(ids.flat_values == self.unknown_id, unknown.flat_values, known)
            return self._join(ids.with_flat_values(replaced))

        return self._text(tf.cast(ids, tf.int32), decode, unknown)

    def _decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        return self._join(ids.with_flat_values(self._strings(ids.flat_values)))

    def _split(self, strings: tf.Tensor) -> tf.RaggedTensor:
        """Tokens `(N, None)` of normalised strings `(N,)`."""
        raise NotImplementedError

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        """Inverts `_split`."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="seqzoo")
class TokenLookup(LookupTokenizer):
    """Takes every string for one token, as a tagger gets them, spaces and all.

    Core TensorFlow ops only. Arguments as in `LookupTokenizer`.

    Strings `(B,)` become one id each, ragged `(B, None)`.

    Example:
        >>> lookup = sz.preprocessing.TokenLookup()
        >>> lookup.adapt(["New York", "left"])
        >>> lookup.tokenize(["left", "unseen"]).to_list()
        [[5], [1]]
    """

    def _split(self, strings: tf.Tensor) -> tf.RaggedTensor:
        return tf.RaggedTensor.from_uniform_row_length(strings, 1)

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.reduce_join(tokens, axis=1, separator=" ")


@keras.saving.register_keras_serializable(package="seqzoo")
class CharacterTokenizer(LookupTokenizer):
    """Makes one token of each Unicode character, spaces and line breaks too.

    Core TensorFlow ops only. Arguments as in `LookupTokenizer`.

    `tokenize` takes strings `(B,)` and returns ragged ids `(B, None)`; `detokenize` the reverse.

    Example:
        >>> tokenizer = sz.preprocessing.CharacterTokenizer()
        >>> tokenizer.adapt(["abc", "ab"])
        >>> tokenizer.tokenize(["bad", ""]).to_list()
        [[5, 4, 1], []]
        >>> tokenizer.vocabulary
        ['', '<unk>', '<start>', '<end>', 'a', 'b', 'c']
    """

    def _split(self, strings: tf.Tensor) -> tf.RaggedTensor:
        return tf.strings.unicode_split(strings, "UTF-8")

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.reduce_join(tokens, axis=1)

    def _display(self, tokens: tf.Tensor) -> tf.Tensor:
        for blank, shown in ((" ", "␣"), ("\n", "↵"), ("\t", "⇥")):
            tokens = tf.where(tokens == blank, shown, tokens)
        return tokens


@keras.saving.register_keras_serializable(package="seqzoo")
class WhitespaceTokenizer(LookupTokenizer):
    """Splits at white space and nowhere else, for texts that are tokenized already.

    So are the Penn Treebank and WikiText, where `<unk>` stands for rare words: it gets the id of
    unknown tokens. The special tokens that a text may not hold are unknown as well.

    Core TensorFlow ops only.

    Args:
        vocabulary_size: See `LookupTokenizer`, as all that follow the next one.
        sorted_prefix: What tokens begin with whose order says nothing, as the features of a word
            form have a "+". They are put behind the others, in the order of the vocabulary.

    `tokenize` takes strings `(B,)` and returns ragged ids `(B, None)`; `detokenize` the reverse.

    Example:
        >>> tokenizer = sz.preprocessing.WhitespaceTokenizer()
        >>> tokenizer.adapt(["the <unk> sat .", "the end ."])
        >>> tokenizer.tokens(tokenizer.tokenize(["the cat sat ."])).numpy().tolist()
        [[b'the', b'<unk>', b'sat', b'.']]
    """

    def __init__(
        self,
        vocabulary_size: int | None = None,
        sorted_prefix: str | None = None,
        **settings: Any,
    ):
        self.sorted_prefix = sorted_prefix
        super().__init__(vocabulary_size, **settings)

    def normalize(self, strings: tf.Tensor) -> tf.Tensor:
        strings = norm.squeeze_spaces(super().normalize(strings))
        if self.sorted_prefix is None or self._ids is None:  # what has no ids has no order yet
            return strings
        return self._join(self._sorted(self._split(strings), self.sorted_prefix))

    def _sorted(self, tokens: tf.RaggedTensor, prefix: str) -> tf.RaggedTensor:
        """Puts the tokens with a prefix behind the others of their row, by their ids."""
        flat, far = tokens.flat_values, tf.int64.max // 2
        has_prefix = tf.strings.substr(flat, 0, len(prefix.encode())) == prefix
        ids = self._ids.lookup_table.lookup(flat)
        place = tf.where(has_prefix, far + ids, tf.range(tf.size(ids, tf.int64)))
        order = tf.argsort(place, stable=True)  # within rows, as the next sort keeps this order
        rows = tf.gather(tokens.value_rowids(), order)
        order = tf.gather(order, tf.argsort(rows, stable=True))
        return tokens.with_flat_values(tf.gather(flat, order))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"sorted_prefix": self.sorted_prefix}

    def _encode(self, strings: tf.Tensor) -> tf.RaggedTensor:
        ids = super()._encode(strings)
        special = ids.flat_values <= Tokenizer.end_id
        return ids.with_flat_values(tf.where(special, Tokenizer.unknown_id, ids.flat_values))

    def _split(self, strings: tf.Tensor) -> tf.RaggedTensor:
        return tf.strings.split(strings)

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.reduce_join(tokens, axis=1, separator=" ")
