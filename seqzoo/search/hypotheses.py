"""What every search returns."""

from typing import Any, NamedTuple

from keras import ops

from seqzoo.ops.decoding.beams import take_beams


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


def merge_groups(found: Hypotheses, groups: int, n_best: int) -> Hypotheses:
    """The best of what the groups of each example found, `(B * groups, K)`; equal ones once.

    Of equal scores, that of the earlier group comes first.
    """

    def by_example(values: Any) -> Any:  # (B * groups, K, …) -> (B, groups * K, …)
        shape = ops.shape(values)
        return ops.reshape(values, (-1, groups * shape[1], *shape[2:]))

    fields = [None if part is None else by_example(part) for part in found]
    token_ids, lengths, scores = fields[:3]
    same = ops.all(ops.equal(token_ids[:, :, None], token_ids[:, None, :]), axis=3)
    same = same & ops.equal(lengths[:, :, None], lengths[:, None, :])
    places = ops.arange(lengths.shape[1], dtype="int32")
    again = ops.any(same & (places[None, :] < places[:, None]), axis=2)
    scores, best = ops.top_k(ops.where(again, -float("inf"), scores), n_best)
    possible = scores > -float("inf")

    def pick(values: Any) -> Any:
        picked = take_beams(values, best)
        mask = ops.reshape(possible, (*ops.shape(possible), *[1] * (len(picked.shape) - 2)))
        return ops.where(mask, picked, ops.zeros_like(picked))

    rest = [None if part is None else pick(part) for part in fields[3:]]
    return Hypotheses(pick(token_ids), pick(lengths), scores, *rest)
