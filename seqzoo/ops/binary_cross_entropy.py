"""Cross-entropy of decisions between yes and no."""

from keras import ops


def binary_cross_entropy(y, logits):
    """Returns what each decision costs, of the shape of `y`.

    Args:
        y: Float tensor, from 0 to 1: the probability that it should have.
        logits: Float tensor of the same shape.
    """
    # -y log s(l) - (1 - y) log(1 - s(l)), without a large exponential
    return ops.maximum(logits, 0) - logits * y + ops.log1p(ops.exp(-ops.abs(logits)))
