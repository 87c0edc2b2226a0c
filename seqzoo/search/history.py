"""What a search writes down at each step, and how the best sequences are read from it."""

from typing import Any

from keras import ops

from seqzoo.ops.decoding import buffers
from seqzoo.ops.decoding.beams import take_beams

History = dict[str, Any]
"""Buffers (`ops.decoding.buffers`) by name, of one value `(B, …)` for each step."""


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

    def not_begun(time: Any, candidates: Any, path: Any) -> Any:
        return time >= 0

    def go_back(time: Any, candidates: Any, path: Any) -> tuple:
        candidates = ops.where(ops.equal(time, last_steps), last_candidates, candidates)
        origins = ops.take(steps["origins"], time, axis=0)
        return time - 1, take_beams(origins, candidates), buffers.write(path, time, candidates)

    path = buffers.blank(steps["origins"].shape[0], last_candidates)
    end = (ops.max(last_steps, initial=-1), ops.zeros_like(last_candidates), path)
    path = buffers.stack(ops.while_loop(not_begun, go_back, end)[2])

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
