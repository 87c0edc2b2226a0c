"""Attention that compares by the scalar product."""

import keras
from keras import ops

from seqzoo.layers.attention.attention import Attention


@keras.saving.register_keras_serializable(package="seqzoo")
class DotAttention(Attention):
    """Scores a query against each memory step by their scalar product, score(q, k) = q · k.

    Queries and values must have the same width. For call arguments and results see `Attention`.

    Args:
        scaled: Whether to divide the scores by the square root of the width, as Vaswani et al.,
            2017 do, so that wide queries do not saturate the softmax.

    Raises:
        ValueError: when built, if the widths differ.
    Reference: Luong et al., 2015, section 3.1, https://arxiv.org/abs/1508.04025

    Query `(B, T, features)`, memory `(B, S, features)`; the context is `(B, T, features)`.

    Example:
        >>> attention = sz.layers.DotAttention(scaled=True)
        >>> context, weights, _ = attention(np.ones((2, 1, 3)), np.ones((2, 4, 3)))
        >>> tuple(context.shape), weights[0, 0].numpy().tolist()
        ((2, 1, 3), [0.25, 0.25, 0.25, 0.25])
    """

    has_weights = False

    def __init__(self, scaled: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.scaled = scaled

    def make_weights(self, query_features, value_features):
        if query_features != value_features:
            raise ValueError(
                "The dot score compares queries and values of one width. Received: queries of "
                f"{query_features} and values of {value_features}. Make them equal or use the "
                "'general' score."
            )

    def keys_of(self, values):
        return values * float(values.shape[-1]) ** -0.5 if self.scaled else values

    def score(self, query, memory, state, project, extra_weights):
        return ops.matmul(query, ops.transpose(memory.keys, (0, 2, 1)))

    def get_config(self):
        return super().get_config() | {"scaled": self.scaled}
