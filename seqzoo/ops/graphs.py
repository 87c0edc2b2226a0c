"""Batches of graphs as lists of edges: messages along edges, and their sums at nodes."""

from typing import Any, NamedTuple

from keras import ops

from seqzoo.ops.gather import gather


class FlatEdges(NamedTuple):
    """The M edges of a batch of graphs `(B, N)` whose nodes stand in one row, `(B * N)`.

    Attributes:
        sources: Int32 `(M,)`, where each edge begins.
        targets: Int32 `(M,)`, where each edge ends.
        types: Int32 `(M,)`.
        reverse: Boolean `(M,)`, True where an edge is one of the graph read against its direction.
        real: Boolean `(M,)`, False on padding, which begins and ends at any node.
        count: Int, B * N.

    Example:
        >>> edges = np.array([[[0, 1, 2], [0, 0, 0]]])  # one edge, one of padding
        >>> flat = sz.ops.graphs.flat_edges(edges, np.ones((1, 3), bool), both_ways=False)
        >>> flat.targets.numpy().tolist(), flat.real.numpy().tolist()
        ([2, 0], [True, False])
    """

    sources: Any
    targets: Any
    types: Any
    reverse: Any
    real: Any
    count: Any


def flat_edges(edges: Any, mask: Any, both_ways: bool) -> FlatEdges:
    """Returns the edges of all graphs of a batch in one list.

    An edge of type 0 is padding, and so is one whose source or target is no real node.

    Args:
        edges: Int tensor `(B, E, 3)`: source, type and target of each edge.
        mask: Boolean `(B, N)`, True on real nodes.
        both_ways: Whether every edge is there a second time, against its direction. Of a self-loop
            there is one.

    Returns:
        `FlatEdges` of M = B * E edges, or twice as many.

    Example:
        >>> edges, mask = np.array([[[0, 1, 1]]]), np.ones((1, 2), bool)
        >>> sz.ops.graphs.flat_edges(edges, mask, both_ways=True).sources.numpy().tolist()
        [0, 1]
    """
    rows, count = ops.shape(mask)
    sources, types, targets = (ops.cast(edges[..., i], "int32") for i in range(3))
    inside = ops.greater(types, 0)
    for ends in (sources, targets):
        is_node = ops.logical_and(ops.greater_equal(ends, 0), ops.less(ends, count))
        inside = ops.logical_and(inside, is_node)
    first = ops.arange(rows, dtype="int32")[:, None] * count
    zeros = ops.zeros_like(sources)
    nodes = ops.reshape(mask, (-1,))
    sources, targets = (
        ops.reshape(first + ops.where(inside, ends, zeros), (-1,)) for ends in (sources, targets)
    )
    types = ops.reshape(ops.where(inside, types, zeros), (-1,))
    at_nodes = ops.logical_and(gather(nodes, sources), gather(nodes, targets))
    real = ops.logical_and(ops.reshape(inside, (-1,)), at_nodes)
    reverse = ops.zeros_like(real)
    if both_ways:
        is_loop = ops.equal(sources, targets)
        again = ops.logical_and(real, ops.logical_not(is_loop))
        sources, targets = (
            ops.concatenate(ends) for ends in ((sources, targets), (targets, sources))
        )
        types, real = ops.concatenate([types, types]), ops.concatenate([real, again])
        reverse = ops.concatenate([reverse, ops.ones_like(reverse)])
    return FlatEdges(sources, targets, types, reverse, real, rows * count)


def sum_at_targets(messages: Any, edges: FlatEdges) -> Any:
    """Returns for each node the sum of the messages of the edges that end there.

    Args:
        messages: `(M, …)`, one for each edge; those of padding count nothing.
        edges: Their edges.

    Returns:
        `(B * N, …)`, 0 at nodes where no edge ends.

    Example:
        >>> edges = np.array([[[0, 1, 1], [2, 1, 1]]])
        >>> flat = sz.ops.graphs.flat_edges(edges, np.ones((1, 3), bool), both_ways=False)
        >>> sz.ops.graphs.sum_at_targets(np.array([3.0, 4.0]), flat).numpy().tolist()
        [0.0, 7.0, 0.0]
    """
    real = ops.reshape(edges.real, (-1,) + (1,) * (len(messages.shape) - 1))
    messages = ops.where(real, messages, ops.zeros_like(messages))
    return ops.segment_sum(messages, edges.targets, edges.count)


def softmax_at_targets(scores: Any, edges: FlatEdges) -> Any:
    """Returns weights of edges that add up to 1 over those that end at one node.

    Args:
        scores: Float32 or wider `(M, heads)`.
        edges: Their edges.

    Returns:
        `(M, heads)`, 0 on padding.

    Example:
        >>> edges = np.array([[[0, 1, 1], [2, 1, 1]]])
        >>> flat = sz.ops.graphs.flat_edges(edges, np.ones((1, 3), bool), both_ways=False)
        >>> sz.ops.graphs.softmax_at_targets(np.zeros((2, 1)), flat).numpy().tolist()
        [[0.5], [0.5]]
    """
    real, zeros = edges.real[:, None], ops.zeros_like(scores)
    highest = ops.segment_max(ops.where(real, scores, zeros - 1e30), edges.targets, edges.count)
    highest = ops.stop_gradient(gather(highest, edges.targets))
    scores = ops.where(real, scores - highest, zeros)
    exponentials = ops.where(real, ops.exp(scores), zeros)
    totals = gather(sum_at_targets(exponentials, edges), edges.targets)
    return exponentials / ops.where(real, totals, ops.ones_like(totals))
