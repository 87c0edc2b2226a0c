"""Losses and penalties: of tokens, decisions, attention and gradients."""

import numpy as np
from keras import ops


def token_cross_entropy(y, logits, smoothing: float = 0.0, possible=None):
    """Returns the cross-entropy of each token, `(N,)`.

    With smoothing s, the target has the probability 1 - s, and s is spread evenly over all
    possible tokens, the target included (Szegedy et al., 2016, https://arxiv.org/abs/1512.00567).

    The gradient is made from the one softmax of the forward pass: no distribution of targets
    `(N, V)` is ever built.

    Args:
        y: Integer tensor `(N,)`.
        logits: Float32 or float64 tensor `(N, V)`.
        smoothing: From 0 to below 1.
        possible: NumPy booleans `(V,)`, False for tokens that smoothing leaves out; None for
            none. Their logits must be finite.

    Example:
        >>> logits = np.zeros((2, 4), "float32")
        >>> losses = sz.ops.losses.token_cross_entropy(np.array([1, 2]), logits)
        >>> [round(float(loss), 4) for loss in losses]  # log 4
        [1.3863, 1.3863]
    """
    y = ops.cast(y, "int32")
    possible = np.ones(logits.shape[-1], bool) if possible is None else possible
    shares = ops.convert_to_tensor(smoothing * possible / possible.sum(), logits.dtype)

    @ops.custom_gradient
    def losses(logits):
        probabilities = ops.softmax(logits, axis=-1)
        top = ops.max(logits, axis=-1, initial=-3e38)  # without it, zero rows are refused
        log_normalizer = top - ops.log(ops.max(probabilities, axis=-1, initial=0.0))
        result = log_normalizer - (1 - smoothing) * values_at(y, logits)
        if smoothing:
            result = result - ops.matmul(logits, shares)

        def gradient(*arguments, upstream=None):
            scale = ops.expand_dims(arguments[-1] if upstream is None else upstream, 1)
            d_logits = (probabilities - shares) * scale if smoothing else probabilities * scale
            at_target = values_at(y, d_logits) - (1 - smoothing) * scale[:, 0]
            rows = ops.arange(ops.shape(y)[0], dtype="int32")
            return ops.scatter_update(d_logits, ops.stack([rows, y], axis=1), at_target)

        return result, gradient

    return losses(logits)


def values_at(indices, values):
    """Returns one of the values `(N, V)` of each row, at indices `(N,)`.

    Example:
        >>> values = np.array([[1, 2, 3], [4, 5, 6]])
        >>> sz.ops.losses.values_at(np.array([2, 0]), values).numpy().tolist()
        [3, 4]
    """
    return ops.squeeze(ops.take_along_axis(values, ops.expand_dims(indices, 1), axis=1), 1)


def binary_cross_entropy(y, logits):
    """Returns the cross-entropy of each decision, of the shape of `y`.

    Args:
        y: Float tensor, from 0 to 1: the true probability.
        logits: Float tensor of the same shape.

    Both are `(B, C)`, or of any other shape.

    Example:
        >>> losses = sz.ops.losses.binary_cross_entropy(np.array([[1.0, 0.0]]), np.zeros((1, 2)))
        >>> losses.numpy().round(4).tolist()  # log 2
        [[0.6931, 0.6931]]
    """
    # -y log s(l) - (1 - y) log(1 - s(l)), without a large exponential
    return ops.maximum(logits, 0) - logits * y + ops.log1p(ops.exp(-ops.abs(logits)))


def coverage_loss(weights, mask=None):
    """Adds up the weights of steps that were read before.

    For each query, the sum over the memory steps of min(weight, coverage), the coverage being the
    sum of the weights of the queries before.

    Args:
        weights: Float tensor `(B, T, S)`, of queries in the order of time.
        mask: Boolean `(B, T)`, True on real queries; None if all are. The weights of others
            count as 0.

    Returns:
        Float tensor `(B,)`, the sum over the real queries.

    Reference: See et al., 2017, equation 12, https://arxiv.org/abs/1704.04368

    Example:
        >>> weights = np.array([[[1.0, 0.0], [0.5, 0.5]]], "float32")  # step 0 is read again
        >>> sz.ops.losses.coverage_loss(weights).numpy().tolist()
        [0.5]
    """
    return ops.sum(coverage_losses(weights, mask), axis=1)


