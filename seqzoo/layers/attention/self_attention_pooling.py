"""One vector from a sequence, by attention of the sequence to itself."""

import keras
from keras import ops

from seqzoo.ops.affine import affine
from seqzoo.ops.attention import attend_by_scores
from seqzoo.ops.masks import attached_mask


@keras.saving.register_keras_serializable(package="seqzoo")
class SelfAttentionPooling(keras.layers.Layer):
    """Pools a sequence into several weighted means of its steps, side by side.

    A = softmax over time of W2 tanh(W1 h), one row of weights for each hop; the result is A h,
    row after row. Padded steps get weight 0; a row without a real step gets all zeros.

    Args:
        units: Positive int. Width of the hidden layer.
        hops: Positive int. How many means are taken.
        penalty: Weight in the model's loss of |A A^T - I|², the sum of the squares of the
            elements, as a mean over the rows of a batch that have a real step. It is 0 when every
            hop reads one step of its own.

    Call arguments:
        values: Float tensor `(B, T, features)`.
        mask: Boolean `(B, T)`, True on real steps; None if all are.
        joined: Boolean `(B, G, T)` where rows hold several sequences: the real steps of each.

    Returns:
        The pooled values `(B, hops * features)` and the weights `(B, hops, T)`; with `joined`,
        `(B, G, hops * features)` and `(B, G, hops, T)`.

    Raises:
        ValueError: when built, if `units` or `hops` is not positive or `penalty` is negative.
    Reference: Lin et al., 2017, https://arxiv.org/abs/1703.03130

    Example:
        >>> pooling = sz.layers.SelfAttentionPooling(5, hops=2)
        >>> pooled, weights = pooling(np.ones((3, 4, 6), "float32"))
        >>> tuple(pooled.shape), tuple(weights.shape)
        ((3, 12), (3, 2, 4))
    """

    def __init__(self, units: int, hops: int = 1, penalty: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hops = hops
        self.penalty = penalty
        self.supports_masking = True

    def build(self, values_shape):
        for name, minimum in (("units", 1), ("hops", 1), ("penalty", 0)):
            value = getattr(self, name)
            if value < minimum:
                raise ValueError(f"`{name}` must be at least {minimum}. Received: {name}={value}.")
        self.hidden_kernel = self.add_weight((values_shape[-1], self.units), name="hidden_kernel")
        self.hop_kernel = self.add_weight((self.units, self.hops), name="hop_kernel")
        self.built = True

    def call(self, values, mask=None, joined=None):
        mask = attached_mask(mask, values)
        if mask is None:
            mask = ops.ones(ops.shape(values)[:2], dtype="bool")
        mask = ops.cast(mask, "bool")
        hidden = ops.tanh(affine(values, ops.cast(self.hidden_kernel, self.compute_dtype)))
        scores = affine(hidden, ops.cast(self.hop_kernel, self.compute_dtype))  # (B, T, hops)
        scores = ops.transpose(scores, (0, 2, 1))  # -> (B, hops, T): a hop is a query
        width, (rows, time) = self.hops * values.shape[-1], ops.shape(mask)
        if joined is None:
            mask = ops.expand_dims(mask, 1)
            pooled, weights = attend_by_scores(scores, values, mask, return_weights=True)
            self._penalise(weights, ops.any(mask, axis=(1, 2)))
            return ops.reshape(pooled, (rows, width)), weights
        sequences = ops.shape(joined)[1]
        by_query = (rows, sequences * self.hops, time)  # a hop of a sequence is a query
        scores = ops.reshape(ops.repeat(scores[:, None], sequences, axis=1), by_query)
        mask = ops.repeat(joined, self.hops, axis=1)
        pooled, weights = attend_by_scores(scores, values, mask, return_weights=True)
        of_all = ops.reshape(weights, (rows * sequences, self.hops, time))
        self._penalise(of_all, ops.reshape(ops.any(joined, axis=2), (-1,)))
        weights = ops.reshape(weights, (rows, sequences, self.hops, time))
        return ops.reshape(pooled, (rows, sequences, width)), weights

    def _penalise(self, weights, real):
        if self.penalty:
            self.add_loss(self.penalty * _overlap(weights, real))

    def compute_mask(self, values, mask=None, joined=None):
        return None  # the results have no steps

    def get_config(self):
        return super().get_config() | {
            "units": self.units,
            "hops": self.hops,
            "penalty": self.penalty,
        }


def _overlap(weights, real):
    """Returns |A A^T - I|² of weights `(B, hops, T)`, a mean over the real rows `(B,)`."""
    is_double = keras.backend.standardize_dtype(weights.dtype) == "float64"
    weights = ops.cast(weights, "float64" if is_double else "float32")
    gram = ops.matmul(weights, ops.transpose(weights, (0, 2, 1)))
    squares = ops.sum(ops.square(gram - ops.eye(gram.shape[-1], dtype=gram.dtype)), axis=(1, 2))
    count = ops.sum(ops.cast(real, gram.dtype))
    total = ops.sum(ops.where(real, squares, ops.zeros_like(squares)))
    return total / ops.maximum(count, ops.ones_like(count))
