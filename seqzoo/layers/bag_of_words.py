"""The wide part of a classifier: what each word says, whatever its place."""

from __future__ import annotations

import keras
from keras import ops

_SCALE = 10.0  # steps of Adam at a rate of 0.001 then learn rare words too


@keras.saving.register_keras_serializable(package="seqzoo")
class BagOfWords(keras.layers.Layer):
    """Logits to which each token and each pair of neighbouring tokens of a text adds its own.

    Logistic regression on counts, divided by the root of their sum. The weights begin at 0.

    Args:
        vocabulary_size: Positive int, the tokens.
        bigram_count: Int, the pairs of tokens that are known.
        class_count: Positive int.

    Call arguments:
        ids: Int tensor `(B, S)`.
        bigrams: Int tensor `(B, S)`, the number from 1 on of the pair of a token and the one
            before it; 0 is none that is known.
        mask: Boolean `(B, S)`. A pair counts where both of its tokens are real.

    Returns:
        Logits `(B, class_count)`.

    Reference: Wang and Manning, 2012, https://aclanthology.org/P12-2018

    Example:
        >>> bag = sz.layers.BagOfWords(vocabulary_size=7, bigram_count=3, class_count=2)
        >>> ids, bigrams, mask = np.array([[4, 5]]), np.array([[0, 3]]), np.array([[True, True]])
        >>> bag(ids, bigrams, mask=mask).numpy().tolist()
        [[0.0, 0.0]]
    """

    def __init__(self, vocabulary_size: int, bigram_count: int, class_count: int, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.bigram_count = bigram_count
        self.class_count = class_count
        self.supports_masking = True
        self.embedding = keras.layers.Embedding(
            vocabulary_size + bigram_count,
            class_count,
            "zeros",
            dtype=self.dtype_policy,
            name="embedding",
        )

    def build(self, ids_shape, bigrams_shape=None):
        self.embedding.build(ids_shape)
        self.bias = self.add_weight((self.class_count,), "zeros", name="bias")
        self.built = True

    def call(self, ids, bigrams, mask=None):
        if mask is None:
            mask = ops.ones_like(ids, dtype="bool")
        before = ops.pad(mask[:, :-1], [[0, 0], [1, 0]])
        is_known = (bigrams > 0) & mask & before
        pairs = ops.where(is_known, self.vocabulary_size + bigrams - 1, 0)
        votes = self.embedding(ops.concatenate([ids, pairs], axis=1))  # (B, 2 S, C)
        counts = ops.cast(ops.concatenate([mask, is_known], axis=1), votes.dtype)
        share = ops.rsqrt(ops.maximum(ops.sum(counts, axis=1, keepdims=True), 1.0))
        logits = ops.einsum("bs,bsc->bc", counts * share, votes)
        return _SCALE * logits + ops.cast(self.bias, votes.dtype)

    def compute_mask(self, ids, mask=None, **others):
        return None

    def get_config(self):
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "bigram_count": self.bigram_count,
            "class_count": self.class_count,
        }
