"""Beam search."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from keras import ops

from seqzoo.ops.decoding.beams import take_beams, take_rows, that_may_get_shorter
from seqzoo.ops.option_names import check_known
from seqzoo.search import coverage
from seqzoo.search.beam_records import alignments, fates, records
from seqzoo.search.candidates import (
    Candidates,
    Finished,
    Live,
    finishing,
    keep_best,
    rank,
    rank_groups,
    survivors,
)
from seqzoo.search.constraints.constrained import constrain
from seqzoo.search.constraints.constraint import Constraint
from seqzoo.search.history import History, blank, read, record, trace
from seqzoo.search.hypotheses import Hypotheses, assemble, merge_groups
from seqzoo.search.options import (
    Lengths,
    check_at_least,
    check_max_length,
    check_min_length,
    penalties_at,
    resolve_lengths,
    search_penalties,
)
from seqzoo.search.rows import PerSource, Rows
from seqzoo.search.step import Step, alignment_of, first_tokens
from seqzoo.search.walk import Going, Stepped, Walk

_IMPOSSIBLE = -float("inf")
STOP_RULES = ("first", "optimal", "all")


class _Loop(NamedTuple):
    """What the loop carries, for each strand: an example, or one of its groups."""

    time: Any  # steps taken
    over: Any  # (B,)
    live: Live
    finished: Finished
    history: History
    going: Going


@dataclass(frozen=True)
class BeamSearch:
    """Keeps the `width` best hypotheses of each example alive until `width` have finished.

    Every step ranks all continuations of the live hypotheses by their sum of log-probs and
    looks at the `2 * width` best. Those of the first `width` that end go to the finished
    ones, of which the `width` best by score are kept; the `width` best that do not end stay
    alive. Of equals, the earlier hypothesis comes first, then the smaller token id. A
    hypothesis of `max_length` tokens ends there.

    With groups, each is such a beam of `width / groups` hypotheses, and a group avoids what the
    groups before it say at the same step (see `search.candidates.rank_groups`). What two groups
    found is returned once.

    Args:
        width: Positive int. May exceed the vocabulary.
        n_best: Positive int, at most `width`. Hypotheses returned for each example.
        length_penalty: What the sum of log-probs is divided by: 1 for `"none"`,
            `length ** alpha` for `"average"`, `((5 + length) / 6) ** alpha` for `"gnmt"`.
        alpha: Float, the strength of the penalty.
        coverage_penalty: Float, at least 0: beta of Wu et al., 2016. A score gets beta times the
            sum over the source steps of log(min(coverage, 1)), the coverage being the sum of the
            alignments on a step. Needs a decoder that attends.
        stop: An example is over when `width` hypotheses have finished (`"first"`), when no
            live one can still beat the worst of the kept ones, log-probs being at most 0
            (`"optimal"`), or at `max_length` (`"all"`).
        min_length: Int or `PerSource`, in tokens, the end token included, at most `max_length`:
            before it no hypothesis ends.
        max_length: Positive int or `PerSource`, likewise. None leaves it to the task.
        groups: Positive int that divides `width`.
        diversity: Float, at least 0. How many nats a token loses for each hypothesis of an
            earlier group that chose it.
        constraints: What changes the log-probs first, in this order; see `search.constraints`.

    Call arguments:
        step: See `Step`.
        state: The decoder's first state, with N = B * width rows in each leaf.
        encoded: Passed on to `step`; B rows in each leaf.
        start_id: Int or `(B,)`, the token before the first.
        end_id: Int.
        rows: What differs from example to example; see `Rows`.

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
    coverage_penalty: float = 0.0
    stop: Literal["first", "optimal", "all"] = "first"
    min_length: int | PerSource = 0
    max_length: int | PerSource | None = None
    groups: int = 1
    diversity: float = 0.0
    constraints: tuple[Constraint, ...] = ()

    def __call__(
        self,
        step: Step,
        state: Any,
        encoded: Any,
        start_id: Any,
        end_id: Any,
        rows: Rows = Rows(),  # noqa: B008  it holds nothing
    ) -> Hypotheses:
        loop = self._run(step, state, encoded, start_id, end_id, rows)
        # Groups may have found the same, so all of theirs are looked at.
        kept = self.n_best if self.groups == 1 else self.width
        scores, steps, candidates = (values[:, :kept] for values in loop.finished)
        found = assemble(steps + 1, scores, trace(read(loop.history), steps, candidates))
        return found if self.groups == 1 else merge_groups(found, self.groups, self.n_best)

    def records(
        self,
        step: Step,
        state: Any,
        encoded: Any,
        start_id: Any,
        end_id: Any,
        rows: Rows = Rows(),  # noqa: B008
    ) -> dict[str, Any]:
        """Returns all candidates that were looked at, also those that came to nothing.

        Takes what a call takes.

        Returns:
            `token_ids`, `token_log_probs`, `beams`, `origins`, `totals`, `scores` and `lives`,
            each `(T, B * groups, 2 * width / groups)`, of every step and strand the candidates,
            best first: as in `search.history.trace`, and the sum of log-probs, the score of those
            that finished (-inf for others), and whether it stayed alive; `steps` `()`, how many
            were taken.
        """
        loop = self._run(step, state, encoded, start_id, end_id, rows, everything=True)
        return {**read(loop.history), "steps": loop.time}

    def _run(
        self,
        step: Step,
        state: Any,
        encoded: Any,
        start_id: Any,
        end_id: Any,
        rows: Rows,
        everything: bool = False,
    ) -> _Loop:
        max_length = self._check_options()
        tokens = first_tokens(start_id, state, self.width)  # (N,)
        lengths = resolve_lengths(self, max_length, rows, tokens[:: self.width])
        step, state, encoded = constrain(
            self.constraints, step, state, encoded, tokens, end_id, lengths.most, max_length, rows
        )
        if self.coverage_penalty:
            step, state = coverage.covering(step, state)
        width, lengths = self.width // self.groups, self._by_strand(lengths)
        walk = Walk(step, state, encoded, self.groups)
        penalties = search_penalties(self, max_length, rows)

        def not_over(*loop: Any) -> Any:
            return ops.any(ops.logical_not(_Loop(*loop).over))

        def advance(alive: int, loop: _Loop) -> _Loop:
            time, over, live, finished, history, going = loop
            done = walk.step(going, over, live.token_ids[:, :alive])
            length = time + 1

            ranked = self._rank(take_rows(live.totals[:, :alive], done.strands), over, done, end_id)
            candidates = Candidates(*take_rows(ranked, done.places))
            at_the_limit = (length >= lengths.most)[:, None]
            ends = ops.equal(candidates.token_ids, end_id)
            # No more than K of the 2K end, so K stay alive even where none may end yet.
            may_finish = finishing(ends, at_the_limit)
            may_finish = may_finish & ((length >= lengths.fewest) & ~over)[:, None]
            ends = ends | at_the_limit
            scores = candidates.totals / ops.reshape(penalties_at(penalties, length), (-1, 1))
            if self.coverage_penalty:
                scores = scores + self._coverage_scores(done, alive, candidates.beams, rows)
            scores = ops.where(may_finish, scores, _IMPOSSIBLE)
            recorded = records(live, candidates) | alignments(done, alive, width)
            finished = keep_best(finished, scores, time)
            live, beams = survivors(candidates, ends)
            if everything:
                recorded |= fates(candidates, scores, ends)
            history = record(history, time, recorded)
            over = over | self._is_over(live, finished, penalties, length, lengths)
            going = walk.go_on(going, done, over, alive, beams)
            return _Loop(length, over, live, finished, history, going)

        loop = _start(state, ops.reshape(tokens, (-1, width)), max_length, everything, walk)
        if width > 1:
            loop = advance(1, loop)  # all hypotheses begin as one, which is stepped once
        loop = loop._replace(going=that_may_get_shorter(loop.going))
        loop = ops.while_loop(not_over, lambda *loop: advance(width, _Loop(*loop)), loop)
        return _Loop(*loop)

    def _check_options(self) -> int:
        check_at_least("width", self.width, 1)
        check_at_least("n_best", self.n_best, 1)
        if self.n_best > self.width:
            raise ValueError(
                f"`n_best` must be at most `width`. Received: n_best={self.n_best}, "
                f"width={self.width}. Widen the beam or ask for fewer hypotheses."
            )
        check_known("stop", self.stop, STOP_RULES)
        check_at_least("coverage_penalty", self.coverage_penalty, 0)
        check_at_least("diversity", self.diversity, 0)
        check_at_least("groups", self.groups, 1)
        if self.width % self.groups:
            raise ValueError(
                f"`groups` must divide `width`. Received: groups={self.groups}, width={self.width}."
            )
        max_length = check_max_length(self.max_length)
        check_min_length(self.min_length, max_length)
        return max_length

    def _by_strand(self, lengths: Lengths) -> Lengths:
        return Lengths(*(ops.repeat(part, self.groups) for part in lengths))

    def _rank(self, totals: Any, over: Any, done: Stepped, end_id: Any) -> Candidates:
        """The candidates of the strands that were stepped, whose totals are `(A, alive)`."""
        width = self.width // self.groups
        if self.groups == 1:
            return rank(totals, done.log_probs, width)
        totals = ops.reshape(totals, (-1, self.groups, totals.shape[1]))
        over = ops.reshape(ops.take(over, done.strands), (-1, self.groups))
        return rank_groups(totals, done.log_probs, width, over, end_id, self.diversity)

    def _coverage_scores(self, done: Stepped, alive: int, beams: Any, rows: Rows) -> Any:
        """The coverage penalties `(B, 2K)` of candidates that continue these beams."""
        covered = done.state.own["coverage"]
        mask = rows.source_mask
        if mask is not None:
            examples = ops.repeat(ops.floor_divide(done.strands, self.groups), alive)
            mask = ops.take(mask, examples, axis=0)
        scores = coverage.penalties(covered, self.coverage_penalty, mask)
        scores = take_rows(ops.reshape(scores, (-1, alive)), done.places)
        return take_beams(scores, beams)

    def _is_over(
        self, live: Live, finished: Finished, penalties: Any, length: Any, lengths: Lengths
    ) -> Any:
        """Tells for each strand `(B,)` whether no further step is wanted."""
        best = ops.max(live.totals, axis=1, initial=_IMPOSSIBLE)  # with zero rows too
        worst = finished.scores[:, -1]
        if self.stop == "optimal":
            # Penalties rise or fall with the length, so the largest ahead stands at an end.
            following = penalties_at(penalties, ops.minimum(length + 1, lengths.most))
            return best / ops.maximum(following, penalties_at(penalties, lengths.most)) <= worst
        none_live = ops.equal(best, _IMPOSSIBLE)
        return none_live | (worst > _IMPOSSIBLE) if self.stop == "first" else none_live


