"""Searches that extend each sequence by one token a step and never go back."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.decoding.beams import that_may_get_shorter
from seqzoo.ops.decoding.log_probs import LogProbs
from seqzoo.ops.gather import gather
from seqzoo.search.constraints.constrained import constrain
from seqzoo.search.hypotheses import Hypotheses, assemble, blank, read, record
from seqzoo.search.options import ExampleOptions, check_max_length, max_lengths
from seqzoo.search.step import (
    ActiveBatch,
    DecodingSteps,
    Step,
    StepOutput,
    alignment_of,
    first_tokens,
    never_generated,
)

Choose = Callable[[LogProbs, Any, Any, tuple[int, ...]], tuple[Any, Any]]
"""Chooses the next tokens of A * n rows, which are to come with their log-probs.

It takes log-probs, the time, the indices of the A examples and the ids that are never generated,
to token ids `(A * n,)` and log-probs `(A * n,)`, -inf where no token is possible.
"""


class SequenceState(NamedTuple):
    """Where n sequences of each of B examples stand: all that the next step needs."""

    time: Any  # steps taken
    token_ids: Any  # (B, n), the last tokens
    totals: Any  # (B, n), sums of log-probs
    lengths: Any  # (B, n)
    finished: Any  # (B, n)
    max_length: Any  # (B,), in tokens
    leaves: list[Any]  # of the decoder's state; none where a loop holds them apart


class SequentialDecoding:
    """A search that goes token by token: its `initial` state, `advance`, and `run` for all of it.

    Args:
        search: Its `width`, `max_length` and `constraints` are read.
        choose: Chooses the next tokens.
        step: See `Step`.
        state: The decoder's first state, B * width rows in each leaf.
        memory: B rows in each leaf.
        start_id: Int or `(B,)`.
        end_id: Int.
        options: Per-example options.
    """

    def __init__(
        self,
        search: Any,
        choose: Choose,
        step: Step,
        state: Any,
        memory: Any,
        start_id: Any,
        end_id: Any,
        options: ExampleOptions,
    ):
        self.max_length = check_max_length(search.max_length)
        self._choose, self._end_id = choose, end_id
        self._never = never_generated(start_id, end_id)
        tokens = first_tokens(start_id, state, search.width)
        max_length = max_lengths(search, self.max_length, options, tokens[:: search.width])
        self._step, self._state, self._memory = constrain(
            search.constraints,
            step,
            state,
            memory,
            tokens,
            end_id,
            max_length,
            self.max_length,
            options,
        )
        token_ids = ops.reshape(tokens, (-1, search.width))
        self.initial = SequenceState(
            time=ops.zeros((), dtype="int32"),
            token_ids=token_ids,
            totals=ops.zeros_like(token_ids, dtype="float32"),
            lengths=ops.zeros_like(token_ids),
            finished=ops.zeros_like(token_ids, dtype="bool"),
            max_length=max_length,
            leaves=keras.tree.flatten(self._state),
        )

    def advance(self, before: SequenceState) -> tuple[SequenceState, dict[str, Any]]:
        """Takes a step; there must be a sequence that is not finished.

        Returns:
            Where the sequences stand then, and what the step chose: `token_ids` and
            `token_log_probs` `(B, n)`, and `alignments` `(B, n, S)` if the decoder has some.
        """
        width = before.token_ids.shape[1]
        state = keras.tree.pack_sequence_as(self._state, before.leaves)
        steps = DecodingSteps(self._step, state, self._memory)
        batch = steps.first_batch(ops.all(before.finished, axis=1), width, live=width)
        after, output, chosen = self._extend(steps, before, batch)
        return after._replace(leaves=steps.state_of_all(output, width)), chosen

    def _extend(
        self, steps: DecodingSteps, before: SequenceState, batch: ActiveBatch
    ) -> tuple[SequenceState, StepOutput, dict[str, Any]]:
        """Takes a step of the active batch; the leaves of the state are left out."""
        width = before.token_ids.shape[1]
        output = steps.take(batch, ops.all(before.finished, axis=1), before.token_ids)
        chosen = self._choose(output.log_probs, before.time, output.groups, self._never)
        token_ids, best = (
            gather(ops.reshape(part, (-1, width)), output.positions) for part in chosen
        )
        log_probs = ops.where(before.finished, 0.0, best)
        ends = ops.equal(token_ids, self._end_id) | ops.equal(log_probs, -float("inf"))
        lengths = before.lengths + ops.cast(ops.logical_not(before.finished), "int32")
        after = SequenceState(
            time=before.time + 1,
            token_ids=token_ids,
            totals=before.totals + log_probs,
            lengths=lengths,
            finished=before.finished | ends | (lengths >= ops.expand_dims(before.max_length, 1)),
            max_length=before.max_length,
            leaves=[],
        )
        aligned = {
            name: gather(each, output.positions)
            for name, each in _alignments(output.state, width).items()
        }
        return after, output, {"token_ids": token_ids, "token_log_probs": log_probs} | aligned

    def run(self) -> Hypotheses:
        """Takes steps until every sequence is finished. The score is the mean log-prob."""

        def is_unfinished(now: SequenceState, batch: ActiveBatch, history: dict) -> Any:
            return ops.any(ops.logical_not(now.finished))

        def advance(now: SequenceState, batch: ActiveBatch, history: dict) -> tuple:
            time, batch = now.time, ActiveBatch(*batch)
            now, output, chosen = self._extend(steps, SequenceState(*now), batch)
            batch = steps.next_batch(batch, output, ops.all(now.finished, axis=1), width)
            return now, batch, record(history, time, chosen)

        first, width = self.initial._replace(leaves=[]), self.initial.token_ids.shape[1]
        recorded = {"token_ids": first.token_ids, "token_log_probs": first.totals}
        recorded |= _alignments(self._state, width)
        steps = DecodingSteps(self._step, self._state, self._memory)
        batch = steps.first_batch(ops.all(first.finished, axis=1), width, live=width)
        loop = (first, that_may_get_shorter(batch), blank(self.max_length, recorded))
        last, _, history = ops.while_loop(is_unfinished, advance, loop)
        last = SequenceState(*last)
        possible = last.totals > -float("inf")
        scores = last.totals / ops.cast(ops.maximum(last.lengths, 1), "float32")
        return assemble(ops.where(possible, last.lengths, 0), scores, read(history))


def _alignments(state: Any, width: int) -> dict[str, Any]:
    alignment = alignment_of(state)  # (B * n, S)
    if alignment is None:
        return {}
    return {"alignments": ops.reshape(alignment, (-1, width, ops.shape(alignment)[1]))}
