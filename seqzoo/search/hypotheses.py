"""What a search records at each step, and the hypotheses that it returns."""

from typing import Any, NamedTuple

from keras import ops

from seqzoo.ops.decoding import buffers
from seqzoo.ops.decoding.beams import take_beams
from seqzoo.ops.gather import gather

History = dict[str, Any]
"""Buffers (`ops.decoding.buffers`) by name, of one value `(B, …)` for each step."""


class Hypotheses(NamedTuple):
    """The N best sequences of each of B examples, best first, in T = `max_length` steps.

    Where a search finds fewer than N sequences, the rest are empty: length 0 and score -inf.

    Attributes:
        token_ids: `(B, N, T)` int32: the generated tokens, the end token if there is one,
            then 0.
        lengths: `(B, N)` int32, in tokens, the end token included.
        scores: `(B, N)` float32: the sum of the token log-probs over the length penalty.
        token_log_probs: `(B, N, T)` float32, 0 behind the end.
        alignments: `(B, N, T, S)` float32, the weights on the source with which each token
            was chosen, 0 behind the end; None where the decoder has none.

    Example:
        >>> table = np.log(np.array([[1, 1, 1, 2, 5]] * 4 + [[1, 1, 1, 5, 2]], "float32") / 10)
        >>> step = lambda ids, state, memory: (keras.ops.take(table, ids, axis=0), state)
        >>> found = sz.BeamSearch(width=2, n_best=2, max_length=4)(step, np.zeros((2, 1)), (), 2, 3)
        >>> found.token_ids.numpy().tolist(), found.lengths.numpy().tolist()
        ([[[4, 3, 0, 0], [3, 0, 0, 0]]], [[2, 1]])
    """

    token_ids: Any
    lengths: Any
    scores: Any
    token_log_probs: Any
    alignments: Any | None


def blank(max_length: int, values: dict[str, Any]) -> History:
    """A history of `max_length` steps of values like these."""
    return {name: buffers.blank(max_length, value) for name, value in values.items()}


def record(history: History, time: Any, values: dict[str, Any]) -> History:
    """Writes the values of one step."""
    return {name: buffers.write(history[name], time, value) for name, value in values.items()}


def read(history: History) -> dict[str, Any]:
    """The values of all steps, `(T, B, …)`."""
    return {name: buffers.stack(buffer) for name, buffer in history.items()}


def trace(steps: dict[str, Any], last_steps: Any, last_candidates: Any) -> dict[str, Any]:
    """Reads whole sequences by going back from their last tokens.

    Args:
        steps: `token_ids`, `token_log_probs`, `beams` and `origins`, each `(T, B, C)`: of
            each candidate its token, the live beam that it continues, and the candidate of the
            step before that this beam was. Perhaps `alignments` `(T, B, K, S)`, of the beams.
        last_steps: `(B, N)` int32, the step of each sequence's last token.
        last_candidates: `(B, N)` int32, its candidate at that step.

    Returns:
        `token_ids` and `token_log_probs` `(T, B, N)` and perhaps `alignments` `(T, B, N, S)`.
        What lies behind a last step has no meaning.
    """

    def is_inside(time: Any, candidates: Any, path: Any) -> Any:
        return time >= 0

    def go_back(time: Any, candidates: Any, path: Any) -> tuple:
        candidates = ops.where(ops.equal(time, last_steps), last_candidates, candidates)
        origins = gather(steps["origins"], time)
        return time - 1, take_beams(origins, candidates), buffers.write(path, time, candidates)

    path = buffers.blank(steps["origins"].shape[0], last_candidates)
    end = (ops.max(last_steps, initial=-1), ops.zeros_like(last_candidates), path)
    path = buffers.stack(ops.while_loop(is_inside, go_back, end)[2])

    traced = {name: _along(steps[name], path) for name in ("token_ids", "token_log_probs")}
    if "alignments" in steps:
        traced["alignments"] = _along(steps["alignments"], _along(steps["beams"], path))
    return traced


def _along(values: Any, path: Any) -> Any:
    """Picks `(T, B, N, …)` from `(T, B, K, …)` by the indices `(T, B, N)`."""
    shape, chosen = ops.shape(values), ops.shape(path)
    pairs = chosen[0] * chosen[1]
    picked = take_beams(
        ops.reshape(values, (pairs, *shape[2:])), ops.reshape(path, (pairs, chosen[2]))
    )
    return ops.reshape(picked, (*chosen, *shape[3:]))


def assemble(lengths: Any, scores: Any, steps: dict[str, Any]) -> Hypotheses:
    """Builds hypotheses from what was recorded step by step, and clears what lies behind ends.

    Args:
        lengths: `(B, N)` int32.
        scores: `(B, N)` float32.
        steps: `token_ids` and `token_log_probs` `(T, B, N)` and, where the decoder aligns,
            `alignments` `(T, B, N, S)`.
    """
    positions = ops.arange(ops.shape(steps["token_ids"])[0], dtype="int32")
    real = ops.less(positions, ops.expand_dims(lengths, 2))  # (B, N, T)

    def clear(values: Any) -> Any:
        values = ops.moveaxis(values, 0, 2)  # (T, B, N, …) -> (B, N, T, …)
        mask = ops.expand_dims(real, 3) if len(values.shape) == 4 else real
        return ops.where(mask, values, ops.zeros_like(values))

    alignments = steps.get("alignments")
    return Hypotheses(
        token_ids=clear(steps["token_ids"]),
        lengths=lengths,
        scores=scores,
        token_log_probs=clear(steps["token_log_probs"]),
        alignments=None if alignments is None else clear(alignments),
    )


def best_first(hypotheses: Hypotheses) -> Hypotheses:
    """The hypotheses by their scores; equal ones in the order in which they stood."""
    scores, order = ops.top_k(hypotheses.scores, hypotheses.scores.shape[1])
    fields = [None if part is None else take_beams(part, order) for part in hypotheses]
    return Hypotheses(*fields)._replace(scores=scores)


def merge_groups(hypotheses: Hypotheses, groups: int, n_best: int) -> Hypotheses:
    """The best of those of all beam groups of each example, `(B * groups, K)`; equal ones once.

    Of equal scores, that of the earlier group comes first.
    """

    def by_example(values: Any) -> Any:  # (B * groups, K, …) -> (B, groups * K, …)
        shape = ops.shape(values)
        return ops.reshape(values, (-1, groups * shape[1], *shape[2:]))

    fields: list[Any] = [None if part is None else by_example(part) for part in hypotheses]
    token_ids, lengths, scores = fields[:3]
    same = ops.all(ops.equal(token_ids[:, :, None], token_ids[:, None, :]), axis=3)
    same = same & ops.equal(lengths[:, :, None], lengths[:, None, :])
    positions = ops.arange(lengths.shape[1], dtype="int32")
    again = ops.any(same & (positions[None, :] < positions[:, None]), axis=2)
    scores, best = ops.top_k(ops.where(again, -float("inf"), scores), n_best)
    possible = scores > -float("inf")

    def pick(values: Any) -> Any:
        picked = take_beams(values, best)
        mask = ops.reshape(possible, (*ops.shape(possible), *[1] * (len(picked.shape) - 2)))
        return ops.where(mask, picked, ops.zeros_like(picked))

    rest = [None if part is None else pick(part) for part in fields[3:]]
    return Hypotheses(pick(token_ids), pick(lengths), scores, *rest)
