"""What the weights of an attention add up to over the queries."""

from keras import ops


def coverage_loss(weights, mask=None):
    """Adds up how much of the weights goes to steps that were already read.

    For each query, the sum over the memory steps of min(weight, coverage), the coverage being the
    sum of the weights of the queries before.

    Args:
        weights: Float tensor `(B, T, S)`, of queries in the order of time.
        mask: Boolean `(B, T)`, True on real queries; None if all are. Others neither count nor
            cover anything.

    Returns:
        Float tensor `(B,)`, the sum over the real queries.

    Reference: See et al., 2017, equation 12, https://arxiv.org/abs/1704.04368
    """
    if mask is not None:
        weights = ops.where(ops.expand_dims(mask, -1), weights, ops.zeros_like(weights))
    before = ops.concatenate([ops.zeros_like(weights[:, :1]), weights[:, :-1]], axis=1)
    return ops.sum(ops.minimum(weights, ops.cumsum(before, axis=1)), axis=(1, 2))
