"""The coverage penalty."""

from typing import Any

import keras
from keras import ops

from seqzoo.search.step import Carried, Step, alignment_of

_SMALLEST = 1e-9  # a step that no token attended to counts as this much


def covering(step: Step, state: Any) -> tuple[Step, Carried]:
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

    def covering_step(token_ids: Any, state: Carried, encoded: Any) -> tuple[Any, Carried]:
        log_probs, inner = step(token_ids, state.inner, encoded)
        # A state may come back as a plain sequence, without its names.
        inner = keras.tree.pack_sequence_as(state.inner, keras.tree.flatten(inner))
        covered = state.own["coverage"] + alignment_of(inner)
        return log_probs, Carried(inner, {"coverage": covered})

    return covering_step, Carried(state, {"coverage": ops.zeros_like(alignment)})


def penalties(coverage: Any, beta: float, source_mask: Any | None) -> Any:
    """Scores `(N,)`, at most 0, of what was attended to, `(N, S)`.

    beta times the sum over the real source steps of log(min(coverage, 1)).

    Args:
        coverage: Float32 `(N, S)`.
        beta: Float, at least 0.
        source_mask: Boolean `(N, S)`; None if all steps are real.

    Reference: Wu et al., 2016, equation 14, https://arxiv.org/abs/1609.08144
    Differs from the paper: a coverage below 1e-9 counts as that, so that a score stays finite.
    """
    logs = ops.log(ops.clip(coverage, _SMALLEST, 1.0))
    if source_mask is not None:
        logs = ops.where(source_mask, logs, 0.0)
    return beta * ops.sum(logs, axis=1)
