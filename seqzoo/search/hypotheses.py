"""What every search returns."""

from typing import Any, NamedTuple

from keras import ops


class Hypotheses(NamedTuple):
    """The N best sequences of each of B examples, best first, in T = `max_length` places.

    Where a search found fewer than N sequences, the rest of the places are empty: length 0
    and score -inf.

    Attributes:
        token_ids: `(B, N, T)` int32: the generated tokens, the end token if there is one,
            then 0.
        lengths: `(B, N)` int32, in tokens, the end token included.
        scores: `(B, N)` float32: the sum of the token log-probs over the length penalty.
        token_log_probs: `(B, N, T)` float32, 0 behind the end.
        alignments: `(B, N, T, S)` float32, the weights on the source with which each token
            was chosen, 0 behind the end; None where the decoder has none.
    """

    token_ids: Any
    lengths: Any
    scores: Any
    token_log_probs: Any
    alignments: Any | None


def assemble(lengths: Any, scores: Any, steps: dict[str, Any]) -> Hypotheses:
    """Builds hypotheses from what was recorded step by step, and clears what lies behind ends.

    Args:
        lengths: `(B, N)` int32.
        scores: `(B, N)` float32.
        steps: `token_ids` and `token_log_probs` `(T, B, N)` and, where the decoder aligns,
            `alignments` `(T, B, N, S)`.
    """
    places = ops.arange(ops.shape(steps["token_ids"])[0], dtype="int32")
    real = ops.less(places, ops.expand_dims(lengths, 2))  # (B, N, T)

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
