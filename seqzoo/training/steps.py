"""Gradients that are exact per target token, whatever the strategy."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def unpack_batch(data):
    """Returns x, y and a weight for each token, float32, of what Keras passes to a step."""
    x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
    weight = tf.cast(1.0 if weight is None else weight, tf.float32)
    while len(weight.shape) < len(y.shape):  # one for each row, or none
        weight = weight[..., None]
    return x, y, weight * tf.ones(tf.shape(y))


def add_over_replicas(value):
    """Returns the sum of a tensor, or of each of a list, over all replicas."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def token_mean_gradients(
    loss: Callable[[], tuple], variables: list, scale_loss: Callable[[Any], Any]
) -> tuple[list, Any, Any]:
    """Differentiates a loss that is a mean over all tokens of the global batch.

    The sum of the losses is divided by the number of tokens of all replicas before it is
    differentiated, and the gradients are added up over the replicas. So a replica with few
    tokens counts for few, and any number of replicas learns what one does.

    Args:
        loss: Returns the sum of the tokens' losses, the sum of their weights, and a loss that
            does not depend on tokens (such as a weight penalty), scalars of this replica.
        variables: The weights.
        scale_loss: The optimizer's; with 16 bits it lifts small gradients above zero.

    Returns:
        The gradients of the scaled global loss (None where there is none), and of this replica
        the sum of the tokens' losses and the sum of their weights.
    """
    context = tf.distribute.get_replica_context()
    replicas = 1 if context is None else context.num_replicas_in_sync
    with tf.GradientTape() as tape:
        loss_sum, weight_sum, penalty = loss()
        total = tf.maximum(tf.stop_gradient(add_over_replicas(weight_sum)), 1e-12)
        mean = scale_loss(loss_sum / total + penalty / replicas)
    gradients = tape.gradient(mean, variables)
    present = [tf.convert_to_tensor(g) for g in gradients if g is not None]
    added = iter(add_over_replicas(present))
    return [None if g is None else next(added) for g in gradients], loss_sum, weight_sum


def accumulated_gradients(
    loss: Callable[..., tuple],
    batch: tuple,
    parts: int,
    variables: list,
    scale_loss: Callable[[Any], Any],
) -> tuple[list, Any, Any]:
    """Does what `token_mean_gradients` does, in the memory that a part of the batch takes.

    The rows of the batch are split into parts, which are differentiated one after the other. What
    they add up to is divided by the tokens of all parts and replicas, so that together they are
    the batch, however the tokens lie in them.

    Args:
        loss: Takes x, y and weight of a part, and returns what the loss of `token_mean_gradients`
            does.
        batch: x, y and weight, which have one row for each example.
        parts: Int of at least 1. Where it does not divide the rows, rows of zeros fill up the last
            part.
        variables: The weights.
        scale_loss: The optimizer's.

    Returns:
        As `token_mean_gradients`.
    """
    context = tf.distribute.get_replica_context()
    replicas = 1 if context is None else context.num_replicas_in_sync
    split = tf.nest.map_structure(lambda tensor: _split_rows(tensor, parts), batch)
    # The number of tokens is known after the last part. Until then losses are divided by an
    # estimate, so that they stay small in 16 bits.
    estimate = tf.maximum(tf.reduce_sum(batch[-1]), 1.0)

    def differentiate(part):
        with tf.GradientTape(persistent=True) as tape:
            of_part = tf.nest.map_structure(lambda tensor: tensor[part], split)
            loss_sum, weight_sum, penalty = loss(*of_part)
            scaled_sum = scale_loss(loss_sum / tf.cast(estimate, loss_sum.dtype))
            scaled_penalty = scale_loss(penalty / (replicas * parts))
        gradients = [tape.gradient(each, variables) for each in (scaled_sum, scaled_penalty)]
        return gradients, [loss_sum, weight_sum]

    def add(part, sums):
        new = _present(differentiate(part))
        return part + 1, [one + other for one, other in zip(sums, new, strict=True)]

    first = differentiate(0)  # it shows which weights have a gradient
    loop = tf.constant(1), _present(first)
    _, sums = tf.while_loop(lambda part, _: part < parts, add, loop, parallel_iterations=1)
    remaining = iter(sums)
    (of_tokens, of_penalty), (loss_sum, weight_sum) = tf.nest.map_structure(
        lambda leaf: None if leaf is None else next(remaining), first
    )
    total = tf.maximum(add_over_replicas(weight_sum), 1e-12)
    share = tf.cast(estimate, total.dtype) / total
    of_tokens = [None if g is None else g * tf.cast(share, g.dtype) for g in of_tokens]
    gradients = [_sum_of(pair) for pair in zip(of_tokens, of_penalty, strict=True)]
    added = iter(add_over_replicas([g for g in gradients if g is not None]))
    return [None if g is None else next(added) for g in gradients], loss_sum, weight_sum


