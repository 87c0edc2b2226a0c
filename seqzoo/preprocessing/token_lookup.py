"""Texts that are tokens already."""

from __future__ import annotations

import keras
import tensorflow as tf

from seqzoo.preprocessing import normalization as norm
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


@keras.saving.register_keras_serializable(package="seqzoo")
class WhitespaceTokenizer(LookupTokenizer):
    """Splits at white space and nowhere else: for texts whose tokens are set apart already.

    Core TensorFlow ops only. Arguments as in `LookupTokenizer`.
    """

    def normalize(self, strings: tf.Tensor) -> tf.Tensor:
        return norm.squeeze_spaces(super().normalize(strings))

    def _split(self, strings: tf.Tensor) -> tf.RaggedTensor:
        return tf.strings.split(strings)

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.reduce_join(tokens, axis=1, separator=" ")
