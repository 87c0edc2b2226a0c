"""Attention that moves through the memory from left to right, and never back."""

import keras
from keras import ops

from seqzoo.layers.attention.additive import HistoryAttention
from seqzoo.layers.attention.attention import Memory
from seqzoo.ops.affine import affine
from seqzoo.ops.masks import real_first
from seqzoo.ops.monotonic import chunk_weights, expected_alignment, first_chosen, is_past


@keras.saving.register_keras_serializable(package="seqzoo")
class MonotonicAttention(HistoryAttention):
    """Chooses one memory step for each query: that of the query before, or one after it.

    From there on, each step is chosen with probability sigmoid(score), or else the next one is
    tried; score(q, k) = g v / |v| · tanh(W q + U k + b) + r. In training the weights are the
    probabilities that the steps are chosen, and noise on the scores teaches them to be far from 0.
    Outside of training the first step whose score is above 0 is chosen, and its weight is 1: a
    choice without a gradient. The last step is chosen where no other one is.

    The state is the weights of the query before, `(B, 1, S)`, zeros at first.

    Args:
        units: Positive int. Width of the hidden comparison.
        noise: Float, at least 0: the standard deviation of the noise in training.
        initial_offset: Float, r at first. The lower, the further the first weights reach.

    For call arguments and results see `Attention`.

    Raises:
        ValueError: when built, if `units` is not positive or `noise` is negative.
    Reference: Raffel et al., 2017, https://arxiv.org/abs/1704.00784
    Differs from the paper: where no step is chosen, the last one is read in place of nothing.

    Example:
        >>> attention = sz.layers.MonotonicAttention(5)
        >>> context, weights, state = attention(np.ones((2, 1, 6)), np.ones((2, 4, 3)))
        >>> tuple(context.shape), np.sort(weights[0, 0]).tolist()
        ((2, 1, 3), [0.0, 0.0, 0.0, 1.0])
    """

    def __init__(self, units: int, noise: float = 1.0, initial_offset: float = -1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.noise = noise
        self.initial_offset = initial_offset
        self.seed_generator = keras.random.SeedGenerator()

    def make_weights(self, query_features, value_features):
        if self.noise < 0:
            raise ValueError(f"`noise` must be at least 0. Received: noise={self.noise}.")
        super().make_weights(query_features, value_features)
        self.gain = self.add_weight((), keras.initializers.Constant(self.units**-0.5), name="gain")
        self.offset = self.add_weight(
            (), keras.initializers.Constant(self.initial_offset), name="offset"
        )

    def extra_weights(self):
        scale = ops.convert_to_tensor(self.scale)
        scale = self.gain * scale / ops.sqrt(ops.sum(ops.square(scale)))
        return self.cast(scale), self.cast(self.offset)

    def score(self, query, memory, state, project, extra_weights):
        scale, offset = extra_weights[:2]
        return super().score(query, memory, state, project, (scale,)) + offset

    def training_noise(self, queries, rows, memory):
        shape = (queries, rows, ops.shape(memory.mask)[1])
        dtype = self.compute_dtype
        if not self.noise:
            return ops.zeros(shape, dtype=dtype)
        return keras.random.normal(shape, stddev=self.noise, dtype=dtype, seed=self.seed_generator)

    def attend(
        self,
        query,
        memory,
        state,
        project,
        extra_weights,
        return_weights=True,
        mask=None,
        noise=None,
    ):
        readable = self.readable(memory, mask)
        scores = self.score(query, memory, state, project, extra_weights)
        exact = keras.backend.result_type(scores.dtype, "float32")
        # A state of zeros is that before the first query, which may read from the first step on.
        is_new = ops.all(state == 0, axis=-1, keepdims=True)
        is_first = ops.arange(ops.shape(memory.mask)[1]) == 0
        before = ops.where(is_new, ops.cast(is_first, exact), ops.cast(state, exact))
        readable = ops.broadcast_to(readable, ops.shape(scores))
        dtype, scores = scores.dtype, ops.cast(scores, exact)
        if noise is None:
            # A choice has no slope; a loop over time wants one of each of its products, of zeros.
            alignment = first_chosen(scores, before, readable) + 0 * scores
        else:
            alignment = expected_alignment(scores + ops.cast(noise, exact), before, readable)
        # What has come past all readable steps stays where it is.
        state = alignment + ops.where(is_past(readable), before, ops.zeros_like(before))
        weights = self.spread(alignment, query, memory, readable, project, extra_weights)
        weights, state = ops.cast(weights, dtype), ops.cast(state, dtype)
        return ops.matmul(weights, memory.values), weights if return_weights else (), state

    def spread(self, alignment, query, memory: Memory, readable, project, extra_weights: tuple):
        """Returns the weights `(B, T, S)` of queries that stop where `alignment` says."""
        return alignment

    def get_config(self):
        own = {"noise": self.noise, "initial_offset": self.initial_offset}
        return super().get_config() | own


@keras.saving.register_keras_serializable(package="seqzoo")
class MonotonicChunkwiseAttention(MonotonicAttention):
    """Monotonic attention that reads the chunk of memory steps up to the chosen one (MoChA).

    The weights in the chunk are a softmax of additive scores of their own. Padding between real
    steps does not count.

    Args:
        units: See `MonotonicAttention`.
        chunk_width: Positive int. Real steps of a chunk.
        noise: See `MonotonicAttention`.
        initial_offset: See `MonotonicAttention`.

    The state is the weights of the steps that the query before has chosen, `(B, 1, S)`. For call
    arguments and results see `Attention`.

    Raises:
        ValueError: when built, if a size is not positive or `noise` is negative.
    Reference: Chiu and Raffel, 2018, https://arxiv.org/abs/1712.05382

    Example:
        >>> attention = sz.layers.MonotonicChunkwiseAttention(5, chunk_width=2)
        >>> context, weights, state = attention(np.ones((2, 1, 6)), np.ones((2, 4, 3)))
        >>> tuple(context.shape), np.sort(weights[0, 0]).tolist()
        ((2, 1, 3), [0.0, 0.0, 0.5, 0.5])
    """

    def __init__(
        self,
        units: int,
        chunk_width: int = 2,
        noise: float = 1.0,
        initial_offset: float = -1.0,
        **kwargs,
    ):
        super().__init__(units, noise, initial_offset, **kwargs)
        self.chunk_width = chunk_width

    def make_weights(self, query_features, value_features):
        if self.chunk_width < 1:
            raise ValueError(
                f"`chunk_width` must be at least 1. Received: chunk_width={self.chunk_width}."
            )
        super().make_weights(query_features, value_features)
        self.chunk_query_kernel = self.add_weight(
            (query_features, self.units), name="chunk_query_kernel"
        )
        self.chunk_key_kernel = self.add_weight(
            (value_features, self.units), name="chunk_key_kernel"
        )
        self.chunk_bias = self.add_weight((self.units,), "zeros", name="chunk_bias")
        self.chunk_scale = self.add_weight((self.units, 1), name="chunk_scale")

    def memory(self, values, mask=None):
        memory = super().memory(values, mask)
        chunk_keys = self.project(values, self.chunk_key_kernel) + self.cast(self.chunk_bias)
        return memory._replace(keys=(memory.keys, chunk_keys, *real_first(memory.mask)))

    def projections(self):
        return super().projections() | {"chunk_query": (self.cast(self.chunk_query_kernel),)}

    def extra_weights(self):
        return (*super().extra_weights(), self.cast(self.chunk_scale))

    def score(self, query, memory, state, project, extra_weights):
        memory = memory._replace(keys=memory.keys[0])
        return super().score(query, memory, state, project, extra_weights)

    def spread(self, alignment, query, memory, readable, project, extra_weights):
        _, keys, order, ranks = memory.keys
        hidden = ops.expand_dims(project("chunk_query", query), 2) + ops.expand_dims(keys, 1)
        scores = ops.squeeze(affine(ops.tanh(hidden), extra_weights[2]), -1)

        def arranged(steps, indices):  # (B, T, S) in the order of indices (B, S)
            return ops.take_along_axis(steps, ops.expand_dims(indices, 1), axis=2)

        scores = arranged(ops.cast(scores, alignment.dtype), order)
        alignment, readable = arranged(alignment, order), arranged(readable, order)
        return arranged(chunk_weights(alignment, scores, readable, self.chunk_width), ranks)

    def get_config(self):
        return super().get_config() | {"chunk_width": self.chunk_width}
