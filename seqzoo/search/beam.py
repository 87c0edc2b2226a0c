"""Beam search."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops

from seqzoo.ops.beams import beam_rows, take_beams, take_rows, top_sums
from seqzoo.ops.names import check_known
from seqzoo.search.history import History, blank, read, record, trace
from seqzoo.search.hypotheses import Hypotheses, assemble
from seqzoo.search.options import (
    check_at_least,
    check_max_length,
    length_penalties,
)
from seqzoo.search.step import Step, alignment_of, first_tokens, step_unfinished

_IMPOSSIBLE = -float("inf")
STOP_RULES = ("first", "optimal", "all")


class _Live(NamedTuple):
    """The hypotheses that go on, best first; an empty place has the total -inf."""

    token_ids: Any  # (B, K), the last tokens
    totals: Any  # (B, K), sums of log-probs
    candidates: Any  # (B, K), the candidates of the last step that they were


class _Candidates(NamedTuple):
    """The best continuations of the live hypotheses of an example, best first."""

    token_ids: Any  # (B, 2K)
    log_probs: Any  # (B, 2K), of the tokens
    totals: Any  # (B, 2K)
    beams: Any  # (B, 2K), the hypotheses that they continue


class _Finished(NamedTuple):
    """The best finished hypotheses, best first; an empty place has the score -inf."""

    scores: Any  # (B, K)
    steps: Any  # (B, K), of the last token; -1 in an empty place
    candidates: Any  # (B, K), at that step


class _Loop(NamedTuple):
    time: Any  # steps taken
    over: Any  # (B,)
    live: _Live
    finished: _Finished
    history: History
    leaves: list[Any]  # of the decoder's state, (N, …)


@dataclass(frozen=True)
class BeamSearch:
    """Keeps the `width` best hypotheses of each example alive until `width` have finished.

    Every step ranks all continuations of the live hypotheses by their sum of log-probs and
    looks at the `2 * width` best. Those of the first `width` that end go to the finished
    ones, of which the `width` best by score are kept; the `width` best that do not end stay
    alive. Of equals, the earlier hypothesis comes first, then the smaller token id. A
    hypothesis of `max_length` tokens ends there.

    Args:
        width: Positive int. May exceed the vocabulary.
        n_best: Positive int, at most `width`. Hypotheses returned for each example.
        length_penalty: What the sum of log-probs is divided by: 1 for `"none"`,
            `length ** alpha` for `"average"`, `((5 + length) / 6) ** alpha` for `"gnmt"`.
        alpha: Float, the strength of the penalty.
        stop: An example is over when `width` hypotheses have finished (`"first"`), when no
            live one can still beat the worst of the kept ones, log-probs being at most 0
            (`"optimal"`), or at `max_length` (`"all"`).
        min_length: Int, in tokens, the end token included, at most `max_length`: before it no
            hypothesis ends.
        max_length: Positive int, likewise. None leaves it to the task.

    Call arguments:
        step: See `Step`.
        state: The decoder's first state, with N = B * width rows in each leaf.
        encoded: Passed on to `step`; B rows in each leaf.
        start_id: Int or `(B,)`, the token before the first.
        end_id: Int.

    Returns:
        `Hypotheses` with N = `n_best`.

    Raises:
        ValueError: at a call, if an option is out of its range or the state has not `width`
            rows for each example.
    """

    width: int = 5
    n_best: int = 1
    length_penalty: Literal["none", "average", "gnmt"] = "average"
    alpha: float = 1.0
    stop: Literal["first", "optimal", "all"] = "first"
    min_length: int = 0
    max_length: int | None = None

    def __call__(
        self, step: Step, state: Any, encoded: Any, start_id: Any, end_id: Any
    ) -> Hypotheses:
        max_length = self._check_options()
        penalties = length_penalties(self.length_penalty, self.alpha, max_length)
        penalty_of = ops.convert_to_tensor(penalties)
        largest_ahead = ops.convert_to_tensor(_largest_ahead(penalties))

        def not_over(*loop: Any) -> Any:
            return ops.any(ops.logical_not(_Loop(*loop).over))

        def advance(alive: int, loop: _Loop) -> _Loop:
            time, over, live, finished, history, leaves = loop
            before = keras.tree.pack_sequence_as(state, leaves)
            done = step_unfinished(step, over, live.token_ids, before, encoded, alive)
            length = time + 1

            totals = take_rows(live.totals[:, :alive], done.examples)
            candidates = _rank(totals, done.log_probs, self.width)
            candidates = _Candidates(*take_rows(candidates, done.places))
            alignments = take_rows(_alignments(done.state, alive, self.width), done.places)
            history = record(history, time, _records(live, candidates) | alignments)
            ends = ops.equal(candidates.token_ids, end_id) | ops.equal(length, max_length)
            # No more than K of the 2K end, so K stay alive even where none may end yet.
            may_finish = ends & (length >= self.min_length) & ~over[:, None]
            scores = candidates.totals / ops.take(penalty_of, length)
            finished = _keep_best(finished, ops.where(may_finish, scores, _IMPOSSIBLE), time)
            live, beams = _survivors(candidates, ends)
            parents = ops.reshape(beam_rows(beams, alive, done.places), (-1,))  # (B, K) -> (N,)
            leaves = take_rows(keras.tree.flatten(done.state), parents)
            over = over | self._is_over(live, finished, ops.take(largest_ahead, length))
            return _Loop(length, over, live, finished, history, leaves)

        loop = _start(state, first_tokens(start_id, state, self.width), self.width, max_length)
        if self.width > 1:
            loop = advance(1, loop)  # all hypotheses begin as one, which is stepped once
        loop = ops.while_loop(not_over, lambda *loop: advance(self.width, _Loop(*loop)), loop)
        return _best(_Loop(*loop), self.n_best)

    def _check_options(self) -> int:
        check_at_least("width", self.width, 1)
        check_at_least("n_best", self.n_best, 1)
        if self.n_best > self.width:
            raise ValueError(
                f"`n_best` must be at most `width`. Received: n_best={self.n_best}, "
                f"width={self.width}. Widen the beam or ask for fewer hypotheses."
            )
        check_known("stop", self.stop, STOP_RULES)
        max_length = check_max_length(self.max_length)
        check_at_least("min_length", self.min_length, 0)
        if self.min_length > max_length:
            raise ValueError(
                "`min_length` must be at most `max_length`. Received: "
                f"min_length={self.min_length}, max_length={max_length}."
            )
        return max_length

    def _is_over(self, live: _Live, finished: _Finished, largest_penalty: Any) -> Any:
        """Tells for each example `(B,)` whether no further step is wanted."""
        best, worst = live.totals[:, 0], finished.scores[:, -1]
        if self.stop == "optimal":
            return best / largest_penalty <= worst
        none_live = ops.equal(best, _IMPOSSIBLE)
        return none_live | (worst > _IMPOSSIBLE) if self.stop == "first" else none_live


def _start(state: Any, tokens: Any, width: int, max_length: int) -> _Loop:
    """One live hypothesis for each example, in the first of its places."""
    token_ids = ops.reshape(tokens, (-1, width))  # (N,) -> (B, K)
    zeros = ops.zeros_like(token_ids)
    first = ops.equal(ops.arange(width, dtype="int32") + zeros, 0)
    live = _Live(token_ids, ops.where(first, 0.0, _IMPOSSIBLE), zeros)
    wide = ops.concatenate([zeros, zeros], axis=1)  # (B, 2K)
    candidates = _Candidates(wide, ops.cast(wide, "float32"), ops.cast(wide, "float32"), wide)
    records = _records(live, candidates) | _alignments(state, width, width)
    return _Loop(
        time=ops.zeros((), dtype="int32"),
        over=ops.zeros_like(token_ids[:, 0], dtype="bool"),
        live=live,
        finished=_Finished(ops.full_like(live.totals, _IMPOSSIBLE), zeros - 1, zeros),
        history=blank(max_length, records),
        leaves=keras.tree.flatten(state),
    )


def _rank(totals: Any, log_probs: Any, width: int) -> _Candidates:
    """The best continuations `(N, V)` of hypotheses with these totals `(B, N / B)`."""
    alive, vocabulary = totals.shape[1], ops.shape(log_probs)[1]
    totals, places = top_sums(totals, log_probs, 2 * width)
    beams = ops.floor_divide(places, vocabulary)
    token_ids = places - beams * vocabulary
    flat_places = beam_rows(beams, alive) * vocabulary + token_ids
    log_probs = ops.take(ops.reshape(log_probs, (-1,)), flat_places, axis=0)
    return _Candidates(token_ids, log_probs, totals, beams)


def _records(live: _Live, candidates: _Candidates) -> dict[str, Any]:
    """What `trace` needs of a step, beside the alignments."""
    return {
        "token_ids": candidates.token_ids,
        "token_log_probs": candidates.log_probs,
        "beams": candidates.beams,
        "origins": take_beams(live.candidates, candidates.beams),
    }


def _alignments(state: Any, alive: int, width: int) -> dict[str, Any]:
    """The alignments in a state, `(N, S)`, as `(B, K, S)`, zeros where nothing was alive."""
    alignment = alignment_of(state)
    if alignment is None:
        return {}
    by_example = ops.reshape(alignment, (-1, alive, ops.shape(alignment)[1]))
    return {"alignments": ops.pad(by_example, [[0, 0], [0, width - alive], [0, 0]])}


def _keep_best(finished: _Finished, scores: Any, time: Any) -> _Finished:
    """Keeps the K best of the finished hypotheses and the first K candidates `(B, 2K)`."""
    width = finished.scores.shape[1]
    steps = ops.full_like(finished.steps, 0) + time
    places = ops.arange(width, dtype="int32") + ops.zeros_like(finished.steps)
    scores = ops.concatenate([finished.scores, scores[:, :width]], axis=1)
    scores, kept = ops.top_k(scores, width)
    return _Finished(
        scores=scores,
        steps=take_beams(ops.concatenate([finished.steps, steps], axis=1), kept),
        candidates=take_beams(ops.concatenate([finished.candidates, places], axis=1), kept),
    )


def _survivors(candidates: _Candidates, ends: Any) -> tuple[_Live, Any]:
    """The K best candidates that do not end, and the beams `(B, K)` that they continue."""
    width = candidates.totals.shape[1] // 2
    totals, places = ops.top_k(ops.where(ends, _IMPOSSIBLE, candidates.totals), width)
    live = _Live(take_beams(candidates.token_ids, places), totals, ops.cast(places, "int32"))
    return live, take_beams(candidates.beams, places)


def _largest_ahead(penalties: np.ndarray) -> np.ndarray:
    """For each length, the largest penalty that a longer sequence can get."""
    ahead = np.maximum.accumulate(penalties[::-1])[::-1]
    return np.append(ahead[1:], ahead[-1])


def _best(loop: _Loop, n_best: int) -> Hypotheses:
    scores, steps, candidates = (values[:, :n_best] for values in loop.finished)
    return assemble(steps + 1, scores, trace(read(loop.history), steps, candidates))
