"""The step function that a search calls, its state, and how steps are taken."""

from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
from keras import ops

from seqzoo.ops.decoding.beams import beam_rows, shapes_may_depend_on_values, take_rows, unfinished
from seqzoo.ops.decoding.log_probs import LogProbs, as_log_probs
from seqzoo.ops.gather import gather

PAD_ID = 0  # what stands behind the end of a sequence


class Step(Protocol):
    """One step of a decoder, down to log-probs.

    A search adds the log-probs up and never normalises them. NaN counts as -inf, an impossible
    token. Each leaf of `memory` has a row for each example that is not finished, and each leaf of
    `state` has K for each of these, beam after beam: 1 at the first step, where all hypotheses
    are still one, and then the width of the search. Leaves in a `SharedCache` have one for each
    example. A leaf `alignment` `(N, S)` at the top of a state (a dict's key or a named tuple's
    field) is collected for `Hypotheses.alignments`.

    Example:
        >>> def step(token_ids, state, memory):
        ...     logits = keras.ops.one_hot((token_ids + 1) % 5, 5) * 9.0
        ...     return keras.ops.log_softmax(logits), state
        >>> best = sz.Greedy(max_length=3)(step, np.zeros((1, 1)), (), start_id=3, end_id=1)
        >>> best.token_ids.numpy().tolist()
        [[[4, 1, 0]]]
    """

    def __call__(self, token_ids: Any, state: Any, memory: Any, /) -> tuple[Any, Any]:
        """Takes token ids `(N,)` to log-probs `(N, V)`, or `LogProbs`, and the next state."""
        ...


class SharedCache(NamedTuple):
    """Leaves of a state that have a row for each of B examples, and that no search reorders.

    For what is written once and read by all later hypotheses of an example, such as the keys and
    values of every step of a Transformer. Another leaf, which is reordered, says which of the
    entries are a hypothesis's own.

    Each leaf is `(B, ...)`.

    Example:
        >>> cache = sz.search.SharedCache(np.zeros((2, 3)))
        >>> keras.tree.map_structure(lambda leaf: leaf.shape, cache)
        SharedCache(leaves=(2, 3))
    """

    leaves: Any


class WrappedState(NamedTuple):
    """The state of a step that was wrapped: the state of what is inside, and the wrapper's own."""

    inner: Any
    own: dict[str, Any]


def never_generated(start_id: Any, end_id: Any) -> tuple[int, ...]:
    """The ids that no search generates: padding, and a start token that is a number.

    Start tokens `(B,)` are the last ones of prompts, and may come again. The end token may always
    come, also where it is the start token or padding.
    """
    ids = {PAD_ID}
    if isinstance(start_id, (int, np.integer)) and start_id >= 0:  # others are no token
        ids.add(int(start_id))
    if isinstance(end_id, (int, np.integer)):
        ids.discard(int(end_id))
    return tuple(sorted(ids))


