"""Beam search."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from keras import ops

from seqzoo.ops.decoding.beams import take_beams, take_rows, that_may_get_shorter
from seqzoo.ops.gather import gather
from seqzoo.ops.option_names import check_known
from seqzoo.search.candidates import (
    Candidates,
    Finished,
    Live,
    alignments,
    coverage_scores,
    fates,
    finishing,
    keep_best,
    rank,
    rank_groups,
    records,
    survivors,
    with_coverage,
)
from seqzoo.search.constraints.constrained import constrain
from seqzoo.search.constraints.constraint import Constraint
from seqzoo.search.hypotheses import (
    History,
    Hypotheses,
    assemble,
    blank,
    merge_groups,
    read,
    record,
    trace,
)
from seqzoo.search.options import (
    ExampleOptions,
    LengthLimits,
    PerSource,
    check_at_least,
    check_max_length,
    check_min_length,
    length_limits,
    penalties_at,
    search_penalties,
)
from seqzoo.search.step import (
    ActiveBatch,
    DecodingSteps,
    Step,
    StepOutput,
    alignment_of,
    first_tokens,
    never_generated,
)

_IMPOSSIBLE = -float("inf")
STOP_RULES = ("first", "settled", "optimal", "all")


class _Loop(NamedTuple):
    """What the loop carries, for each beam group: an example, or some hypotheses of one."""

    time: Any  # steps taken
    done: Any  # (B,), whether a beam group is finished
    live: Live
    finished: Finished
    history: History
    batch: ActiveBatch


@dataclass(frozen=True)
class BeamSearch:
    """Continues the `width` best hypotheses of each example until `width` have finished.

    Every step ranks all continuations of the live hypotheses by their sum of log-probs and
    looks at the `2 * width` best. Those of the first `width` that end join the finished
    ones, of which the `width` best by score are stored; the `width` best that do not end stay
    live. Of equals, the earlier hypothesis comes first, then the smaller token id. A
    hypothesis of `max_length` tokens ends there.

    With groups, each is such a beam of `width / groups` hypotheses, and a group avoids the tokens
    that the groups before it take at the same step (see `search.candidates.rank_groups`). A
    hypothesis of two groups is returned once.

    Args:
        width: Positive int. May exceed the vocabulary.
        n_best: Positive int, at most `width`. Hypotheses returned for each example.
        length_penalty: What the sum of log-probs is divided by: 1 for `"none"`,
            `length ** alpha` for `"average"`, `((5 + length) / 6) ** alpha` for `"gnmt"`.
        alpha: Float, the strength of the penalty.
        coverage_penalty: Float, at least 0: beta of Wu et al., 2016. A score gets beta times the
            sum over the source steps of log(min(coverage, 1)), the coverage being the sum of the
            alignments on a step. Needs a decoder that attends.
        stop: An example is finished when `width` hypotheses are (`"first"`); when besides no live
            one, by its score as if it ended there, beats the worst of the `n_best` (`"settled"`);
            when no live one can still beat the worst of the `width`, log-probs being at most 0
            (`"optimal"`); or at `max_length` (`"all"`).
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
        memory: Passed on to `step`; B rows in each leaf.
        start_id: Int, the start token, which is never generated; or `(B,)`, the last tokens of
            prompts. Neither is padding, 0, ever generated.
        end_id: Int.
        options: What differs from example to example; see `ExampleOptions`.

    Returns:
        `Hypotheses` with N = `n_best`.

    Raises:
        ValueError: at a call, if an option is out of its range or the state has not `width`
            rows for each example.

    Example:
        >>> table = np.log(np.array([[1, 1, 1, 2, 5]] * 4 + [[1, 1, 1, 5, 2]], "float32") / 10)
        >>> step = lambda ids, state, memory: (keras.ops.take(table, ids, axis=0), state)
        >>> search = sz.BeamSearch(width=2, n_best=2, max_length=5)
        >>> best = search(step, np.zeros((2, 1)), (), start_id=2, end_id=3)
        >>> best.token_ids.numpy().tolist(), best.lengths.numpy().tolist()
        ([[[4, 3, 0, 0, 0], [3, 0, 0, 0, 0]]], [[2, 1]])
    """

    width: int = 5
    n_best: int = 1
    length_penalty: Literal["none", "average", "gnmt"] = "average"
    alpha: float = 1.0
    coverage_penalty: float = 0.0
    stop: Literal["first", "settled", "optimal", "all"] = "first"
    min_length: int | PerSource = 0
    max_length: int | PerSource | None = None
    groups: int = 1
    diversity: float = 0.0
    constraints: tuple[Constraint, ...] = ()

    def __call__(
        self,
        step: Step,
        state: Any,
        memory: Any,
        start_id: Any,
        end_id: Any,
        options: ExampleOptions = ExampleOptions(),  # noqa: B008  it holds nothing
    ) -> Hypotheses:
        loop = self._run(step, state, memory, start_id, end_id, options)
        # Groups may hold equal hypotheses, so all of theirs are looked at.
        count = self.n_best if self.groups == 1 else self.width
        scores, steps, candidates = (values[:, :count] for values in loop.finished)
        best = assemble(steps + 1, scores, trace(read(loop.history), steps, candidates))
        return best if self.groups == 1 else merge_groups(best, self.groups, self.n_best)

    def records(
        self,
        step: Step,
        state: Any,
        memory: Any,
        start_id: Any,
        end_id: Any,
        options: ExampleOptions = ExampleOptions(),  # noqa: B008
    ) -> dict[str, Any]:
        """Returns all candidates that were looked at, also those that came to nothing.

        Takes what a call takes.

        Returns:
            `token_ids`, `token_log_probs`, `beams`, `origins`, `totals`, `scores` and `lives`,
            each `(T, B * groups, 2 * width / groups)`, of every step and beam group the
            candidates, best first: as in `search.hypotheses.trace`, and the sum of log-probs, the
            score of those that finished (-inf for others), and whether it stayed live; `steps`
            `()`, how many were taken.
        """
        loop = self._run(step, state, memory, start_id, end_id, options, everything=True)
        return {**read(loop.history), "steps": loop.time}

    def _run(
        self,
        step: Step,
        state: Any,
        memory: Any,
        start_id: Any,
        end_id: Any,
        options: ExampleOptions,
        everything: bool = False,
    ) -> _Loop:
        max_length = self._check_options()
        tokens = first_tokens(start_id, state, self.width)  # (N,)
        limits = length_limits(self, max_length, options, tokens[:: self.width])
        longest = limits.max_length
        step, state, memory = constrain(
            self.constraints, step, state, memory, tokens, end_id, longest, max_length, options
        )
        if self.coverage_penalty:
            step, state = with_coverage(step, state)
        width = self.width // self.groups
        limits = LengthLimits(*(ops.repeat(part, self.groups) for part in limits))
        steps = DecodingSteps(step, state, memory, self.groups)
        penalties = search_penalties(self, max_length, options)
        never = never_generated(start_id, end_id)

        def is_unfinished(*loop: Any) -> Any:
            return ops.any(ops.logical_not(_Loop(*loop).done))

        def advance(num_live: int, loop: _Loop) -> _Loop:
            time, done, live, finished, history, batch = loop
            output = steps.take(batch, done, live.token_ids[:, :num_live])
            length = time + 1

            totals = take_rows(live.totals[:, :num_live], output.groups)
            ranked = self._rank(totals, done, output, end_id, never)
            candidates = Candidates(*take_rows(ranked, output.positions))
            at_max_length = (length >= limits.max_length)[:, None]
            ends = ops.equal(candidates.token_ids, end_id)
            # No more than K of the 2K end, so K stay live even where none may end yet.
            may_finish = finishing(ends, at_max_length)
            may_finish = may_finish & ((length >= limits.min_length) & ~done)[:, None]
            ends = ends | at_max_length
            scores = candidates.totals / ops.reshape(penalties_at(penalties, length), (-1, 1))
            if self.coverage_penalty:
                scores = scores + self._coverage(output, num_live, candidates.beams, options)
            scores = ops.where(may_finish, scores, _IMPOSSIBLE)
            recorded = records(live, candidates) | alignments(output, num_live, width)
            finished = keep_best(finished, scores, time)
            live, beams = survivors(candidates, ends)
            if everything:
                recorded |= fates(candidates, scores, ends)
            history = record(history, time, recorded)
            done = done | self._is_done(live, finished, penalties, length, limits)
            batch = steps.next_batch(batch, output, done, num_live, beams)
            return _Loop(length, done, live, finished, history, batch)

        loop = _start(state, ops.reshape(tokens, (-1, width)), max_length, everything, steps)
        if width > 1:
            loop = advance(1, loop)  # all hypotheses are still one: its step is taken once
        loop = loop._replace(batch=that_may_get_shorter(loop.batch))
        loop = ops.while_loop(is_unfinished, lambda *loop: advance(width, _Loop(*loop)), loop)
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

    def _rank(
        self, totals: Any, done: Any, output: StepOutput, end_id: Any, never: tuple[int, ...]
    ) -> Candidates:
        """The candidates of the beam groups of the batch, whose totals are `(A, live)`."""
        width = self.width // self.groups
        if self.groups == 1:
            return rank(totals, output.log_probs, width, never)
        totals = ops.reshape(totals, (-1, self.groups, totals.shape[1]))
        done = ops.reshape(gather(done, output.groups), (-1, self.groups))
        return rank_groups(totals, output.log_probs, width, done, end_id, self.diversity, never)

    def _coverage(
        self, output: StepOutput, num_live: int, beams: Any, options: ExampleOptions
    ) -> Any:
        """The coverage penalties `(B, 2K)` of candidates that continue these beams."""
        mask = options.source_mask
        if mask is not None:
            examples = ops.repeat(ops.floor_divide(output.groups, self.groups), num_live)
            mask = gather(mask, examples)
        scores = coverage_scores(output.state.own["coverage"], self.coverage_penalty, mask)
        scores = take_rows(ops.reshape(scores, (-1, num_live)), output.positions)
        return take_beams(scores, beams)

    def _is_done(
        self, live: Live, finished: Finished, penalties: Any, length: Any, limits: LengthLimits
    ) -> Any:
        """Tells for each beam group `(B,)` whether it needs no further step."""
        best = ops.max(live.totals, axis=1, initial=_IMPOSSIBLE)  # with zero rows too
        worst = finished.scores[:, -1]
        if self.stop == "optimal":
            # Penalties rise or fall with the length, so the largest ahead stands at an end.
            longest = limits.max_length
            following = penalties_at(penalties, ops.minimum(length + 1, longest))
            return best / ops.maximum(following, penalties_at(penalties, longest)) <= worst
        none_live = ops.equal(best, _IMPOSSIBLE)
        if self.stop == "all":
            return none_live
        is_over = worst > _IMPOSSIBLE
        if self.stop == "settled":
            as_it_stands = best / penalties_at(penalties, length)
            is_over &= as_it_stands <= finished.scores[:, self._kept() - 1]
        return none_live | is_over

    def _kept(self) -> int:
        """How many finished hypotheses of a beam group may be returned."""
        return min(self.n_best, self.width // self.groups)


def _start(
    state: Any, token_ids: Any, max_length: int, everything: bool, steps: DecodingSteps
) -> _Loop:
    """One live hypothesis for each beam group, the first of its `(B, K)`."""
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
        by_group = ops.reshape(alignment, (-1, width, ops.shape(alignment)[1]))
        recorded["alignments"] = by_group
    if everything:
        recorded |= fates(candidates, real, ops.cast(wide, "bool"))
    done = ops.zeros_like(token_ids[:, 0], dtype="bool")
    return _Loop(
        time=ops.zeros((), dtype="int32"),
        done=done,
        live=live,
        finished=Finished(ops.full_like(live.totals, _IMPOSSIBLE), zeros - 1, zeros),
        history=blank(max_length, recorded),
        batch=steps.first_batch(done, width, live=1),
    )
