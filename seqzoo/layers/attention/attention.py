"""The base of all attention layers."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.affine import affine
from seqzoo.ops.attention import attend_by_scores
from seqzoo.ops.masks import attached_mask
from seqzoo.ops.recurrence.plan import scan
from seqzoo.ops.recurrence.scan import Project, Projections, apply_projections


class Memory(NamedTuple):
    """What attention reads from: projected once, passed along, one row for each example.

    Attributes:
        keys: `(B, S, key_features)`, to compare a query with, or a tuple of tensors `(B, ...)`
            where an attention needs more.
        values: `(B, S, features)`, to take the mean of.
        mask: Boolean `(B, S)`, True on real steps.

    Example:
        >>> attention = sz.layers.AdditiveAttention(5)
        >>> attention.build((2, 1, 6), (2, 4, 3))
        >>> memory = attention.memory(np.ones((2, 4, 3), "float32"), np.ones((2, 4), bool))
        >>> tuple(memory.keys.shape), tuple(memory.values.shape), tuple(memory.mask.shape)
        ((2, 4, 5), (2, 4, 3), (2, 4))
    """

    keys: Any
    values: Any
    mask: Any


class Attention(keras.layers.Layer):
    """Reads from a memory a mean of its values, weighted by how well they match a query.

    A subclass says what the keys are (`keys_of`) and how a query is scored against them
    (`score`). Like a cell, it names its products with a query as `projections`, so that it can
    stand inside `ops.recurrence.scan.scan`.

    An attention may have a state, such as the weights of the query before (`initial_state`,
    `next_state`). Then the queries of a call are read in the order of time, and a call that is
    given the state of the one before continues where that one ended.

    Call arguments:
        query: Float tensor `(B, T, features)`.
        memory: `Memory` from `memory(values, mask)`, or the values `(B, S, features)` themselves.
        state: The attention's own state, from the call before; None before the first query.
        return_weights: Whether to return the weights.
        mask: Boolean `(B, S)`, True on real steps, where `memory` is the values; or `(B, T, S)`,
            True where a query may read. Padding of the memory is never read.

    Returns:
        context `(B, T, value_features)`, weights `(B, T, S)` and the attention's own state, of
        leaves `(B, 1, ...)`. Without `return_weights` the weights are `()`, as is the state of an
        attention that has none. Padded steps get weight 0; a query that may read no step gets
        weights and a context of zeros.

    Raises:
        ValueError: if a mask `(B, S)` comes with a `Memory`, which has its own.

    Example:
        >>> attention = sz.layers.DotAttention()
        >>> values = np.ones((2, 4, 3), "float32")
        >>> mask = np.array([[True, True, True, True], [True, True, False, False]])
        >>> context, weights, _ = attention(np.ones((2, 1, 3), "float32"), values, mask=mask)
        >>> weights[1, 0].numpy().tolist()
        [0.5, 0.5, 0.0, 0.0]
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

    has_weights = True
    """Whether `memory` needs weights, which depend on the width of the queries too."""

    def memory(self, values, mask=None) -> Memory:
        """Projects the values `(B, S, features)`, under a boolean mask `(B, S)`, once.

        Raises:
            ValueError: if the layer has weights and is not built.
        """
        if self.has_weights and not self.built:
            raise ValueError(
                f"`memory` needs the weights of {type(self).__name__}, which is not built: they "
                "depend on the width of the queries too. Received: values of shape "
                f"{tuple(values.shape)}. Call `build(query_shape, values_shape)` first, or call "
                "the layer on a query and the values."
            )
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

    def training_noise(self, queries, rows, memory: Memory) -> Any:
        """Returns what `attend` takes as noise in training, `(queries, rows, S)`; None: nothing."""
        return None

    def score(self, query, memory: Memory, state, project: Project, extra_weights: tuple):
        """Returns the scores `(B, T, S)` of queries `(B, T, features)`."""
        raise NotImplementedError

    def attend(
        self,
        query,
        memory: Memory,
        state,
        project: Project,
        extra_weights: tuple,
        return_weights: bool = True,
        mask=None,
        noise=None,
    ):
        """Reads for queries side by side, each of which has a state of its own.

        Args:
            query: `(B, T, features)`.
            memory: See `Memory`.
            state: A nest of leaves `(B, T, ...)`.
            project: Applies one of `projections()` by its name; each is applied once.
            extra_weights: `extra_weights()`.
            return_weights: Whether to return the weights.
            mask: Boolean `(B, T, S)` or broadcastable, True where a query may read; None:
                everywhere. Padding of the memory is never read.
            noise: `(B, T, S)` of `training_noise`, for an attention that has some; else None.

        Returns:
            context, weights or `()`, and the next state.
        """
        has_state = bool(keras.tree.flatten(state))
        context, weights = attend_by_scores(
            self.score(query, memory, state, project, extra_weights),
            memory.values,
            self.readable(memory, mask),
            return_weights=return_weights or has_state,
        )
        state = self.next_state(state, weights) if has_state else state
        return context, weights if return_weights else (), state

    def readable(self, memory: Memory, mask=None):
        """Returns which steps the queries may read: the real ones, `(B, T or 1, S)`."""
        real = ops.expand_dims(memory.mask, 1)
        return real if mask is None else ops.logical_and(real, mask)

    def call(self, query, memory, state=None, return_weights=True, mask=None, training=False):
        is_for_steps = mask is not None and len(mask.shape) == 2
        if not isinstance(memory, (tuple, list)):
            memory = self.memory(memory, attached_mask(mask if is_for_steps else None, memory))
            mask = None if is_for_steps else mask
        elif is_for_steps:
            raise ValueError(
                "A `Memory` has its own mask. Received: a mask of shape "
                f"{tuple(mask.shape)} beside it. Give that one to `memory(values, mask)`, or give "  # pyright: ignore[reportOptionalMemberAccess]
                "a mask (batch, target_time, source_time)."
            )
        memory = Memory(*memory)
        state = self.initial_state(memory) if state is None else state
        if keras.tree.flatten(state):
            return self._attend_in_order(query, memory, state, return_weights, mask, training)
        project = apply_projections(self.projections())
        return self.attend(
            query, memory, state, project, self.extra_weights(), return_weights, mask
        )

    def _attend_in_order(self, query, memory, state, return_weights, mask, training):
        """Reads for one query after the other, each in the state that the one before left."""
        inputs = {"query": ops.expand_dims(ops.transpose(query, (1, 0, 2)), 2)}  # (T, B, 1, F)
        rows, steps, _ = ops.shape(query)
        noise = self.training_noise(steps, rows, memory) if training else None
        if noise is not None:
            inputs["noise"] = ops.expand_dims(noise, 2)  # (T, B, 1, S)
        if mask is not None:
            sizes = (rows, steps, ops.shape(memory.mask)[1])
            mask = ops.transpose(ops.broadcast_to(mask, sizes), (1, 0, 2))
            inputs["mask"] = ops.expand_dims(mask, 2)  # (T, B, 1, S)

        def step(inputs, before, constants, project):
            memory, extra_weights = constants
            own = {"state": before[2], "project": project, "extra_weights": extra_weights}
            options = {"return_weights": return_weights, **inputs}
            return list(self.attend(memory=Memory(*memory), **own, **options))

        no_context = ops.zeros_like(memory.values[:, :1])
        no_weights = ops.zeros_like(memory.values[:, None, :, 0]) if return_weights else ()
        constants = (memory, self.extra_weights())
        (context, weights, _), (_, _, state) = scan(
            step,
            [no_context, no_weights, state],
            inputs,
            self.projections(),
            constants,
            training=training,
        )
        context = ops.transpose(context[:, :, 0], (1, 0, 2))  # (T, B, 1, F) -> (B, T, F)
        if return_weights:
            weights = ops.transpose(weights[:, :, 0], (1, 0, 2))
        return context, weights, state

    def compute_mask(self, query, mask=None):
        return None  # the mask is that of the memory, and the results have the query's steps

    def cast(self, weight):
        """Returns a weight as a tensor of the compute dtype."""
        return ops.cast(weight, self.compute_dtype)

    def project(self, values, kernel):
        """Returns `values @ kernel`."""
        return affine(values, self.cast(kernel))
