"""Texts that are tokens already."""

from __future__ import annotations

import keras
import tensorflow as tf

from seqzoo.preprocessing.lookup import LookupTokenizer


@keras.saving.register_keras_serializable(package="seqzoo")
class TokenLookup(LookupTokenizer):
    """Takes every string for one token, as a tagger gets them, spaces and all.

    Core TensorFlow ops only. Arguments as in `LookupTokenizer`.
    """

    def _split(self, strings: tf.Tensor) -> tf.RaggedTensor:
        return tf.RaggedTensor.from_uniform_row_length(strings, 1)

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.reduce_join(tokens, axis=1, separator=" ")
