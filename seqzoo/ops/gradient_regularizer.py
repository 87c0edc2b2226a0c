"""A penalty on gradients that vanish or explode from one state to the one before it."""

from keras import ops


def pascanu_regularizer(d_states, derivatives, recurrent_kernel, mask=None):
    """Returns how far one step back changes the norm of the gradient, summed over the steps.

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
            z = cell.project(tf.transpose(x, (1, 0, 2))) + before @ kernel
            omega = pascanu_regularizer(d_states, 1 - tf.tanh(z) ** 2, kernel)
        more = tape.gradient(omega, weights, unconnected_gradients="zero")
        self.optimizer.apply([g + 0.5 * m for g, m in zip(gradients, more)], weights)

    Args:
        d_states: d, `(T, B, U)`.
        derivatives: f'(z), `(T, B, U)`.
        recurrent_kernel: R, `(U, U)`.
        mask: Boolean `(T, B)`, True on real steps, where the state changes; None where all are.

    Returns:
        Scalar. A step whose d is 0 counts nothing.

    Reference: Pascanu, Mikolov and Bengio, 2013, https://arxiv.org/abs/1211.5063, equation 9.
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
