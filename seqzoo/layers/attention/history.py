"""The base of attentions that know where they looked before."""

from keras import ops

from seqzoo.layers.attention.additive import AdditiveAttention


class HistoryAttention(AdditiveAttention):
    """An additive score, with a bias, that also sees what weights each memory step got.

    A subclass says what is kept of the weights (`next_state`) and how it changes the keys
    (`keys_in`). The state is `(B, 1, S)`, zeros at first.
    """

    def make_weights(self, query_features, value_features):
        super().make_weights(query_features, value_features)
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def keys_of(self, values):
        return super().keys_of(values) + self.cast(self.bias)

    def initial_state(self, memory, queries=1):
        return ops.repeat(ops.zeros_like(memory.values[:, None, :, 0]), queries, axis=1)
