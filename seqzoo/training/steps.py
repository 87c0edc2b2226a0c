"""Gradients that are exact per target token, whatever the strategy."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


def unpack_batch(data):
    """Returns x, y and a weight for each token, float32, of what Keras hands to a step."""
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


def gradient_norm(optimizer: keras.optimizers.Optimizer, gradients: list) -> tuple[Any, Any]:
    """Returns the norm of the gradients of the global loss before they are clipped, and a weight.

    To be called before `apply_gradients`. Where the optimizer clips by the same norm, the graph
    computes it once.

    Args:
        optimizer: It has scaled the loss, and the norm is that of the loss itself.
        gradients: Of `token_mean_gradients`.

    Returns:
        Float32 scalars: the norm, and 1; or two zeros where a loss scale that was too large will
        have the step left out.
    """
    gradients, scale = [g for g in gradients if g is not None], optimizer.scale_loss(1.0)
    if tf.is_tensor(scale) or scale != 1:  # first, as squares of scaled gradients may overflow
        gradients = [g / tf.cast(scale, g.dtype) for g in gradients]
    norm = tf.cast(tf.linalg.global_norm(gradients), tf.float32)
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return norm, tf.constant(1.0)
    taken = tf.math.is_finite(norm)
    return tf.where(taken, norm, 0.0), tf.cast(taken, tf.float32)


def apply_gradients(optimizer: keras.optimizers.Optimizer, gradients: list, variables: list):
    """Lets the optimizer clip the gradients of the global loss and use them.

    Keras's optimizers clip what each replica hands in, and add up the clipped gradients. These
    are added up already, so that what is clipped is the gradient of the global loss.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # under a loss scale
    inner._all_reduce_sum_gradients = _as_they_are
    optimizer.apply(gradients, variables)


def _as_they_are(gradients_and_variables):
    return gradients_and_variables
