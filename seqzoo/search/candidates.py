"""How the continuations of live hypotheses are ranked, and what becomes of them."""

from typing import Any, NamedTuple

from keras import ops

from seqzoo.ops.decoding.beams import beam_rows, take_beams, top_sums
from seqzoo.ops.decoding.log_probs import LogProbs, values_of, with_values
from seqzoo.ops.gather import gather

_IMPOSSIBLE = -float("inf")


class Live(NamedTuple):
    """The hypotheses that go on, best first; an empty place has the total -inf."""

    token_ids: Any  # (B, K), the last tokens
    totals: Any  # (B, K), sums of log-probs
    candidates: Any  # (B, K), the candidates of the last step that they were


class Candidates(NamedTuple):
    """The best continuations of the live hypotheses of a strand, best first."""

    token_ids: Any  # (B, 2K)
    log_probs: Any  # (B, 2K), of the tokens
    totals: Any  # (B, 2K)
    beams: Any  # (B, 2K), the hypotheses that they continue
    ranks: Any  # (B, 2K), what they are ranked by: the totals, less what others chose too


class Finished(NamedTuple):
    """The best finished hypotheses, best first; an empty place has the score -inf."""

    scores: Any  # (B, K)
    steps: Any  # (B, K), of the last token; -1 in an empty place
    candidates: Any  # (B, K), at that step


def rank(totals: Any, log_probs: LogProbs, width: int) -> Candidates:
    """The best continuations of hypotheses with these totals `(B, N / B)`."""
    alive = totals.shape[1]
    bases = totals - ops.reshape(log_probs.log_sums, (-1, alive))  # (B * alive,) -> (B, alive)
    bases = ops.where(ops.isfinite(bases), bases, _IMPOSSIBLE)  # no token is possible there
    ranks, places = top_sums(bases, log_probs.logits, 2 * width)
    vocabulary = ops.shape(log_probs.logits)[1]
    beams = ops.floor_divide(places, vocabulary)
    token_ids = places - beams * vocabulary
    chosen = _log_probs_at(log_probs, alive, beams, token_ids)
    return Candidates(token_ids, chosen, ranks, beams, ranks)


def rank_groups(
    totals: Any, log_probs: LogProbs, width: int, over: Any, end_id: Any, diversity: float
) -> Candidates:
    """`rank` for groups of an example, one after the other, which avoid each other's tokens.

    A token counts less by `diversity` for each hypothesis of an earlier group that went on with
    it in the same step. This holds for the ranking of the step; no total keeps it.

    Args:
        totals: `(B, groups, alive)`.
        log_probs: Of B * groups * alive rows.
        width: K, of a group.
        over: Boolean `(B, groups)`: groups that are over are avoided no more.
        end_id: Int; it is never avoided.
        diversity: Float, at least 0.

    Returns:
        Candidates of B * groups strands.

    Reference: Vijayakumar et al., 2018, https://arxiv.org/abs/1610.02424 (Hamming diversity)
    """
    examples, groups, alive = ops.shape(totals)
    vocabulary = ops.shape(log_probs.logits)[1]
    logits = ops.reshape(log_probs.logits, (examples, groups, alive, vocabulary))
    log_sums = ops.reshape(log_probs.log_sums, (examples, groups, alive))
    found, said = [], ops.full((examples, 0), -1, dtype="int32")
    for group in range(groups):
        own = LogProbs(
            ops.reshape(logits[:, group], (-1, vocabulary)), ops.reshape(log_sums[:, group], (-1,))
        )
        candidates = rank(totals[:, group], _avoiding(own, said, alive, diversity), width)
        before = take_beams(totals[:, group], candidates.beams)
        true = _log_probs_at(own, alive, candidates.beams, candidates.token_ids)
        possible = candidates.ranks > _IMPOSSIBLE
        true_totals = ops.where(possible, before + true, _IMPOSSIBLE)
        found.append(candidates._replace(log_probs=true, totals=true_totals))
        ends = ops.equal(candidates.token_ids, end_id)
        live, _ = survivors(candidates, ends)
        goes_on = (live.totals > _IMPOSSIBLE) & ~over[:, group : group + 1]
        said = ops.concatenate([said, ops.where(goes_on, live.token_ids, -1)], axis=1)
    return Candidates(
        *(
            ops.reshape(ops.stack(part, axis=1), (-1, 2 * width))
            for part in zip(*found, strict=True)
        )
    )


def _avoiding(log_probs: LogProbs, said: Any, alive: int, diversity: float) -> LogProbs:
    """Lowers the tokens that earlier groups said, `(B, J)`, -1 for none."""
    if said.shape[1] == 0:
        return log_probs
    times = ops.sum(ops.cast(ops.equal(said[:, :, None], said[:, None, :]), "float32"), axis=2)
    said, times = ops.repeat(said, alive, axis=0), ops.repeat(times, alive, axis=0)
    token_ids = ops.maximum(said, 0)
    lowered = values_of(log_probs, token_ids) - diversity * times
    return with_values(log_probs, token_ids, said >= 0, lowered)


def _log_probs_at(log_probs: LogProbs, alive: int, beams: Any, token_ids: Any) -> Any:
    """The log-probs `(B, C)` of tokens after beams."""
    rows = beam_rows(beams, alive)
    places = rows * ops.shape(log_probs.logits)[1] + token_ids
    logits = gather(ops.reshape(log_probs.logits, (-1,)), places)
    values = logits - gather(log_probs.log_sums, rows)
    return ops.where(ops.isnan(values), _IMPOSSIBLE, values)


def survivors(candidates: Candidates, ends: Any) -> tuple[Live, Any]:
    """The K best candidates that do not end, and the beams `(B, K)` that they continue."""
    width = candidates.totals.shape[1] // 2
    ranks, places = ops.top_k(ops.where(ends, _IMPOSSIBLE, candidates.ranks), width)
    totals = ops.where(ranks > _IMPOSSIBLE, take_beams(candidates.totals, places), _IMPOSSIBLE)
    live = Live(take_beams(candidates.token_ids, places), totals, ops.cast(places, "int32"))
    return live, take_beams(candidates.beams, places)


def finishing(ends: Any, at_the_limit: Any) -> Any:
    """Tells which of the candidates finish.

    These are the first K that end; at the limit also the first K that do not, which would live.

    Args:
        ends: Boolean `(B, 2K)`, whether a candidate's token is the end.
        at_the_limit: Boolean `(B, 1)`, whether no hypothesis may grow any longer.

    Returns:
        Boolean `(B, 2K)`.
    """
    width = ends.shape[1] // 2
    first = ops.arange(2 * width, dtype="int32") < width
    would_live = ~ends & (ops.cumsum(ops.cast(~ends, "int32"), axis=1) <= width)
    return (ends & first) | (would_live & at_the_limit)


def keep_best(finished: Finished, scores: Any, time: Any) -> Finished:
    """Keeps the K best of the finished hypotheses and the candidates of scores `(B, 2K)`."""
    wide = ops.zeros_like(scores, dtype="int32")
    places = ops.arange(scores.shape[1], dtype="int32") + wide
    scores, kept = ops.top_k(
        ops.concatenate([finished.scores, scores], axis=1), finished.scores.shape[1]
    )
    return Finished(
        scores=scores,
        steps=take_beams(ops.concatenate([finished.steps, wide + time], axis=1), kept),
        candidates=take_beams(ops.concatenate([finished.candidates, places], axis=1), kept),
    )
