"""Attention that compares by a bilinear form."""

import keras
from keras import ops

from seqzoo.layers.attention.attention import Attention


@keras.saving.register_keras_serializable(package="seqzoo")
class GeneralAttention(Attention):
    """Scores a query against each memory step by a bilinear form, score(q, k) = q · W k.

    The product `W k` is taken once, for all queries. For call arguments and results see
    `Attention`.

    Reference: Luong et al., 2015, section 3.1, https://arxiv.org/abs/1508.04025

    Query `(B, T, features)`, memory `(B, S, value_features)`, context `(B, T, value_features)`.

    Example:
        >>> attention = sz.layers.GeneralAttention()
        >>> context, weights, _ = attention(np.ones((2, 1, 6)), np.ones((2, 4, 3)))
        >>> tuple(context.shape), tuple(weights.shape)
        ((2, 1, 3), (2, 1, 4))
    """

    def make_weights(self, query_features, value_features):
        self.kernel = self.add_weight(shape=(value_features, query_features), name="kernel")

    def keys_of(self, values):
        return self.project(values, self.kernel)

    def score(self, query, memory, state, project, extra_weights):
        return ops.matmul(query, ops.transpose(memory.keys, (0, 2, 1)))
