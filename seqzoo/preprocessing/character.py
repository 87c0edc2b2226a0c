"""Unicode characters as tokens."""

from __future__ import annotations

import keras
import tensorflow as tf

from seqzoo.preprocessing.lookup import LookupTokenizer


@keras.saving.register_keras_serializable(package="seqzoo")
class CharacterTokenizer(LookupTokenizer):
    """Makes one token of each Unicode character, spaces and line breaks too.

    Core TensorFlow ops only. Arguments as in `LookupTokenizer`.
    """

    def _split(self, strings: tf.Tensor) -> tf.RaggedTensor:
        return tf.strings.unicode_split(strings, "UTF-8")

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.reduce_join(tokens, axis=1)

    def _display(self, tokens: tf.Tensor) -> tf.Tensor:
        for blank, shown in ((" ", "␣"), ("\n", "↵"), ("\t", "⇥")):
            tokens = tf.where(tokens == blank, shown, tokens)
        return tokens
