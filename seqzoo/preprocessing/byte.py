"""Bytes of UTF-8 as tokens."""

from __future__ import annotations

import keras
import tensorflow as tf

from seqzoo.preprocessing.corpus import Texts, text_batches
from seqzoo.preprocessing.lookup import LookupTokenizer
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS

_NAMES = [f"<{byte}>" for byte in range(256)]
_BYTES = [bytes([byte]) for byte in range(256)]


@keras.saving.register_keras_serializable(package="seqzoo")
class ByteTokenizer(LookupTokenizer):
    """Makes one token of each byte of the text in UTF-8: 260 tokens, none of them unknown.

    Byte 65 is shown as `<65>`. `adapt` learns nothing. Core TensorFlow ops only. Arguments as in
    `LookupTokenizer`.
    """

    def adapt(self, texts: Texts) -> None:
        for _ in text_batches(texts):  # says what is wrong with a corpus
            break
        self._set_vocabulary([*SPECIAL_TOKENS, *_NAMES])

    def _split(self, strings: tf.Tensor) -> tf.RaggedTensor:
        single = tf.strings.bytes_split(strings)
        numbers = tf.io.decode_raw(single.flat_values, tf.uint8)  # (N, 1)
        names = tf.gather(tf.constant(_NAMES), tf.cast(tf.reshape(numbers, [-1]), tf.int32))
        return single.with_flat_values(names)

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        flat = tokens.flat_values
        is_byte = tf.strings.regex_full_match(flat, "<[0-9]+>")
        digits = tf.where(is_byte, tf.strings.regex_replace(flat, "[<>]", ""), "0")
        single = tf.gather(tf.constant(_BYTES), tf.strings.to_number(digits, tf.int32))
        single = tf.where(is_byte, single, flat)
        return tf.strings.reduce_join(tokens.with_flat_values(single), axis=1)