def _split_rows(tensor, parts: int):
    """Returns `(parts, rows, ...)`; rows of zeros fill up the last part."""
    rows = tensor.shape[0] if tensor.shape[0] is not None else tf.shape(tensor)[0]
    size = -(-rows // parts)
    rest = [[0, size * parts - rows], *[[0, 0]] * (len(tensor.shape) - 1)]
    return tf.reshape(tf.pad(tensor, rest), tf.concat([[parts, size], tf.shape(tensor)[1:]], 0))


def _present(nest) -> list:
    """The leaves that are not None, as dense tensors."""
    return [tf.convert_to_tensor(leaf) for leaf in tf.nest.flatten(nest) if leaf is not None]


def _sum_of(gradients):
    present = [gradient for gradient in gradients if gradient is not None]
    return tf.add_n(present) if present else None


def gradient_norm(optimizer: keras.optimizers.Optimizer, gradients: list) -> tuple[Any, Any]:
    """Returns the norm of the gradients of the global loss before they are clipped, and a weight.

    To be called before `apply_gradients`. Where the optimizer clips by the same norm, the graph
    computes it once.

    Args:
        optimizer: It has scaled the loss, and the norm is that of the loss itself.
        gradients: Of `token_mean_gradients`.

    Returns:
        Float32 scalars: the norm, and 1; or two zeros where the step will be skipped, as the
        loss scale was too large.
    """
    gradients, scale = [g for g in gradients if g is not None], optimizer.scale_loss(1.0)
    if tf.is_tensor(scale) or scale != 1:  # first, as squares of scaled gradients may overflow
        gradients = [g / tf.cast(scale, g.dtype) for g in gradients]
    norm = tf.cast(tf.linalg.global_norm(gradients), tf.float32)
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return norm, tf.constant(1.0)
    taken = tf.math.is_finite(norm)
    return tf.where(taken, norm, 0.0), tf.cast(taken, tf.float32)


def is_idle(norm, weight_sum):
    """Tells whether a step teaches nothing, at all replicas: 1 or 0, a float32 scalar.

    It has no target of any weight, or its gradients are all 0, or they will be left out, as the
    loss scale was too large.

    Args:
        norm: Of `gradient_norm`.
        weight_sum: Of the targets of this replica, of `token_mean_gradients`.
    """
    return tf.cast(tf.equal(norm, 0) | tf.equal(add_over_replicas(weight_sum), 0), tf.float32)


def apply_gradients(optimizer: keras.optimizers.Optimizer, gradients: list, variables: list):
    """Lets the optimizer clip the gradients of the global loss and use them.

    Keras's optimizers clip the gradients of each replica and add up the clipped ones. These are
    added up already, so that the gradient of the global loss is clipped.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # under a loss scale
    inner._all_reduce_sum_gradients = _unchanged
    optimizer.apply(gradients, variables)


def _unchanged(gradients_and_variables):
    return gradients_and_variables
