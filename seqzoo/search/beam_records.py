"""What a beam search writes down at each step."""

from typing import Any

from keras import ops

from seqzoo.ops.decoding.beams import take_beams, take_rows
from seqzoo.search.candidates import Candidates, Live
from seqzoo.search.step import alignment_of
from seqzoo.search.walk import Stepped

_IMPOSSIBLE = -float("inf")


def records(live: Live, candidates: Candidates) -> dict[str, Any]:
    """What `trace` needs of a step, beside the alignments."""
    return {
        "token_ids": candidates.token_ids,
        "token_log_probs": candidates.log_probs,
        "beams": candidates.beams,
        "origins": take_beams(live.candidates, candidates.beams),
    }


def alignments(done: Stepped, alive: int, width: int) -> dict[str, Any]:
    """The alignments after a step as `(B, K, S)`, zeros where nothing was alive."""
    alignment = alignment_of(done.state)
    if alignment is None:
        return {}
    by_strand = ops.reshape(alignment, (-1, alive, ops.shape(alignment)[1]))
    padded = ops.pad(by_strand, [[0, 0], [0, width - alive], [0, 0]])
    return {"alignments": take_rows(padded, done.places)}


def fates(candidates: Candidates, scores: Any, ends: Any) -> dict[str, Any]:
    """What became of candidates."""
    width = candidates.totals.shape[1] // 2
    possible = candidates.totals > _IMPOSSIBLE
    goes_on = possible & ~ends
    lives = goes_on & (ops.cumsum(ops.cast(goes_on, "int32"), axis=1) <= width)
    return {
        "totals": candidates.totals,
        "scores": scores,
        "lives": ops.cast(lives, "int32"),
    }
