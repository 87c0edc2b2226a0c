"""The state that a language model carries from batch to batch."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from seqzoo.ops.masks import where_real


class CarriedState:
    """Variables that hold a nest of states `(B, ...)` from one batch to the next.

    They are no part of the model: they are neither saved nor trained, and each replica has its
    own. A checkpoint within an epoch holds them. Rows have numbers from 1 on: rows that fill up a
    batch which is computed in parts have the number 0, whose state is no text's.

    Args:
        zeros: The states of a batch without rows, leaves `(0, ...)`.
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

    @property
    def variables(self) -> list[tf.Variable] | None:
        """The variables; None where each replica has its own."""
        return None if self._is_replicated else self._variables

    def set_rows(self, count: int) -> None:
        """Allocates the states of so many rows, those of all replicas together."""
        for variable in self._variables:
            for own in getattr(variable, "values", [variable]):
                own.assign(tf.zeros((count + 1, *variable.shape[1:]), variable.dtype))

    def read(self, rows: tf.Tensor, fresh: tf.Tensor, first: Any) -> Any:
        """Returns the states `(B, ...)` of rows `(B,)`, those of `first` where fresh `(B,)`."""
        states = [tf.gather(variable.read_value(), rows) for variable in self._variables]
        states = where_real(fresh, keras.tree.flatten(first), states)
        return keras.tree.pack_sequence_as(self.structure, states)

    def write(self, rows: tf.Tensor, states: Any) -> None:
        """Stores the states of rows for the next batch."""
        for variable, state in zip(self._variables, keras.tree.flatten(states), strict=True):
            indices = tf.expand_dims(rows, 1)
            variable.assign(tf.tensor_scatter_nd_update(variable.read_value(), indices, state))
