"""The steps of a search, which are taken for the examples alone that are not over."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.decoding.beams import beam_rows, shapes_may_depend_on_values, take_rows, unfinished
from seqzoo.ops.decoding.log_probs import LogProbs, as_log_probs
from seqzoo.search.step import Step, are_kept, as_before


class Going(NamedTuple):
    """What is held of the A examples that go on.

    Attributes:
        examples: Int32 `(A,)`, their places among all.
        leaves: Of the state, A * K rows each; A rows in those that are `Kept`.
        read: Of what the step reads, A rows each.
    """

    examples: Any
    leaves: list[Any]
    read: list[Any]


class Stepped(NamedTuple):
    """What a step gave, and where what was stepped stands.

    A strand is what is searched on its own: an example, or a group of its hypotheses.

    Attributes:
        log_probs: `LogProbs` of the rows that were stepped, K for each of A strands.
        state: The state after the step.
        strands: Int32 `(A,)`, the places of these among all strands.
        places: Int32 `(B * groups,)`, the place of each strand among the A; any where its example
            is over.
    """

    log_probs: LogProbs
    state: Any
    strands: Any
    places: Any


class Walk:
    """Takes steps, and copies nothing of the state that reordering does not force.

    Args:
        step: See `Step`.
        state: B * width rows in each leaf.
        encoded: B rows in each leaf.
        groups: Strands of an example, which go on together.
    """

    def __init__(self, step: Step, state: Any, encoded: Any, groups: int = 1):
        self._step, self._state, self._encoded, self._groups = step, state, encoded, groups
        self._kept = are_kept(state)

    def begin(self, over: Any, width: int, alive: int) -> Going:
        """What the first step is taken of.

        Args:
            over: Boolean `(B * groups,)`.
            width: Rows of the state for each strand.
            alive: How many of these to step, the first ones.
        """
        examples, _ = unfinished(self._by_example(over))
        beams = ops.expand_dims(ops.arange(alive, dtype="int32"), 0)
        rows = ops.reshape(beam_rows(beams, width, self._strands(examples)), (-1,))
        leaves = self._take(keras.tree.flatten(self._state), rows, examples)
        return Going(examples, leaves, take_rows(keras.tree.flatten(self._encoded), examples))

    def step(self, going: Going, over: Any, token_ids: Any) -> Stepped:
        """Takes a step.

        Args:
            going: What goes on.
            over: Boolean `(B * groups,)`, not True everywhere.
            token_ids: Int32 `(B * groups, K)`, the last tokens of all strands.
        """
        strands = self._strands(going.examples)
        tokens = ops.reshape(take_rows(token_ids, strands), (-1,))  # -> (A * K,)
        before = keras.tree.pack_sequence_as(self._state, going.leaves)
        read = keras.tree.pack_sequence_as(self._encoded, going.read)
        log_probs, after = self._step(tokens, before, read)
        places = self._strands(unfinished(self._by_example(over))[1])
        return Stepped(as_log_probs(log_probs), as_before(after, before), strands, places)

    def go_on(
        self, going: Going, done: Stepped, over: Any, alive: int, beams: Any | None = None
    ) -> Going:
        """What goes on after a step.

        Args:
            going: What was stepped.
            done: What the step gave.
            over: Boolean `(B * groups,)`, after the step.
            alive: How many rows of each strand were stepped.
            beams: Int32 `(B * groups, K)`, which of these are continued; None for all of them.
        """
        examples, _ = unfinished(self._by_example(over))
        strands = self._strands(examples)
        starts = ops.take(done.places, strands)
        places = ops.floor_divide(starts[:: self._groups], self._groups)
        own = ops.expand_dims(ops.arange(alive, dtype="int32"), 0)
        own = own if beams is None else ops.take(beams, strands, axis=0)
        rows = ops.reshape(beam_rows(own, alive, starts), (-1,))
        leaves = keras.tree.flatten(done.state)
        stays = [is_kept or beams is None for is_kept in self._kept]
        moves = [
            (leaf, places if is_kept else rows)
            for leaf, is_kept, stay in zip(leaves, self._kept, stays, strict=True)
            if stay
        ]
        fewer = ops.shape(examples)[0] < ops.shape(going.examples)[0]
        found = iter(_take_if(fewer, [*moves, *((leaf, places) for leaf in going.read)]))
        leaves = [
            next(found) if stay else ops.take(leaf, rows, axis=0)
            for leaf, stay in zip(leaves, stays, strict=True)
        ]
        return Going(examples, leaves, list(found))

    def spread(self, done: Stepped, width: int) -> list[Any]:
        """The leaves of the state after a step, with the rows of all examples again."""
        own = ops.expand_dims(ops.arange(width, dtype="int32"), 0)
        rows = ops.reshape(beam_rows(own, width, done.places), (-1,))
        return self._take(keras.tree.flatten(done.state), rows, done.places)

    def _take(self, leaves: list[Any], rows: Any, examples: Any) -> list[Any]:
        return [
            ops.take(leaf, examples if is_kept else rows, axis=0)
            for leaf, is_kept in zip(leaves, self._kept, strict=True)
        ]

    def _by_example(self, over: Any) -> Any:
        """Whether all strands of an example are over, `(B,)`."""
        if self._groups == 1:
            return over
        return ops.all(ops.reshape(over, (-1, self._groups)), axis=1)

    def _strands(self, examples: Any) -> Any:
        if self._groups == 1:
            return examples
        inside = ops.expand_dims(ops.arange(self._groups, dtype="int32"), 0)
        return ops.reshape(ops.expand_dims(examples * self._groups, 1) + inside, (-1,))


def _take_if(fewer: Any, moves: list[tuple[Any, Any]]) -> tuple[Any, ...]:
    """Picks rows of each leaf where examples ended, and copies none where nobody did."""
    if not moves or not shapes_may_depend_on_values():
        return tuple(leaf for leaf, _ in moves)
    return ops.cond(
        fewer,
        lambda: tuple(ops.take(leaf, rows, axis=0) for leaf, rows in moves),
        lambda: tuple(leaf for leaf, _ in moves),
    )
