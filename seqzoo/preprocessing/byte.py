"""Bytes of UTF-8 as tokens."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from seqzoo.preprocessing import text_normalization as norm
from seqzoo.preprocessing.corpus import Texts, text_batches
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS, Normalization, Tokenizer
from seqzoo.preprocessing.vocabulary_files import read_tokens, write_tokens

_FIRST = len(SPECIAL_TOKENS)  # the id of byte 0
_NAMES = [chr(b) if 0x21 <= b < 0x7F else f"<0x{b:02X}>" for b in range(256)]


@keras.saving.register_keras_serializable(package="seqzoo")
class ByteTokenizer(Tokenizer):
    """Makes one token of each byte of the UTF-8 text: 260 ids in all, and none is unknown.

    It needs no `adapt`. Ids that make no valid UTF-8 show as U+FFFD in a text.

    Core TensorFlow ops only. Arguments as in `Tokenizer`.

    `tokenize` takes strings `(B,)` and returns ragged ids `(B, None)`; `detokenize` the reverse.

    Example:
        >>> tokenizer = sz.preprocessing.ByteTokenizer()
        >>> ids = tokenizer.tokenize(["hé"])
        >>> ids.to_list(), tokenizer.detokenize(ids).numpy()[0].decode()
        ([[108, 199, 173]], 'hé')
    """

    def __init__(self, lowercase: bool = False, normalization: Normalization = "nfc"):
        super().__init__(lowercase=lowercase, normalization=normalization)
        self._set_vocabulary([*SPECIAL_TOKENS, *_NAMES])

    def adapt(self, texts: Texts) -> None:
        """Looks whether `texts` are a corpus; the vocabulary is the same for every one."""
        next(iter(text_batches(texts)))

    def save_vocabulary(self, path: str) -> None:
        """Writes JSON: the tokens, one on a line, and their digest."""
        write_tokens(path, self.vocabulary)

    @classmethod
    def load_vocabulary(cls, path: str, **settings: Any) -> ByteTokenizer:
        """Makes a tokenizer of a saved vocabulary, which it has anyway, and other arguments.

        Raises:
            ValueError: if the file is damaged, or holds another vocabulary.
        """
        tokenizer = cls(**settings)
        if read_tokens(path) != tokenizer.vocabulary:
            raise ValueError(
                f"{path} holds no vocabulary of bytes. Load it with the tokenizer that saved it."
            )
        return tokenizer

    def _encode(self, strings: tf.Tensor) -> tf.RaggedTensor:
        split = tf.strings.bytes_split(strings)
        codes = tf.reshape(tf.io.decode_raw(split.flat_values, tf.uint8, fixed_length=1), [-1])
        return split.with_flat_values(tf.cast(codes, tf.int32) + _FIRST)

    def _decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        special = [token.encode() for token in SPECIAL_TOKENS]
        table = tf.constant([*special, *(bytes([b]) for b in range(256))])
        text = tf.strings.reduce_join(ids.with_flat_values(tf.gather(table, ids.flat_values)), 1)
        return norm.replace_invalid(text)
