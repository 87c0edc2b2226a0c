"""Greedy search."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.beams import take_rows, top_sums
from seqzoo.search.history import blank, read, record
from seqzoo.search.hypotheses import Hypotheses, assemble
from seqzoo.search.options import check_max_length
from seqzoo.search.step import Step, alignment_of, first_tokens, step_unfinished


class _Rows(NamedTuple):
    token_ids: Any  # (B, 1), the last tokens
    totals: Any  # (B, 1), sums of log-probs
    lengths: Any  # (B, 1)
    over: Any  # (B, 1)


@dataclass(frozen=True)
class Greedy:
    """Takes the most probable token at every step; of equal ones the smaller id.

    The score is the mean of the token log-probs, as from a beam with its default penalty:
    `BeamSearch(width=1, stop="first")` returns the same. A row that comes to a step where no
    token is possible returns an empty place.

    Args:
        max_length: Positive int, in tokens, the end token included. None leaves it to the task.

    Call arguments:
        step: See `Step`.
        state: The decoder's first state, with B rows in each leaf.
        encoded: Passed on to `step`; B rows in each leaf.
        start_id: Int or `(B,)`, the token before the first.
        end_id: Int.

    Returns:
        `Hypotheses` with N = 1.

    Raises:
        ValueError: if `max_length` is None or below 1.
    """

    max_length: int | None = None

    @property
    def width(self) -> int:
        """Rows of the state for each example."""
        return 1

    def __call__(
        self, step: Step, state: Any, encoded: Any, start_id: Any, end_id: Any
    ) -> Hypotheses:
        max_length = check_max_length(self.max_length)

        def not_over(time: Any, rows: _Rows, history: dict, leaves: list) -> Any:
            return ops.logical_and(time < max_length, ops.any(ops.logical_not(rows.over)))

        def advance(time: Any, rows: _Rows, history: dict, leaves: list) -> tuple:
            before = keras.tree.pack_sequence_as(state, leaves)
            done = step_unfinished(step, rows.over[:, 0], rows.token_ids, before, encoded, 1)
            zeros = ops.zeros_like(done.log_probs[:, :1])
            best, token_ids = take_rows(top_sums(zeros, done.log_probs, 1), done.places)
            rows, chosen = _extend(rows, best, token_ids, end_id)
            after = take_rows(done.state, done.places)
            history = record(history, time, chosen | _alignments(after))
            return time + 1, rows, history, keras.tree.flatten(after)

        rows = _start(first_tokens(start_id, state, self.width))
        recorded = {"token_ids": rows.token_ids, "token_log_probs": rows.totals}
        history = blank(max_length, recorded | _alignments(state))
        loop = (ops.zeros((), dtype="int32"), rows, history, keras.tree.flatten(state))
        _, rows, history, _ = ops.while_loop(not_over, advance, loop)
        possible = rows.totals > -float("inf")
        scores = rows.totals / ops.cast(ops.maximum(rows.lengths, 1), "float32")
        return assemble(ops.where(possible, rows.lengths, 0), scores, read(history))


def _start(tokens: Any) -> _Rows:
    tokens = ops.expand_dims(tokens, 1)  # (B,) -> (B, 1)
    return _Rows(
        token_ids=tokens,
        totals=ops.zeros_like(tokens, dtype="float32"),
        lengths=ops.zeros_like(tokens),
        over=ops.zeros_like(tokens, dtype="bool"),
    )


def _extend(rows: _Rows, best: Any, token_ids: Any, end_id: Any) -> tuple[_Rows, dict[str, Any]]:
    """Adds a token to each row that is not over yet."""
    log_probs = ops.where(rows.over, 0.0, best)
    ends = ops.logical_or(ops.equal(token_ids, end_id), ops.equal(log_probs, -float("inf")))
    extended = _Rows(
        token_ids=token_ids,
        totals=rows.totals + log_probs,
        lengths=rows.lengths + ops.cast(ops.logical_not(rows.over), "int32"),
        over=ops.logical_or(rows.over, ends),
    )
    return extended, {"token_ids": token_ids, "token_log_probs": log_probs}


def _alignments(state: Any) -> dict[str, Any]:
    alignment = alignment_of(state)  # (B, S)
    return {} if alignment is None else {"alignments": ops.expand_dims(alignment, 1)}
