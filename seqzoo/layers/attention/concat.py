"""Attention that compares query and memory step side by side."""

import math

import keras

from seqzoo.layers.attention.additive import AdditiveAttention


@keras.saving.register_keras_serializable(package="seqzoo")
class ConcatAttention(AdditiveAttention):
    """Luong's concat score, score(q, k) = v · tanh(W [q; k]).

    A product by a matrix beside another is the sum of two products, so this is the additive
    score with both halves of W as its kernels: the same function of the same weights. What
    differs is how they begin, here as one matrix that is drawn as Glorot does.

    For arguments see `AdditiveAttention`, for call arguments and results `Attention`.

    Reference: Luong et al., 2015, section 3.1, https://arxiv.org/abs/1508.04025
    """

    def kernel_initializer(self, query_features, value_features):
        limit = math.sqrt(6 / (query_features + value_features + self.units))
        return keras.initializers.RandomUniform(-limit, limit)
