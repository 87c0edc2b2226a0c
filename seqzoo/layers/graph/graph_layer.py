"""The base of all layers over graphs."""

from typing import Any

import keras
from keras import ops

from seqzoo.ops.graphs import FlatEdges, flat_edges
from seqzoo.ops.masks import attached_mask


class GraphLayer(keras.layers.Layer):
    """Makes new vectors of the nodes of graphs, from theirs and those of their neighbours.

    All graph layers hold one law: the order of nodes and of edges changes nothing, and neither does
    padding. Messages are gathered and summed edge by edge, so that time and memory grow with the
    edges, and no matrix of all pairs of nodes is made.

    A subclass fills in `propagate`.

    Args:
        units: Positive int. Width of the outputs.
        both_ways: Whether messages also go against the direction of every edge. For graphs without
            directions, whose edges are given once.

    Call arguments:
        nodes: Float tensor `(B, N, features)`.
        edges: Int tensor `(B, E, 3)`: source, type and target of each edge. The ends are indices of
            nodes; an edge of type 0 is padding, and so is one whose source or target is no real
            node. Parallel edges count each, and self-loops are edges like others.
        mask: Boolean `(B, N)`, True on real nodes; None where all are, or the one that Keras
            attached to the nodes.

    Returns:
        `(B, N, units)`, 0 on padding.

    Raises:
        ValueError: if `units` is below 1.

    Example:
        >>> nodes, edges = np.ones((1, 3, 4), "float32"), np.array([[[0, 1, 1], [1, 1, 2]]])
        >>> tuple(sz.layers.GraphConvolution(5)(nodes, edges).shape)
        (1, 3, 5)
    """

    def __init__(self, units: int, both_ways: bool = True, **kwargs):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"`units` must be at least 1. Received: units={units}.")
        self.units = units
        self.both_ways = both_ways
        self.supports_masking = True

    def call(self, nodes, edges, mask=None, training=False):
        mask = attached_mask(mask, nodes)
        real = ops.ones_like(nodes[..., 0], "bool") if mask is None else ops.cast(mask, "bool")
        nodes = ops.where(real[..., None], nodes, ops.zeros_like(nodes))
        rows, count = ops.shape(real)
        flat = ops.reshape(nodes, (rows * count, nodes.shape[-1]))
        outputs = self.propagate(flat, flat_edges(edges, real, self.both_ways), training)
        outputs = ops.reshape(outputs, (rows, count, self.units))
        return ops.where(real[..., None], outputs, ops.zeros_like(outputs))

    def propagate(self, nodes: Any, edges: FlatEdges, training: bool) -> Any:
        """Returns the outputs `(B * N, units)` of nodes `(B * N, features)`."""
        raise NotImplementedError

    def compute_mask(self, nodes, mask=None):
        return attached_mask(mask, nodes)

    def get_config(self):
        return super().get_config() | {"units": self.units, "both_ways": self.both_ways}
