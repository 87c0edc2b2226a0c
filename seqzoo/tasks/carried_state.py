"""The state that a batch of running text hands to the next one, in the graph."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class CarriedState:
    """Variables that hold a nest of states `(B, width)` from one batch to the next.

    They are no part of the model: they are neither saved nor trained, and each replica has its
    own. An epoch begins without a history, so that a training that goes on has nothing to restore.

    Args:
        zeros: The states of a batch without rows, leaves `(0, width)`.
    """

    def __init__(self, zeros: Any):
        self.structure = zeros
        self._is_replicated = tf.distribute.get_strategy().num_replicas_in_sync > 1
        self._variables = [
            tf.Variable(
                leaf,
                shape=(None, *leaf.shape[1:]),
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.NONE,
            )
            for leaf in keras.tree.flatten(zeros)
        ]

    def set_rows(self, count: int) -> None:
        """Makes room for batches of so many rows, as XLA, which cannot make it later, needs."""
        if self._is_replicated:
            return
        for variable in self._variables:
            variable.assign(tf.zeros((count, *variable.shape[1:]), variable.dtype))

    def read(self, fresh: tf.Tensor) -> Any:
        """Returns the states of B rows, zeros where `fresh` `(B,)`."""
        states = []
        for variable in self._variables:
            zeros = tf.zeros((tf.shape(fresh)[0], *variable.shape[1:]), variable.dtype)
            kept = tf.cond(tf.reduce_all(fresh), lambda z=zeros: z, variable.read_value)
            states.append(tf.where(fresh[:, None], zeros, kept))
        return keras.tree.pack_sequence_as(self.structure, states)

    def write(self, states: Any) -> None:
        """Keeps the states for the next batch."""
        for variable, state in zip(self._variables, keras.tree.flatten(states), strict=True):
            variable.assign(state)
