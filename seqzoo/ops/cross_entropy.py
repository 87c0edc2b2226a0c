"""Cross-entropy of token ids, with little to compute and to keep for each logit."""

from keras import ops


def token_cross_entropy(y, logits, smoothing: float = 0.0):
    """Returns what each token costs, `(N,)`.

    With smoothing s, the target has the probability 1 - s, and s is spread evenly over the V
    tokens, itself included (Szegedy et al., 2016, https://arxiv.org/abs/1512.00567).

    The gradient is made from the one softmax of the forward pass: no distribution of targets
    `(N, V)` is ever built.

    Args:
        y: Integer tensor `(N,)`.
        logits: Float32 or float64 tensor `(N, V)`.
        smoothing: From 0 to below 1.
    """
    y = ops.cast(y, "int32")
    even = smoothing / logits.shape[-1]

    @ops.custom_gradient
    def losses(logits):
        probabilities = ops.softmax(logits, axis=-1)
        top = ops.max(logits, axis=-1)
        log_normalizer = top - ops.log(ops.max(probabilities, axis=-1))
        result = log_normalizer - (1 - smoothing) * values_at(y, logits)
        if smoothing:
            result = result - smoothing * ops.mean(logits, axis=-1)

        def gradient(*arguments, upstream=None):
            scale = ops.expand_dims(arguments[-1] if upstream is None else upstream, 1)
            d_logits = (probabilities - even) * scale if smoothing else probabilities * scale
            at_target = values_at(y, d_logits) - (1 - smoothing) * scale[:, 0]
            rows = ops.arange(ops.shape(y)[0], dtype="int32")
            return ops.scatter_update(d_logits, ops.stack([rows, y], axis=1), at_target)

        return result, gradient

    return losses(logits)


def values_at(places, values):
    """Picks one of the values `(N, V)` of each row, at `(N,)`."""
    return ops.squeeze(ops.take_along_axis(values, ops.expand_dims(places, 1), axis=1), 1)
