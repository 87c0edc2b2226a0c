"""Attention that depends on where the query before has read."""

import keras
from keras import ops

from seqzoo.layers.attention.additive import HistoryAttention
from seqzoo.ops.affine import affine
from seqzoo.ops.masks import real_first


@keras.saving.register_keras_serializable(package="seqzoo")
class LocationSensitiveAttention(HistoryAttention):
    """Scores each memory step also by the weights that it and its neighbours got before.

    score(q, k, f) = v · tanh(W q + U k + V f + b), where f are `filters` features of a step, from
    a convolution over the weights of the query before, or over the sum of the weights of all
    queries before. So it can learn to move through the memory step by step, as speech needs.

    The neighbours of a step are the nearest real steps: padding between them does not count. The
    state is the input of the convolution, `(B, 1, S)`, zeros at first.

    Args:
        units: Positive int. Width of the hidden comparison.
        filters: Positive int. Features of the convolution.
        kernel_size: Positive int. Steps that a feature depends on; where it is even, one more
            after the step than before it.
        cumulative: Whether the weights of all queries before are summed, as in Tacotron 2.

    For call arguments and results see `Attention`.

    Raises:
        ValueError: when built, if one of the sizes is not positive.
    References: Chorowski et al., 2015, section 2.1, https://arxiv.org/abs/1506.07503; with
    `cumulative`, Shen et al., 2018, section 2.2, https://arxiv.org/abs/1712.05884, whose
    convolution has the 32 filters of 31 steps that are the defaults here.

    Example:
        >>> attention = sz.layers.LocationSensitiveAttention(5, filters=2, kernel_size=3)
        >>> context, weights, state = attention(np.ones((2, 1, 6)), np.ones((2, 4, 3)))
        >>> tuple(context.shape), tuple(state.shape)
        ((2, 1, 3), (2, 1, 4))
    """

    def __init__(
        self,
        units: int,
        filters: int = 32,
        kernel_size: int = 31,
        cumulative: bool = False,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.cumulative = cumulative

    def make_weights(self, query_features, value_features):
        for name in ("filters", "kernel_size"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be at least 1. Received: {name}={getattr(self, name)}."
                )
        super().make_weights(query_features, value_features)
        self.filter_kernel = self.add_weight(
            (self.kernel_size, 1, self.filters), name="filter_kernel"
        )
        self.location_kernel = self.add_weight((self.filters, self.units), name="location_kernel")

    def memory(self, values, mask=None):
        """Projects the values once, and moves the keys of the real steps to the front."""
        memory = super().memory(values, mask)
        order, ranks = real_first(memory.mask)
        keys = ops.take_along_axis(memory.keys, ops.expand_dims(order, -1), axis=1)
        return memory._replace(keys=(keys, order, ranks))

    def extra_weights(self):
        kernels = self.cast(self.filter_kernel), self.cast(self.location_kernel)
        return (*super().extra_weights(), *kernels)

    def next_state(self, state, weights):
        return state + weights if self.cumulative else weights

    def score(self, query, memory, state, project, extra_weights):
        keys, order, ranks = memory.keys
        state = _arrange(state, order)
        memory = memory._replace(keys=keys)
        return _arrange(super().score(query, memory, state, project, extra_weights), ranks)

    def keys_in(self, state, keys, weights):
        filter_kernel, location_kernel = weights
        examples, queries, source_time = ops.shape(state)
        signal = ops.reshape(state, (examples * queries, source_time, 1))
        features = ops.conv(signal, filter_kernel, padding="same", data_format="channels_last")
        located = affine(features, location_kernel)
        located = ops.reshape(located, (examples, queries, source_time, self.units))
        return super().keys_in(state, keys, weights) + located

    def get_config(self):
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "cumulative": self.cumulative,
        }


def _arrange(steps, order):
    """Returns `steps` `(B, T, S)` in the order of the indices `(B, S)`."""
    return ops.take_along_axis(steps, ops.expand_dims(order, 1), axis=2)