def first_tokens(start_id: Any, state: Any, width: int) -> Any:
    """Repeats the start tokens for each of the `(N,)` rows of the state."""
    start_id = ops.cast(ops.convert_to_tensor(start_id), "int32")
    pairs = zip(keras.tree.flatten(state), in_shared_cache(state), strict=True)
    leaves = [leaf for leaf, is_shared in pairs if not is_shared]
    if len(start_id.shape) == 1:
        tokens = ops.repeat(start_id, width)  # (B,) -> (N,)
        if leaves:
            _check_rows(ops.shape(leaves[0])[0], ops.shape(tokens)[0], width)
        return tokens
    if not leaves:
        raise ValueError(
            "The batch size shows neither in `state`, which has no leaf, nor in `start_id`, "
            "which is one number. Pass `start_id` of shape (batch,)."
        )
    rows = ops.shape(leaves[0])[0]
    _check_rows(rows, rows // width * width, width)
    return ops.broadcast_to(start_id, (rows,))


def _check_rows(rows: Any, required: Any, width: int) -> None:
    if isinstance(rows, int) and isinstance(required, int) and rows != required:
        raise ValueError(
            f"`state` must have a row for each of the {width} beams of each example. Received: "
            f"{rows} rows for {required // width} examples. Start the decoder with "
            "batch_size=batch and width=width."
        )


def in_shared_cache(state: Any) -> list[bool]:
    """Tells of each leaf of a state whether it stands in a `SharedCache`."""

    def mark(node: Any) -> Any:
        is_shared = isinstance(node, SharedCache)
        return keras.tree.map_structure(lambda _: True, node) if is_shared else None

    return [leaf is True for leaf in keras.tree.flatten(keras.tree.traverse(mark, state))]


def alignment_of(state: Any) -> Any | None:
    """The alignment `(N, S)` in a state, in float32; None if it has none."""
    while isinstance(state, WrappedState):
        state = state.inner
    named = state if isinstance(state, dict) else getattr(state, "_asdict", dict)()
    alignment = named.get("alignment")
    return None if alignment is None else ops.cast(alignment, "float32")


class ActiveBatch(NamedTuple):
    """The rows of the A examples that are not finished.

    Attributes:
        examples: Int32 `(A,)`, their indices among all.
        state: Leaves of the state, A * K rows each; A rows in those of a `SharedCache`.
        memory: Leaves of what the step reads, A rows each.
    """

    examples: Any
    state: list[Any]
    memory: list[Any]


class StepOutput(NamedTuple):
    """What a step returned for the active batch.

    A beam group is searched on its own: an example, or some of the hypotheses of one.

    Attributes:
        log_probs: `LogProbs`, K rows for each of A beam groups.
        state: The state after the step.
        groups: Int32 `(A,)`, the indices of these among all beam groups.
        positions: Int32 `(B * groups,)`, the position of each beam group among the A; any where
            its example is finished.
    """

    log_probs: LogProbs
    state: Any
    groups: Any
    positions: Any


class DecodingSteps:
    """Takes steps for the examples that are not finished.

    It copies nothing of the state that reordering does not force.

    Args:
        step: See `Step`.
        state: B * width rows in each leaf.
        memory: B rows in each leaf.
        groups: Beam groups of an example, which are finished together.
    """

    def __init__(self, step: Step, state: Any, memory: Any, groups: int = 1):
        self._step, self._state, self._memory, self._groups = step, state, memory, groups
        self._is_shared = in_shared_cache(state)

    def first_batch(self, finished: Any, width: int, live: int) -> ActiveBatch:
        """The batch of the first step.

        Args:
            finished: Boolean `(B * groups,)`.
            width: Rows of the state for each beam group.
            live: How many of these the step is taken for, the first ones.
        """
        examples, _ = unfinished(self._by_example(finished))
        beams = ops.expand_dims(ops.arange(live, dtype="int32"), 0)
        rows = ops.reshape(beam_rows(beams, width, self._groups_of(examples)), (-1,))
        state = self._take(keras.tree.flatten(self._state), rows, examples)
        return ActiveBatch(examples, state, take_rows(keras.tree.flatten(self._memory), examples))

    def take(self, batch: ActiveBatch, finished: Any, token_ids: Any) -> StepOutput:
        """Takes a step.

        Args:
            batch: The active batch.
            finished: Boolean `(B * groups,)`, not True everywhere.
            token_ids: Int32 `(B * groups, K)`, the last tokens of all beam groups.
        """
        groups = self._groups_of(batch.examples)
        tokens = ops.reshape(take_rows(token_ids, groups), (-1,))  # -> (A * K,)
        before = keras.tree.pack_sequence_as(self._state, batch.state)
        memory = keras.tree.pack_sequence_as(self._memory, batch.memory)
        log_probs, after = self._step(tokens, before, memory)
        positions = self._groups_of(unfinished(self._by_example(finished))[1])
        return StepOutput(as_log_probs(log_probs), _as_before(after, before), groups, positions)

    def next_batch(
        self, batch: ActiveBatch, output: StepOutput, finished: Any, live: int, beams: Any = None
    ) -> ActiveBatch:
        """The batch of the next step.

        Args:
            batch: That of the last step.
            output: What the last step returned.
            finished: Boolean `(B * groups,)`, after the step.
            live: How many rows of each beam group the step was taken for.
            beams: Int32 `(B * groups, K)`, which of these are continued; None for all of them.
        """
        examples, _ = unfinished(self._by_example(finished))
        groups = self._groups_of(examples)
        starts = gather(output.positions, groups)
        positions = ops.floor_divide(starts[:: self._groups], self._groups)
        own = ops.expand_dims(ops.arange(live, dtype="int32"), 0)
        own = own if beams is None else gather(beams, groups)
        rows = ops.reshape(beam_rows(own, live, starts), (-1,))
        leaves = keras.tree.flatten(output.state)
        stays = [is_shared or beams is None for is_shared in self._is_shared]
        moves = [
            (leaf, positions if is_shared else rows)
            for leaf, is_shared, stay in zip(leaves, self._is_shared, stays, strict=True)
            if stay
        ]
        fewer = ops.shape(examples)[0] < ops.shape(batch.examples)[0]
        taken = iter(_take_if(fewer, [*moves, *((leaf, positions) for leaf in batch.memory)]))
        state = [
            next(taken) if stay else gather(leaf, rows)
            for leaf, stay in zip(leaves, stays, strict=True)
        ]
        return ActiveBatch(examples, state, list(taken))

    def state_of_all(self, output: StepOutput, width: int) -> list[Any]:
        """The leaves of the state after a step, with the rows of all examples again."""
        own = ops.expand_dims(ops.arange(width, dtype="int32"), 0)
        rows = ops.reshape(beam_rows(own, width, output.positions), (-1,))
        return self._take(keras.tree.flatten(output.state), rows, output.positions)

    def _take(self, leaves: list[Any], rows: Any, examples: Any) -> list[Any]:
        return [
            gather(leaf, examples if is_shared else rows)
            for leaf, is_shared in zip(leaves, self._is_shared, strict=True)
        ]

    def _by_example(self, finished: Any) -> Any:
        """Whether all beam groups of an example are finished, `(B,)`."""
        if self._groups == 1:
            return finished
        return ops.all(ops.reshape(finished, (-1, self._groups)), axis=1)

    def _groups_of(self, examples: Any) -> Any:
        if self._groups == 1:
            return examples
        inside = ops.expand_dims(ops.arange(self._groups, dtype="int32"), 0)
        return ops.reshape(ops.expand_dims(examples * self._groups, 1) + inside, (-1,))


def _as_before(after: Any, before: Any) -> Any:
    """The state after a step, in the structure and the shapes of the one before it.

    At the border of a Keras call a named tuple may come back as a plain sequence, and a loop
    that is traced needs static shapes to stay as they were known at its start.
    """
    leaves = [
        new if new.shape == old.shape else ops.reshape(new, ops.shape(old))
        for new, old in zip(keras.tree.flatten(after), keras.tree.flatten(before), strict=True)
    ]
    return keras.tree.pack_sequence_as(before, leaves)


def _take_if(fewer: Any, moves: list[tuple[Any, Any]]) -> tuple[Any, ...]:
    """Picks rows of each leaf where examples finished, and copies none where none did."""
    if not moves or not shapes_may_depend_on_values():
        return tuple(leaf for leaf, _ in moves)
    return ops.cond(
        fewer,
        lambda: tuple(gather(leaf, rows) for leaf, rows in moves),
        lambda: tuple(leaf for leaf, _ in moves),
    )
