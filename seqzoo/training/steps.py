"""Gradients that are exact per target token, whatever the strategy."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from seqzoo.training.optimizer import Clipping


def add_over_replicas(value):
    """Returns the sum of a tensor, or of each of a list, over all replicas."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def token_mean_gradients(loss: Callable[[], tuple], variables: list) -> tuple[list, Any, Any]:
    """Differentiates a loss that is a mean over all tokens of the global batch.

    The sum of the losses is divided by the number of tokens of all replicas before it is
    differentiated, and the gradients are added up over the replicas. So a replica with few
    tokens counts for few, and any number of replicas learns what one does.

    Args:
        loss: Returns the sum of the tokens' losses, the sum of their weights, and a loss that
            does not depend on tokens (such as a weight penalty), scalars of this replica.
        variables: The weights.

    Returns:
        The gradients of the global loss (None where there is none), and of this replica the sum
        of the tokens' losses and the sum of their weights.
    """
    context = tf.distribute.get_replica_context()
    replicas = 1 if context is None else context.num_replicas_in_sync
    with tf.GradientTape() as tape:
        loss_sum, weight_sum, penalty = loss()
        total = tf.maximum(tf.stop_gradient(add_over_replicas(weight_sum)), 1e-12)
        mean = loss_sum / total + penalty / replicas
    gradients = tape.gradient(mean, variables)
    present = [tf.convert_to_tensor(g) for g in gradients if g is not None]
    added = iter(add_over_replicas(present))
    return [None if g is None else next(added) for g in gradients], loss_sum, weight_sum


def apply_gradients(optimizer, clipping: Clipping, gradients: list, variables: list) -> None:
    """Clips the gradients of the global loss and lets the optimizer use them.

    Keras's optimizers add up the gradients of the replicas. These are added up already, as
    clipping must come after it, so each replica hands in its share of them.
    """
    pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
    gradients, variables = [g for g, _ in pairs], [v for _, v in pairs]
    gradients = clipping(gradients)
    context = tf.distribute.get_replica_context()
    if context is not None and context.num_replicas_in_sync > 1:
        gradients = [g / context.num_replicas_in_sync for g in gradients]
    optimizer.apply(gradients, variables)
