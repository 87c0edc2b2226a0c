"""How the continuations of live hypotheses are ranked and scored, and what becomes of them."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.decoding.beams import beam_rows, take_beams, take_rows, top_sums
from seqzoo.ops.decoding.log_probs import LogProbs, values_of, with_values
from seqzoo.ops.gather import gather
from seqzoo.search.step import Step, StepOutput, WrappedState, alignment_of

_IMPOSSIBLE = -float("inf")
_SMALLEST_COVERAGE = 1e-9  # a step that no token attended to counts as this much


class Live(NamedTuple):
    """The live hypotheses, best first; where there are fewer, the total is -inf."""

    token_ids: Any  # (B, K), the last tokens
    totals: Any  # (B, K), sums of log-probs
    candidates: Any  # (B, K), the candidates of the last step that they were


class Candidates(NamedTuple):
    """The best continuations of the live hypotheses of a beam group, best first."""

    token_ids: Any  # (B, 2K)
    log_probs: Any  # (B, 2K), of the tokens
    totals: Any  # (B, 2K)
    beams: Any  # (B, 2K), the hypotheses that they continue
    ranks: Any  # (B, 2K), what they are ranked by: the totals, less what others chose too


class Finished(NamedTuple):
    """The best finished hypotheses, best first; where there are fewer, the score is -inf."""

    scores: Any  # (B, K)
    steps: Any  # (B, K), of the last token; -1 where there is none
    candidates: Any  # (B, K), at that step


def rank(totals: Any, log_probs: LogProbs, width: int, never: tuple[int, ...] = ()) -> Candidates:
    """The best continuations of hypotheses with these totals `(B, N / B)`.

    Tokens that are `never` generated are impossible.
    """
    live = totals.shape[1]
    bases = totals - ops.reshape(log_probs.log_sums, (-1, live))  # (B * live,) -> (B, live)
    bases = ops.where(ops.isfinite(bases), bases, _IMPOSSIBLE)  # no token is possible there
    never = log_probs.not_yet_impossible(never)
    ranks, indices = top_sums(bases, log_probs.logits, 2 * width, never)
    vocabulary = ops.shape(log_probs.logits)[1]
    beams = ops.floor_divide(indices, vocabulary)
    token_ids = indices - beams * vocabulary
    chosen = _log_probs_at(log_probs, live, beams, token_ids)
    return Candidates(token_ids, chosen, ranks, beams, ranks)


def rank_groups(
    totals: Any,
    log_probs: LogProbs,
    width: int,
    finished: Any,
    end_id: Any,
    diversity: float,
    never: tuple[int, ...] = (),
) -> Candidates:
    """`rank` for beam groups of an example, one after the other, that avoid each other's tokens.

    A token counts less by `diversity` for each hypothesis of an earlier group that was continued
    by it in the same step. This holds for the ranking of the step; no total keeps it.

    Args:
        totals: `(B, groups, live)`.
        log_probs: Of B * groups * live rows.
        width: K, of a group.
        finished: Boolean `(B, groups)`: tokens of finished groups are no longer avoided.
        end_id: Int; it is never avoided.
        diversity: Float, at least 0.
        never: As in `rank`.

    Returns:
        Candidates of B * groups beam groups.

    Reference: Vijayakumar et al., 2018, https://arxiv.org/abs/1610.02424 (Hamming diversity)
    """
    examples, groups, live_width = ops.shape(totals)
    vocabulary = ops.shape(log_probs.logits)[1]
    logits = ops.reshape(log_probs.logits, (examples, groups, live_width, vocabulary))
    log_sums = ops.reshape(log_probs.log_sums, (examples, groups, live_width))
    ranked, taken = [], ops.full((examples, 0), -1, dtype="int32")
    for group in range(groups):
        own = LogProbs(
            ops.reshape(logits[:, group], (-1, vocabulary)),
            ops.reshape(log_sums[:, group], (-1,)),
            log_probs.impossible,
        )
        lowered = _avoiding(own, taken, live_width, diversity)
        candidates = rank(totals[:, group], lowered, width, never)
        before = take_beams(totals[:, group], candidates.beams)
        true = _log_probs_at(own, live_width, candidates.beams, candidates.token_ids)
        possible = candidates.ranks > _IMPOSSIBLE
        true_totals = ops.where(possible, before + true, _IMPOSSIBLE)
        ranked.append(candidates._replace(log_probs=true, totals=true_totals))
        ends = ops.equal(candidates.token_ids, end_id)
        live, _ = survivors(candidates, ends)
        continues = (live.totals > _IMPOSSIBLE) & ~finished[:, group : group + 1]
        taken = ops.concatenate([taken, ops.where(continues, live.token_ids, -1)], axis=1)
    return Candidates(
        *(
            ops.reshape(ops.stack(part, axis=1), (-1, 2 * width))
            for part in zip(*ranked, strict=True)
        )
    )


def _avoiding(log_probs: LogProbs, taken: Any, live: int, diversity: float) -> LogProbs:
    """Lowers the tokens that earlier groups took, `(B, J)`, -1 for none."""
    if taken.shape[1] == 0:
        return log_probs
    times = ops.sum(ops.cast(ops.equal(taken[:, :, None], taken[:, None, :]), "float32"), axis=2)
    taken, times = ops.repeat(taken, live, axis=0), ops.repeat(times, live, axis=0)
    token_ids = ops.maximum(taken, 0)
    lowered = values_of(log_probs, token_ids) - diversity * times
    log_probs_of_all = with_values(log_probs, token_ids, taken >= 0, lowered)
    # What is -inf stays so when it is lowered.
    return log_probs_of_all._replace(impossible=log_probs.impossible)


def _log_probs_at(log_probs: LogProbs, live: int, beams: Any, token_ids: Any) -> Any:
    """The log-probs `(B, C)` of tokens after beams."""
    rows = beam_rows(beams, live)
    indices = rows * ops.shape(log_probs.logits)[1] + token_ids
    logits = gather(ops.reshape(log_probs.logits, (-1,)), indices)
    values = logits - gather(log_probs.log_sums, rows)
    return ops.where(ops.isnan(values), _IMPOSSIBLE, values)


def survivors(candidates: Candidates, ends: Any) -> tuple[Live, Any]:
    """The K best candidates that do not end, and the beams `(B, K)` that they continue."""
    width = candidates.totals.shape[1] // 2
    ranks, best = ops.top_k(ops.where(ends, _IMPOSSIBLE, candidates.ranks), width)
    totals = ops.where(ranks > _IMPOSSIBLE, take_beams(candidates.totals, best), _IMPOSSIBLE)
    live = Live(take_beams(candidates.token_ids, best), totals, ops.cast(best, "int32"))
    return live, take_beams(candidates.beams, best)


def finishing(ends: Any, at_max_length: Any) -> Any:
    """Tells which of the candidates finish.

    These are the first K that end; at the maximum length also the first K that do not.

    Args:
        ends: Boolean `(B, 2K)`, whether a candidate's token is the end.
        at_max_length: Boolean `(B, 1)`, whether hypotheses have their maximum length.

    Returns:
        Boolean `(B, 2K)`.
    """
    width = ends.shape[1] // 2
    first = ops.arange(2 * width, dtype="int32") < width
    would_live = ~ends & (ops.cumsum(ops.cast(~ends, "int32"), axis=1) <= width)
    return (ends & first) | (would_live & at_max_length)


def keep_best(finished: Finished, scores: Any, time: Any) -> Finished:
    """Keeps the K best of the finished hypotheses and the candidates of scores `(B, 2K)`."""
    wide = ops.zeros_like(scores, dtype="int32")
    indices = ops.arange(scores.shape[1], dtype="int32") + wide
    scores, best = ops.top_k(
        ops.concatenate([finished.scores, scores], axis=1), finished.scores.shape[1]
    )
    return Finished(
        scores=scores,
        steps=take_beams(ops.concatenate([finished.steps, wide + time], axis=1), best),
        candidates=take_beams(ops.concatenate([finished.candidates, indices], axis=1), best),
    )


def records(live: Live, candidates: Candidates) -> dict[str, Any]:
    """What `trace` needs of a step, beside the alignments."""
    return {
        "token_ids": candidates.token_ids,
        "token_log_probs": candidates.log_probs,
        "beams": candidates.beams,
        "origins": take_beams(live.candidates, candidates.beams),
    }


def alignments(output: StepOutput, live: int, width: int) -> dict[str, Any]:
    """The alignments after a step as `(B, K, S)`, zeros where no hypothesis was live."""
    alignment = alignment_of(output.state)
    if alignment is None:
        return {}
    by_group = ops.reshape(alignment, (-1, live, ops.shape(alignment)[1]))
    padded = ops.pad(by_group, [[0, 0], [0, width - live], [0, 0]])
    return {"alignments": take_rows(padded, output.positions)}


def fates(candidates: Candidates, scores: Any, ends: Any) -> dict[str, Any]:
    """What became of candidates."""
    width = candidates.totals.shape[1] // 2
    continues = (candidates.totals > _IMPOSSIBLE) & ~ends
    lives = continues & (ops.cumsum(ops.cast(continues, "int32"), axis=1) <= width)
    return {
        "totals": candidates.totals,
        "scores": scores,
        "lives": ops.cast(lives, "int32"),
    }


def with_coverage(step: Step, state: Any) -> tuple[Step, WrappedState]:
    """Wraps a step so that its state adds the alignments up.

    Raises:
        ValueError: if the state has no alignment.
    """
    alignment = alignment_of(state)
    if alignment is None:
        raise ValueError(
            "`coverage_penalty` needs a decoder that attends, whose state has an `alignment`. "
            "Received: a state without one. Set `coverage_penalty` to 0."
        )

    def step_with_coverage(token_ids: Any, state: WrappedState, memory: Any) -> tuple:
        log_probs, inner = step(token_ids, state.inner, memory)
        # A state may come back as a plain sequence, without its names.
        inner = keras.tree.pack_sequence_as(state.inner, keras.tree.flatten(inner))
        covered = state.own["coverage"] + alignment_of(inner)
        return log_probs, WrappedState(inner, {"coverage": covered})

    return step_with_coverage, WrappedState(state, {"coverage": ops.zeros_like(alignment)})


def coverage_scores(coverage: Any, beta: float, source_mask: Any | None) -> Any:
    """Scores `(N,)`, at most 0, of what was attended to, `(N, S)`.

    beta times the sum over the real source steps of log(min(coverage, 1)).

    Args:
        coverage: Float32 `(N, S)`.
        beta: Float, at least 0.
        source_mask: Boolean `(N, S)`; None if all steps are real.

    Reference: Wu et al., 2016, equation 14, https://arxiv.org/abs/1609.08144
    Differs from the paper: a coverage below 1e-9 counts as that, so that a score stays finite.
    """
    logs = ops.log(ops.clip(coverage, _SMALLEST_COVERAGE, 1.0))
    if source_mask is not None:
        logs = ops.where(source_mask, logs, 0.0)
    return beta * ops.sum(logs, axis=1)
