"""Attention that compares query and memory step side by side."""

import math

import keras

from seqzoo.layers.attention.additive import AdditiveAttention


@keras.saving.register_keras_serializable(package="seqzoo")
class ConcatAttention(AdditiveAttention):
    """Luong's concat score, score(q, k) = v · tanh(W [q; k]).

    The product by W is the sum of two products, by its rows for the query and by its rows for the
    key. So this is the additive score with these two as its kernels: the same function of the
    same weights. Only the initial values differ: Glorot's rule is applied to W as one matrix.

    For arguments see `AdditiveAttention`, for call arguments and results `Attention`.

    Reference: Luong et al., 2015, section 3.1, https://arxiv.org/abs/1508.04025

    Query `(B, T, features)`, memory `(B, S, features)`; the context is `(B, T, value_features)`.

    Example:
        >>> attention = sz.layers.ConcatAttention(5)
        >>> context, weights, _ = attention(np.ones((2, 1, 6)), np.ones((2, 4, 3)))
        >>> tuple(context.shape), tuple(weights.shape)
        ((2, 1, 3), (2, 1, 4))
    """

    def kernel_initializer(self, query_features, value_features):
        limit = math.sqrt(6 / (query_features + value_features + self.units))
        return keras.initializers.RandomUniform(-limit, limit)