def coverage_losses(weights, mask=None):
    """Returns the part of each query in `coverage_loss`, `(B, T)`.

    Example:
        >>> weights = np.array([[[1.0, 0.0], [0.5, 0.5]]], "float32")
        >>> sz.ops.losses.coverage_losses(weights).numpy().tolist()
        [[0.0, 0.5]]
    """
    if mask is not None:
        weights = ops.where(ops.expand_dims(mask, -1), weights, ops.zeros_like(weights))
    before = ops.concatenate([ops.zeros_like(weights[:, :1]), weights[:, :-1]], axis=1)
    return ops.sum(ops.minimum(weights, ops.cumsum(before, axis=1)), axis=2)


def pascanu_regularizer(d_states, derivatives, recurrent_kernel, mask=None):
    """Returns how much each step back in time changes the norm of the gradient, summed over steps.

    With the simple recurrence h_t = f(z_t), z_t = x_t W + h_{t-1} R + b, and d_t the gradient of
    the loss by h_t, the step from h_{t-1} to h_t has the Jacobian J_t = diag(f'(z_t)) R^T, and

        Omega = sum over t of (|d_t J_t| / |d_t| - 1)^2

    over the steps between two of the given states, and the mean of it over the rows. No gradient
    flows through `d_states`. For the immediate derivative of the paper, `derivatives` must depend
    on the weights through z_t alone, and the state h_{t-1} in it be a constant. Example, for a
    simple cell with tanh in a `train_step`:

        with tf.GradientTape() as tape, sz.training.probe_states(tape) as probed:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        (first,), weights = probed, self.trainable_variables
        gradients, (d_states,) = tape.gradient(loss, (weights, first.probes))
        cell, states = first.cell, tf.stop_gradient(first.states[0])  # (T, B, U)
        before = tf.concat([tf.zeros_like(states[:1]), states[:-1]], axis=0)
        with tf.GradientTape() as tape:
            kernel = tf.convert_to_tensor(cell.recurrent_kernel)
            z = cell.project_inputs(tf.transpose(x, (1, 0, 2))) + before @ kernel
            omega = pascanu_regularizer(d_states, 1 - tf.tanh(z) ** 2, kernel)
        more = tape.gradient(omega, weights, unconnected_gradients="zero")
        self.optimizer.apply([g + 0.5 * m for g, m in zip(gradients, more)], weights)

    Args:
        d_states: d, `(T, B, U)`.
        derivatives: f'(z), `(T, B, U)`.
        recurrent_kernel: R, `(U, U)`.
        mask: Boolean `(T, B)`, True on real steps, where the state changes; None where all are.

    Returns:
        Scalar. A step whose d is 0 adds nothing.

    Reference: Pascanu, Mikolov and Bengio, 2013, https://arxiv.org/abs/1211.5063, equation 9.

    Example:
        >>> d_states, derivatives = np.ones((3, 1, 2), "float32"), np.ones((3, 1, 2), "float32")
        >>> kernel = np.eye(2, dtype="float32")  # of norm 1: nothing vanishes
        >>> float(sz.ops.losses.pascanu_regularizer(d_states, derivatives, kernel))
        0.0
    """
    d = ops.stop_gradient(d_states)[1:]
    back = ops.matmul(d * derivatives[1:], ops.transpose(recurrent_kernel))
    # Scaled first, as the square of a gradient may be too small for a float.
    largest = ops.max(ops.abs(d), axis=-1, keepdims=True)
    counted = largest > 0
    scale = ops.where(counted, largest, ops.ones_like(largest))
    after = ops.sqrt(ops.sum((d / scale) ** 2, axis=-1))
    squares = ops.sum((back / scale) ** 2, axis=-1)
    counted = counted[..., 0] if mask is None else ops.logical_and(counted[..., 0], mask[1:])
    moving = ops.logical_and(counted, squares > 0)  # the square root has no slope at 0
    one = ops.ones_like(squares)
    before = ops.where(moving, ops.sqrt(ops.where(moving, squares, one)), ops.zeros_like(squares))
    ratio = before / ops.where(counted, after, one)
    each = ops.where(counted, (ratio - 1) ** 2, ops.zeros_like(ratio))
    return ops.sum(each) / ops.cast(ops.maximum(ops.shape(d)[1], 1), each.dtype)
