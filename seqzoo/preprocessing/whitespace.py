"""Whatever stands between white space as tokens."""

from __future__ import annotations

import keras
import tensorflow as tf

from seqzoo.preprocessing import normalization as norm
from seqzoo.preprocessing.lookup import LookupTokenizer
from seqzoo.preprocessing.tokenizer import Tokenizer


@keras.saving.register_keras_serializable(package="seqzoo")
class WhitespaceTokenizer(LookupTokenizer):
    """Splits at white space and nowhere else, for texts that are tokenized already.

    So are the Penn Treebank and WikiText, where `<unk>` stands for rare words: it gets the id of
    unknown tokens. The special tokens that a text may not hold are unknown as well.

    Core TensorFlow ops only. Arguments as in `LookupTokenizer`.
    """

    def normalize(self, strings: tf.Tensor) -> tf.Tensor:
        return norm.squeeze_spaces(super().normalize(strings))

    def _encode(self, strings: tf.Tensor) -> tf.RaggedTensor:
        ids = super()._encode(strings)
        special = ids.flat_values <= Tokenizer.end_id
        return ids.with_flat_values(tf.where(special, Tokenizer.unknown_id, ids.flat_values))

    def _split(self, strings: tf.Tensor) -> tf.RaggedTensor:
        return tf.strings.split(strings)

    def _join(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.reduce_join(tokens, axis=1, separator=" ")
