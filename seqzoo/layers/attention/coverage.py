"""Attention that depends on how much of each memory step was read before."""

import keras
from keras import ops

from seqzoo.layers.attention.additive import HistoryAttention


@keras.saving.register_keras_serializable(package="seqzoo")
class CoverageAttention(HistoryAttention):
    """Scores each memory step also by its coverage, the sum of the weights that it got so far.

    score(q, k, c) = v · tanh(W q + U k + w c + b), so that it can learn to read every step once.
    `ops.losses.coverage_loss` is the loss for it. The state is the coverage, `(B, 1, S)`, zeros at
    first.

    For arguments see `AdditiveAttention`, for call arguments and results `Attention`.

    References: Tu et al., 2016, section 3.1, https://arxiv.org/abs/1601.04811; See et al., 2017,
    section 2.3, https://arxiv.org/abs/1704.04368

    Example:
        >>> attention = sz.layers.CoverageAttention(5)
        >>> context, weights, coverage = attention(np.ones((2, 3, 6)), np.ones((2, 4, 3)))
        >>> tuple(coverage.shape), round(float(keras.ops.sum(coverage[0])), 3)  # 3 queries, 1 each
        ((2, 1, 4), 3.0)
    """

    def make_weights(self, query_features, value_features):
        super().make_weights(query_features, value_features)
        self.coverage_kernel = self.add_weight((1, self.units), name="coverage_kernel")

    def extra_weights(self):
        return (*super().extra_weights(), self.cast(self.coverage_kernel))

    def next_state(self, state, weights):
        return state + weights

    def keys_in(self, state, keys, weights):
        (kernel,) = weights
        return super().keys_in(state, keys, weights) + ops.expand_dims(state, -1) * kernel
