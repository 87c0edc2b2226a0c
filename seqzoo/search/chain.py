"""Searches that extend each sequence by one token a step and never look back."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.decoding.beams import take_beams, that_may_get_shorter
from seqzoo.ops.decoding.log_probs import LogProbs, values_of
from seqzoo.search.constraints.constrained import constrain
from seqzoo.search.history import blank, read, record
from seqzoo.search.hypotheses import Hypotheses, assemble
from seqzoo.search.options import check_max_length
from seqzoo.search.rows import Rows, row_lengths
from seqzoo.search.step import Step, alignment_of, first_tokens
from seqzoo.search.walk import Going, Stepped, Walk

Choose = Callable[[LogProbs, Any, Any], Any]
"""Takes log-probs of A * n rows, the time and the A examples to token ids `(A * n,)`."""


class Progress(NamedTuple):
    """Where n sequences of each of B examples stand: all that the next step needs."""

    time: Any  # steps taken
    token_ids: Any  # (B, n), the last tokens
    totals: Any  # (B, n), sums of log-probs
    lengths: Any  # (B, n)
    over: Any  # (B, n)
    most: Any  # (B,), tokens
    leaves: list[Any]  # of the decoder's state; none where a loop holds them apart


class Chain:
    """What a search that goes token by token is made of: a first `Progress`, and `advance`.

    Args:
        search: Its `width`, `max_length` and `constraints` are read.
        choose: Chooses the next tokens.
        step: See `Step`.
        state: The decoder's first state, B * width rows in each leaf.
        encoded: B rows in each leaf.
        start_id: Int or `(B,)`.
        end_id: Int.
        rows: What differs from example to example.
    """

    def __init__(
        self,
        search: Any,
        choose: Choose,
        step: Step,
        state: Any,
        encoded: Any,
        start_id: Any,
        end_id: Any,
        rows: Rows,
    ):
        self.max_length = check_max_length(search.max_length)
        self._choose, self._end_id = choose, end_id
        tokens = first_tokens(start_id, state, search.width)
        most = row_lengths(
            "max_length", search.max_length, rows.max_length, rows, tokens[:: search.width]
        )
        most = ops.clip(most, 1, self.max_length)
        step, self._state, self._encoded = constrain(
            search.constraints, step, state, encoded, tokens, end_id, most, self.max_length, rows
        )
        self._own_step = step
        token_ids = ops.reshape(tokens, (-1, search.width))
        self.start = Progress(
            time=ops.zeros((), dtype="int32"),
            token_ids=token_ids,
            totals=ops.zeros_like(token_ids, dtype="float32"),
            lengths=ops.zeros_like(token_ids),
            over=ops.zeros_like(token_ids, dtype="bool"),
            most=most,
            leaves=keras.tree.flatten(self._state),
        )

    def advance(self, before: Progress) -> tuple[Progress, dict[str, Any]]:
        """Takes a step; there must be a sequence that is not over.

        Returns:
            Where the sequences stand then, and what the step chose: `token_ids` and
            `token_log_probs` `(B, n)`, and `alignments` `(B, n, S)` if the decoder has some.
        """
        width = before.token_ids.shape[1]
        state = keras.tree.pack_sequence_as(self._state, before.leaves)
        walk = Walk(self._own_step, state, self._encoded)
        going = walk.begin(ops.all(before.over, axis=1), width, alive=width)
        progress, done, chosen = self._say(walk, before, going)
        return progress._replace(leaves=walk.spread(done, width)), chosen

    def _say(self, walk: Walk, before: Progress, going: Going) -> tuple[Progress, Stepped, dict]:
        """Takes a step of what goes on; the leaves of the state are left out."""
        width = before.token_ids.shape[1]
        done = walk.step(going, ops.all(before.over, axis=1), before.token_ids)
        token_ids = self._choose(done.log_probs, before.time, done.strands)
        best = values_of(done.log_probs, ops.expand_dims(token_ids, 1))[:, 0]
        token_ids, best = (
            ops.take(ops.reshape(part, (-1, width)), done.places, axis=0)
            for part in (token_ids, best)
        )
        log_probs = ops.where(before.over, 0.0, best)
        ends = ops.equal(token_ids, self._end_id) | ops.equal(log_probs, -float("inf"))
        lengths = before.lengths + ops.cast(ops.logical_not(before.over), "int32")
        progress = Progress(
            time=before.time + 1,
            token_ids=token_ids,
            totals=before.totals + log_probs,
            lengths=lengths,
            over=before.over | ends | (lengths >= ops.expand_dims(before.most, 1)),
            most=before.most,
            leaves=[],
        )
        aligned = {
            name: ops.take(each, done.places, axis=0)
            for name, each in _alignments(done.state, width).items()
        }
        return progress, done, {"token_ids": token_ids, "token_log_probs": log_probs} | aligned

    def run(self) -> Hypotheses:
        """Takes steps until every sequence is over. The score is the mean log-prob of a token."""

        def not_over(progress: Progress, going: Going, history: dict) -> Any:
            return ops.any(ops.logical_not(progress.over))

        def advance(progress: Progress, going: Going, history: dict) -> tuple:
            time, going = progress.time, Going(*going)
            progress, done, chosen = self._say(walk, Progress(*progress), going)
            going = walk.go_on(going, done, ops.all(progress.over, axis=1), width)
            return progress, going, record(history, time, chosen)

        start, width = self.start._replace(leaves=[]), self.start.token_ids.shape[1]
        recorded = {"token_ids": start.token_ids, "token_log_probs": start.totals}
        recorded |= _alignments(self._state, width)
        walk = Walk(self._own_step, self._state, self._encoded)
        going = walk.begin(ops.all(start.over, axis=1), width, alive=width)
        loop = (start, that_may_get_shorter(going), blank(self.max_length, recorded))
        progress, _, history = ops.while_loop(not_over, advance, loop)
        progress = Progress(*progress)
        possible = progress.totals > -float("inf")
        scores = progress.totals / ops.cast(ops.maximum(progress.lengths, 1), "float32")
        return assemble(ops.where(possible, progress.lengths, 0), scores, read(history))


def best_first(found: Hypotheses) -> Hypotheses:
    """The hypotheses by their scores; equal ones in the order in which they stood."""
    scores, order = ops.top_k(found.scores, found.scores.shape[1])
    fields = [None if part is None else take_beams(part, order) for part in found]
    return Hypotheses(*fields)._replace(scores=scores)


def _alignments(state: Any, width: int) -> dict[str, Any]:
    alignment = alignment_of(state)  # (B * n, S)
    if alignment is None:
        return {}
    return {"alignments": ops.reshape(alignment, (-1, width, ops.shape(alignment)[1]))}
