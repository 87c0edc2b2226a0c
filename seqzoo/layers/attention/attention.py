"""The base of all attention layers."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.affine import affine
from seqzoo.ops.masks import attached_mask, masked_softmax
from seqzoo.ops.scans import Linear, Maps, apply_maps


class Memory(NamedTuple):
    """What attention reads from: projected once, passed along, a row for each example.

    Attributes:
        keys: `(B, S, key_features)`, what a query is compared with.
        values: `(B, S, features)`, what a context is a mean of.
        mask: Boolean `(B, S)`, True on real steps.
    """

    keys: Any
    values: Any
    mask: Any


class Attention(keras.layers.Layer):
    """Reads from a memory the mean of its values, weighted by how well they suit a query.

    A subclass says what the keys are (`keys_of`) and how a query is scored against them
    (`score`). Like a cell, it names its products with a query as `maps`, so that it can stand
    inside `ops.scans.scan`.

    Call arguments:
        query: Float tensor `(B, T, features)`.
        memory: `Memory` from `memory(values, mask)`, or the values `(B, S, features)` themselves.
        state: The attention's own state, from the call before.
        mask: Boolean `(B, S)`, True on real steps, where `memory` is the values.

    Returns:
        context `(B, T, value_features)`, weights `(B, T, S)` and the attention's own state (here
        an empty tuple). Padded steps get weight 0; a row without a real step gets all zeros.
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
        """The weights that `score` takes and that are no linear map of a query."""
        return ()

    def maps(self) -> Maps:
        """The linear maps that `score` applies to a query."""
        return {}

    def score(self, query, memory: Memory, linear: Linear, extra_weights: tuple):
        """Returns the scores `(B, T, S)` of queries `(B, T, features)`."""
        raise NotImplementedError

    def attend(self, query, memory: Memory, linear: Linear, extra_weights: tuple):
        """Returns context and weights, the maps being applied by `linear`."""
        scores = self.score(query, memory, linear, extra_weights)
        weights = masked_softmax(scores, ops.expand_dims(memory.mask, 1))
        return ops.matmul(weights, memory.values), weights

    def call(self, query, memory, state=None, mask=None):
        is_memory = isinstance(memory, (tuple, list))
        if not is_memory:
            memory = self.memory(memory, attached_mask(mask, memory))
        memory = Memory(*memory)
        linear = apply_maps(self.maps())
        context, weights = self.attend(query, memory, linear, self.extra_weights())
        return context, weights, ()

    def compute_mask(self, query, mask=None):
        return None  # the mask is that of the memory, and the results have the query's steps

    def cast(self, weight):
        """Returns a weight as a tensor of the compute dtype."""
        return ops.cast(weight, self.compute_dtype)

    def project(self, values, kernel):
        """Returns `values @ kernel`."""
        return affine(values, self.cast(kernel))
