"""Attention by several scaled dot products side by side."""

import keras
from keras import ops

from seqzoo.layers.attention.attention import Attention, Memory
from seqzoo.ops.affine import affine
from seqzoo.ops.attention import attend
from seqzoo.ops.decoding.caches import as_shape
from seqzoo.ops.masks import lowest_score


@keras.saving.register_keras_serializable(package="seqzoo")
class MultiHeadAttention(Attention):
    """Reads with several heads, each of which has its own view of queries, keys and values.

    head(q) = softmax(W q · K / √head_units) V, and the context is a projection of all heads side
    by side. The weights that it returns are the mean of those of the heads. It reads from any
    memory, or from the queries themselves (self-attention).

    Args:
        num_heads: Positive int.
        head_units: Positive int. Width of the queries, keys and values of one head.
        causal: Whether query t reads only from the steps up to t. Queries and memory must then be
            of one length, as in self-attention.
        use_bias: Whether the projections add a bias; the paper's do not.
        scale: What scalar products are multiplied by; None is `1 / sqrt(head_units)`.
        output_units: Positive int, width of the context; None is that of the values.

    For call arguments and results see `Attention`.

    Raises:
        ValueError: when built, if a size is not positive; when called, if causal queries and
            memory differ in length.
    Reference: Vaswani et al., 2017, section 3.2, https://arxiv.org/abs/1706.03762

    Query `(B, T, features)`, memory `(B, S, value_features)`, context `(B, T, output_units)`.

    Example:
        >>> attention = sz.layers.MultiHeadAttention(num_heads=2, head_units=4)
        >>> context, weights, _ = attention(np.ones((2, 5, 6)), np.ones((2, 4, 3)))
        >>> tuple(context.shape), tuple(weights.shape)
        ((2, 5, 3), (2, 5, 4))
    """

    def __init__(
        self,
        num_heads: int,
        head_units: int,
        causal: bool = False,
        use_bias: bool = False,
        scale: float | None = None,
        output_units: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.head_units = head_units
        self.causal = causal
        self.use_bias = use_bias
        self.scale = scale
        self.output_units = output_units

    def make_weights(self, query_features, value_features):
        for name in ("num_heads", "head_units"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be at least 1. Received: {name}={getattr(self, name)}."
                )
        width = self.num_heads * self.head_units
        self.query_kernel = self.add_weight((query_features, width), name="query_kernel")
        self.key_kernel = self.add_weight((value_features, width), name="key_kernel")
        self.value_kernel = self.add_weight((value_features, width), name="value_kernel")
        outputs = value_features if self.output_units is None else self.output_units
        self.output_kernel = self.add_weight((width, outputs), name="output_kernel")
        if self.use_bias:
            widths = {"query": width, "key": width, "value": width, "output": outputs}
            self.query_bias, self.key_bias, self.value_bias, self.output_bias = (
                self.add_weight((units,), initializer="zeros", name=f"{name}_bias")
                for name, units in widths.items()
            )

    def memory(self, values, mask=None) -> Memory:
        """Projects the values, under a mask, once; see `Attention`.

        Returns:
            `Memory`, whose keys are the scaled keys and the values of the heads, each
            `(B, H, S, head_units)`, values of padding 0, and what is added to the scores of all
            queries, `(B, 1, 1, S)`.
        """
        memory = super().memory(values, mask)
        keys, values = memory.keys
        values = ops.where(memory.mask[:, None, :, None], values, ops.zeros_like(values))
        lowest = ops.cast(lowest_score(self.compute_dtype), self.compute_dtype)
        closed = ops.where(memory.mask, ops.zeros_like(lowest), lowest)
        return memory._replace(keys=(keys, values, closed[:, None, None, :]))

    def keys_of(self, values):
        keys = affine(values, *self._projection("key"))
        scale = self.head_units**-0.5 if self.scale is None else self.scale
        return self._split(keys * scale), self._split(affine(values, *self._projection("value")))

    def projections(self):
        return {name: self._projection(name) for name in ("query", "output")}

    def _projection(self, name: str) -> tuple:
        kinds = ("kernel", "bias") if self.use_bias else ("kernel",)
        return tuple(self.cast(getattr(self, f"{name}_{kind}")) for kind in kinds)

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
        keys, values, closed = memory.keys
        heads = self._split(project("query", query))
        if self.causal:
            mask = _until_now(query.shape[1], memory.mask, mask)
        if mask is None and not return_weights:
            # A row that may read nothing reads a mean of zeros.
            read, weights = attend(heads, keys, values, None, closed, scale=1.0, owner=self)
        else:
            mask = self.readable(memory, mask)
            read, weights = attend(
                heads, keys, values, mask, None, return_weights, scale=1.0, owner=self
            )
        read = ops.transpose(read, (0, 2, 1, 3))  # (B, H, T, head_units) -> (B, T, H, head_units)
        read = ops.reshape(read, (*ops.shape(query)[:2], self.num_heads * self.head_units))
        weights = ops.mean(weights, axis=1) if return_weights else ()
        return project("output", read), weights, state

    def step(self, query, sizes: tuple, memory, projections, return_weights: bool = False):
        """Reads for rows of queries `(N, features)`, of `sizes` B and K, from a memory of B rows.

        Args:
            query: `(N, features)`; N = B * K.
            sizes: B and K.
            memory: `Memory`.
            projections: `projections()`: a loop over steps makes them once, ahead of it.
            return_weights: Whether to return the mean of the weights of the heads.

        Returns:
            Contexts `(N, value_features)`, and weights `(B, K, S)` or `()`.
        """
        keys, values, closed = memory.keys
        shape = as_shape(*sizes, self.num_heads, self.head_units)
        heads = ops.reshape(affine(query, *projections["query"]), shape)
        heads = ops.transpose(heads, (0, 2, 1, 3))
        mask = self.readable(memory) if return_weights else None
        read, weights = attend(
            heads, keys, values, mask, None if return_weights else closed, return_weights, scale=1.0
        )
        read = ops.transpose(read, (0, 2, 1, 3))  # (B, H, K, head_units) -> (B, K, H, head_units)
        read = ops.reshape(read, (-1, self.num_heads * self.head_units))
        weights = ops.mean(weights, axis=1) if return_weights else ()
        return affine(read, *projections["output"]), weights

    def _split(self, features):
        """Returns features `(B, T, H * head_units)` as `(B, H, T, head_units)`."""
        sizes = (*ops.shape(features)[:2], self.num_heads, self.head_units)
        return ops.transpose(ops.reshape(features, sizes), (0, 2, 1, 3))

    def get_config(self):
        return super().get_config() | {
            "num_heads": self.num_heads,
            "head_units": self.head_units,
            "causal": self.causal,
            "use_bias": self.use_bias,
            "scale": self.scale,
            "output_units": self.output_units,
        }


def _until_now(queries, memory_mask, mask):
    """Returns where query t may read if only from the steps up to t, of where `mask` allows it."""
    steps = memory_mask.shape[1]
    if queries is not None and steps is not None and queries != steps:
        raise ValueError(
            "Causal attention compares the positions of queries with those of the memory, so both "
            f"must be of one length. Received: {queries} queries and {steps} steps. Set `causal` "
            "to False to read from another sequence."
        )
    positions = ops.arange(ops.shape(memory_mask)[1])
    past = ops.expand_dims(positions[:, None] >= positions, 0)  # (1, T, S)
    return past if mask is None else ops.logical_and(past, mask)
