"""The base of all attention layers."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.affine import affine
from seqzoo.ops.masks import attached_mask, masked_softmax
from seqzoo.ops.recurrence.plan import scan
from seqzoo.ops.recurrence.scan import Project, Projections, apply_projections


class Memory(NamedTuple):
    """What attention reads from: projected once, passed along, a row for each example.

    Attributes:
        keys: What a query is compared with: `(B, S, key_features)`, or a tuple of tensors
            `(B, ...)` where an attention needs more.
        values: `(B, S, features)`, what a context is a mean of.
        mask: Boolean `(B, S)`, True on real steps.
    """

    keys: Any
    values: Any
    mask: Any


class Attention(keras.layers.Layer):
    """Reads from a memory the mean of its values, weighted by how well they suit a query.

    A subclass says what the keys are (`keys_of`) and how a query is scored against them
    (`score`). Like a cell, it names its products with a query as `projections`, so that it can
    stand inside `ops.recurrence.scan.scan`.

    An attention may have a state, such as where it looked before (`initial_state`, `next_state`).
    Then the queries of a call are read in the order of time, and a call that is given the state
    of the one before goes on where that one ended.

    Call arguments:
        query: Float tensor `(B, T, features)`.
        memory: `Memory` from `memory(values, mask)`, or the values `(B, S, features)` themselves.
        state: The attention's own state, from the call before; None before the first query.
        mask: Boolean `(B, S)`, True on real steps, where `memory` is the values.

    Returns:
        context `(B, T, value_features)`, weights `(B, T, S)` and the attention's own state, of
        leaves `(B, 1, ...)`: an empty tuple where it has none. Padded steps get weight 0; a row
        without a real step gets all zeros.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, query_shape, memory_shape):
        is_memory = isinstance(memory_shape[0], (tuple, list))
        values_shape = Memory(*memory_shape).values if is_memory else memory_shape
        self.make_weights(query_shape[-1], values_shape[-1])
        self.built = True

    def make_weights(self, query_features: int, value_features: int):
        """Makes the weights for queries and values of these widths."""

    def memory(self, values, mask=None) -> Memory:
        """Projects the values `(B, S, features)`, under a boolean mask `(B, S)`, once."""
        if mask is None:
            mask = ops.ones(ops.shape(values)[:2], dtype="bool")
        return Memory(self.keys_of(values), values, ops.cast(mask, "bool"))

    def keys_of(self, values):
        """Returns the keys `(B, S, key_features)` of the values."""
        raise NotImplementedError

    def extra_weights(self) -> tuple:
        """The weights that `score` takes and that are no named projection of a query."""
        return ()

    def projections(self) -> Projections:
        """The named projections that `score` applies to a query."""
        return {}

    def initial_state(self, memory: Memory, queries: int = 1) -> Any:
        """Returns the state before the first query: a nest of leaves `(B, queries, ...)`.

        Here it is empty. `queries` counts those of an example that are read side by side.
        """
        return ()

    def next_state(self, state, weights) -> Any:
        """Returns the state after the queries got these weights `(B, T, S)`."""
        return state

    def score(self, query, memory: Memory, state, project: Project, extra_weights: tuple):
        """Returns the scores `(B, T, S)` of queries `(B, T, features)`."""
        raise NotImplementedError

    def attend(self, query, memory: Memory, state, project: Project, extra_weights: tuple):
        """Reads for queries side by side, each of which has a state of its own.

        Args:
            query: `(B, T, features)`.
            memory: See `Memory`.
            state: A nest of leaves `(B, T, ...)`.
            project: Applies one of `projections()` by its name; each is applied once.
            extra_weights: `extra_weights()`.

        Returns:
            context, weights and the next state.
        """
        scores = self.score(query, memory, state, project, extra_weights)
        weights = masked_softmax(scores, ops.expand_dims(memory.mask, 1))
        context = ops.matmul(weights, memory.values)
        return context, weights, self.next_state(state, weights)

    def call(self, query, memory, state=None, mask=None, training=False):
        is_memory = isinstance(memory, (tuple, list))
        if not is_memory:
            memory = self.memory(memory, attached_mask(mask, memory))
        memory = Memory(*memory)
        state = self.initial_state(memory) if state is None else state
        if keras.tree.flatten(state):
            return self._attend_in_order(query, memory, state, training)
        return self.attend(
            query, memory, state, apply_projections(self.projections()), self.extra_weights()
        )

    def _attend_in_order(self, query, memory, state, training):
        """Reads for one query after the other, each in the state that the one before left."""
        queries = ops.expand_dims(ops.transpose(query, (1, 0, 2)), 2)  # (B, T, F) -> (T, B, 1, F)

        def step(query, before, constants, project):
            memory, extra_weights = constants
            read = self.attend(query, Memory(*memory), before[2], project, extra_weights)
            return list(read)

        blank = [ops.zeros_like(memory.values[:, :1]), ops.zeros_like(memory.values[:, None, :, 0])]
        constants = (memory, self.extra_weights())
        results, (_, _, state) = scan(
            step, [*blank, state], queries, self.projections(), constants, training=training
        )
        context, weights = (ops.transpose(x[:, :, 0], (1, 0, 2)) for x in results[:2])
        return context, weights, state

    def compute_mask(self, query, mask=None):
        return None  # the mask is that of the memory, and the results have the query's steps

    def cast(self, weight):
        """Returns a weight as a tensor of the compute dtype."""
        return ops.cast(weight, self.compute_dtype)

    def project(self, values, kernel):
        """Returns `values @ kernel`."""
        return affine(values, self.cast(kernel))
