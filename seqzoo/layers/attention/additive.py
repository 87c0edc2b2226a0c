"""Attention that compares by a small network, and its base with a state."""

from collections.abc import Sequence

import keras
from keras import ops

from seqzoo.layers.attention.attention import Attention
from seqzoo.ops.affine import affine


@keras.saving.register_keras_serializable(package="seqzoo")
class AdditiveAttention(Attention):
    """Scores a query against each memory step with a small network.

    score(q, k) = v · tanh(W q + U k). Padded steps get weight 0. A row with no real step gets
    all zeros, not NaN.

    Args:
        units: Positive int. Width of the hidden comparison.

    For call arguments and results see `Attention`.

    Raises:
        ValueError: if `units` is not positive.
    Reference: Bahdanau et al., 2015, appendix A.1.2, https://arxiv.org/abs/1409.0473

    Example:
        >>> attention = sz.layers.AdditiveAttention(5)
        >>> attention.build((2, 1, 6), (2, 4, 3))
        >>> memory = attention.memory(np.ones((2, 4, 3), "float32"), np.ones((2, 4), bool))
        >>> context, weights, _ = attention(np.ones((2, 1, 6), "float32"), memory)
        >>> keras.ops.shape(context), weights[0, 0].numpy().tolist()
        ((2, 1, 3), [0.25, 0.25, 0.25, 0.25])
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def make_weights(self, query_features, value_features):
        if self.units < 1:
            raise ValueError(f"`units` must be at least 1. Received: units={self.units}.")
        for name, features in (("query_kernel", query_features), ("key_kernel", value_features)):
            initializer = self.kernel_initializer(query_features, value_features)
            kernel = self.add_weight((features, self.units), initializer, name=name)
            setattr(self, name, kernel)
        self.scale = self.add_weight(shape=(self.units, 1), name="scale")

    def kernel_initializer(self, query_features: int, value_features: int):
        """Returns the initializer of the kernels of queries and of keys."""
        return "glorot_uniform"

    def keys_of(self, values):
        return self.project(values, self.key_kernel)

    def extra_weights(self):
        return (self.cast(self.scale),)

    def projections(self):
        return {"query": (self.cast(self.query_kernel),)}

    def score(self, query, memory, state, project, extra_weights):
        scale, *others = extra_weights
        keys = self.keys_in(state, memory.keys, others)
        hidden = ops.expand_dims(project("query", query), 2) + keys
        return ops.squeeze(affine(ops.tanh(hidden), scale), -1)  # (B, T, S, U) -> (B, T, S)

    def keys_in(self, state, keys, weights: Sequence):
        """Returns the keys `(B, T or 1, S, U)` for queries in this state.

        Args:
            state: The attention's own.
            keys: `(B, S, U)`.
            weights: The `extra_weights` without the scale.
        """
        return ops.expand_dims(keys, 1)

    def get_config(self):
        return super().get_config() | {"units": self.units}


class HistoryAttention(AdditiveAttention):
    """An additive score, with a bias, that also depends on the weights of the queries before.

    A subclass says what the state holds of the weights (`next_state`) and how it changes the keys
    (`keys_in`). The state is `(B, 1, S)`, zeros at first.
    """

    def make_weights(self, query_features, value_features):
        super().make_weights(query_features, value_features)
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def keys_of(self, values):
        return super().keys_of(values) + self.cast(self.bias)

    def initial_state(self, memory, queries=1):
        return ops.repeat(ops.zeros_like(memory.values[:, None, :, 0]), queries, axis=1)