def _start(state: Any, token_ids: Any, max_length: int, everything: bool, walk: Walk) -> _Loop:
    """One live hypothesis for each strand, in the first of its places, `(B, K)`."""
    width = token_ids.shape[1]
    zeros = ops.zeros_like(token_ids)
    first = ops.equal(ops.arange(width, dtype="int32") + zeros, 0)
    live = Live(token_ids, ops.where(first, 0.0, _IMPOSSIBLE), zeros)
    wide = ops.concatenate([zeros, zeros], axis=1)  # (B, 2K)
    real = ops.cast(wide, "float32")
    candidates = Candidates(wide, real, real, wide, real)
    recorded = records(live, candidates)
    alignment = alignment_of(state)
    if alignment is not None:
        by_strand = ops.reshape(alignment, (-1, width, ops.shape(alignment)[1]))
        recorded["alignments"] = by_strand
    if everything:
        recorded |= fates(candidates, real, ops.cast(wide, "bool"))
    over = ops.zeros_like(token_ids[:, 0], dtype="bool")
    return _Loop(
        time=ops.zeros((), dtype="int32"),
        over=over,
        live=live,
        finished=Finished(ops.full_like(live.totals, _IMPOSSIBLE), zeros - 1, zeros),
        history=blank(max_length, recorded),
        going=walk.begin(over, width, alive=1),
    )
