"""Attention over the neighbours of a node."""

from typing import Literal

import keras
from keras import ops

from seqzoo.layers.graph.graph_layer import GraphLayer
from seqzoo.ops.affine import affine
from seqzoo.ops.gather import gather
from seqzoo.ops.graphs import FlatEdges, softmax_at_targets, sum_at_targets
from seqzoo.ops.option_names import check_known

SCORES = ("static", "dynamic")


@keras.saving.register_keras_serializable(package="seqzoo")
class GraphAttention(GraphLayer):
    """Takes a weighted mean of a node and its neighbours, with weights that it computes of both.

    For each head, with a softmax over t itself and all edges that end there:

        score(s, t) = leaky(a · W x_s + c · W x_t)       "static"
        score(s, t) = a · leaky(W x_s + V x_t)           "dynamic"
        y_t = f(sum over s of weight(s, t) W x_s + b)

    Static scores put the neighbours of all nodes in one order; dynamic ones (GATv2) need not. Types
    of edges make no difference.

    Args:
        units: See `GraphLayer`; the heads stand side by side in it, or are averaged.
        both_ways: See `GraphLayer`.
        heads: Positive int. Each has `units / heads` values of its own; `units` where averaged.
        scores: `"static"` or `"dynamic"`.
        average: Whether the heads are averaged, as in the last layer of the paper.
        activation: f, as in Keras; None is none.
        dropout: From 0 to below 1: the share of the weights that is set to 0 in training.

    For call arguments and results, `(B, N, units)`, see `GraphLayer`.

    Raises:
        ValueError: if the heads do not divide `units`, or `scores` is unknown.

    Reference: Veličković et al., 2018, https://arxiv.org/abs/1710.10903, and Brody et al., 2022,
    https://arxiv.org/abs/2105.14491

    Example:
        >>> layer = sz.layers.GraphAttention(6, heads=2, scores="dynamic")
        >>> tuple(layer(np.ones((1, 3, 4), "float32"), np.array([[[0, 1, 1]]])).shape)
        (1, 3, 6)
    """

    def __init__(
        self,
        units: int,
        both_ways: bool = True,
        heads: int = 1,
        scores: Literal["static", "dynamic"] = "static",
        average: bool = False,
        activation=None,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(units, both_ways, **kwargs)
        check_known("scores", scores, SCORES)
        if heads < 1 or (units % heads and not average):
            raise ValueError(
                f"`heads` must divide `units`. Received: heads={heads} and units={units}."
            )
        self.heads = heads
        self.scores = scores
        self.average = average
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, nodes_shape):
        width = self.units if self.average else self.units // self.heads
        shape = (nodes_shape[-1], self.heads * width)
        self.kernel = self.add_weight(shape, name="kernel")
        self.source_scores = self.add_weight((self.heads, width), name="source_scores")
        if self.scores == "static":
            self.target_scores = self.add_weight((self.heads, width), name="target_scores")
        else:
            self.target_kernel = self.add_weight(shape, name="target_kernel")
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def propagate(self, nodes, edges, training):
        cast = self.compute_dtype
        edges = _with_loops(edges)
        values = self._by_head(affine(nodes, ops.cast(self.kernel, cast)))
        scores = self._scores(nodes, values, edges)
        weights = softmax_at_targets(scores, edges)
        weights = self.drop(ops.cast(weights, cast), training=training)
        sums = sum_at_targets(gather(values, edges.sources) * weights[..., None], edges)
        if self.average:
            sums = ops.mean(sums, axis=1)
        sums = ops.reshape(sums, (-1, self.units)) + ops.cast(self.bias, cast)
        return self.activation(sums)

    def _scores(self, nodes, values, edges: FlatEdges):
        """Returns the score of each edge `(M, heads)`, float32 or wider."""
        cast = self.compute_dtype
        of_source = ops.cast(self.source_scores, cast)
        if self.scores == "static":
            of_target = ops.cast(self.target_scores, cast)
            from_sources = gather(ops.sum(values * of_source, axis=-1), edges.sources)
            from_targets = gather(ops.sum(values * of_target, axis=-1), edges.targets)
            scores = _leaky(from_sources + from_targets)
        else:
            targets = self._by_head(affine(nodes, ops.cast(self.target_kernel, cast)))
            both = gather(values, edges.sources) + gather(targets, edges.targets)
            scores = ops.sum(_leaky(both) * of_source, axis=-1)
        return ops.cast(scores, keras.backend.result_type(cast, "float32"))

    def _by_head(self, values):
        return ops.reshape(values, (-1, self.heads, values.shape[-1] // self.heads))

    def get_config(self):
        names = ("heads", "scores", "average", "dropout")
        own = {name: getattr(self, name) for name in names}
        own["activation"] = keras.activations.serialize(self.activation)
        return super().get_config() | own


def _with_loops(edges: FlatEdges) -> FlatEdges:
    """Returns the edges and one more at each node, from itself to itself."""
    nodes = ops.arange(edges.count, dtype="int32")
    zeros, real = ops.zeros_like(nodes), ops.ones_like(nodes, "bool")
    return FlatEdges(
        ops.concatenate([edges.sources, nodes]),
        ops.concatenate([edges.targets, nodes]),
        ops.concatenate([edges.types, zeros]),
        ops.concatenate([edges.reverse, ops.zeros_like(real)]),
        ops.concatenate([edges.real, real]),
        edges.count,
    )


def _leaky(values):
    """Returns values, those below 0 times 0.2, which TensorFlow's own takes as a float32."""
    return ops.maximum(values, 0.2 * values)
