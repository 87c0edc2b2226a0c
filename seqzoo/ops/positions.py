"""Positions of steps in their sequences, and what attention makes of them."""

import math
from typing import Any

from keras import ops

from seqzoo.ops.masks import first_of_segments, hold_last_real


def runs_of_segments(segment_ids) -> Any:
    """Returns int `(B, T)`: the number of the sequence that a step belongs to, from 0 on.

    Steps of one id that stand side by side are one sequence, wherever the id comes again.
    """
    return ops.cumsum(ops.cast(first_of_segments(segment_ids), "int32"), axis=1)


def runs_of_real_steps(segment_ids, mask=None) -> Any:
    """Returns int `(B, T)`: the number of the sequence that the last real step is of.

    Padding belongs to the sequence before it, so that it ends none; before the first real step
    the number is 0. The mask is boolean `(B, T)`, True on real steps; None where all are.
    """
    runs = runs_of_segments(segment_ids)
    if mask is None:
        return runs
    by_time = ops.transpose(runs)[..., None]
    held = hold_last_real(by_time, ops.zeros_like(by_time[0]), ops.transpose(mask))
    return ops.transpose(held[..., 0])


def step_positions(steps: Any, mask=None, segment_ids=None) -> Any:
    """Returns the position of each step among the real steps of its sequence, from 0 on.

    Args:
        steps: T.
        mask: Boolean `(B, T)`, True on real steps; None where all are.
        segment_ids: Int `(B, T)` where a row holds several sequences; see `runs_of_segments`.

    Returns:
        Int32 `(T,)` where no mask and no ids are given, else `(B, T)`. What stands at other steps
        is a position too.
    """
    if mask is None and segment_ids is None:
        return ops.arange(steps, dtype="int32")
    real = ops.ones_like(segment_ids) if mask is None else ops.cast(mask, "int32")
    if segment_ids is None:
        return ops.maximum(ops.cumsum(real, axis=1) - 1, 0)
    runs = runs_of_segments(segment_ids)
    time = ops.arange(steps, dtype="int32")
    before = ops.logical_and(runs[:, :, None] == runs[:, None, :], time[:, None] >= time)
    count = ops.sum(ops.where(before, ops.cast(real, "int32")[:, None, :], 0), axis=2)
    return ops.cast(ops.maximum(count - 1, 0), "int32")


def rotation(positions, frequencies, dtype) -> tuple[Any, Any]:
    """Returns cosines and sines of angles position * frequency, `(..., T, N)`.

    Args:
        positions: Int `(..., T)`.
        frequencies: Float `(N,)`, radians a step.
        dtype: Of the result; angles are made in float32 at least.
    """
    wide = "float64" if dtype == "float64" else "float32"
    angles = ops.cast(positions, wide)[..., None] * ops.cast(frequencies, wide)
    return ops.cast(ops.cos(angles), dtype), ops.cast(ops.sin(angles), dtype)


def rotate(vectors, cosines, sines) -> Any:
    """Returns vectors `(..., D)` whose value i is turned with value i + N by the i-th angle.

    Args:
        vectors: Float `(..., D)`, D at least 2 * N; values from 2 * N on stay as they are.
        cosines: `(..., N)`, broadcastable.
        sines: `(..., N)`, broadcastable.

    Reference: Su et al., 2021, https://arxiv.org/abs/2104.09864; there neighbouring values are
    turned, here those of two blocks, as in LLaMA.
    """
    count = cosines.shape[-1]
    first, second = vectors[..., :count], vectors[..., count : 2 * count]
    parts = [first * cosines - second * sines, second * cosines + first * sines]
    if vectors.shape[-1] > 2 * count:
        parts.append(vectors[..., 2 * count :])
    return ops.concatenate(parts, axis=-1)


def alibi_slopes(heads: int) -> list[float]:
    """Returns for each head the fall of its scores a step of distance.

    Powers of 2 ** (-8 / heads); where heads are no power of two, those of the next lower one and
    then every second one of the next higher one, as the authors do.

    Reference: Press et al., 2022, https://arxiv.org/abs/2108.12409
    """
    lower = 2 ** int(math.log2(heads))
    slopes = [2 ** (-8 * (i + 1) / lower) for i in range(lower)]
    finer = [2 ** (-8 * (i + 1) / (2 * lower)) for i in range(2 * lower)]
    return slopes + finer[0::2][: heads - lower]


def relative_buckets(distances, buckets: int, max_distance: int, both_ways: bool) -> Any:
    """Returns the bucket of each distance from a query to what it reads, in steps.

    Small distances have buckets of their own, larger ones share them in logarithmic steps, and all
    from `max_distance` on share one.

    Args:
        distances: Int, the position of the key less that of the query.
        buckets: Positive int.
        max_distance: Positive int, above a quarter of the buckets (half where not `both_ways`).
        both_ways: Whether later steps have buckets of their own (half of all); else they count as
            distance 0.

    Reference: Raffel et al., 2020, section 2.1, https://arxiv.org/abs/1910.10683
    """
    first = 0
    if both_ways:
        buckets //= 2
        first = ops.where(distances > 0, buckets, 0)
        distances = ops.abs(distances)
    else:
        distances = ops.maximum(-distances, 0)
    exact = buckets // 2
    ratio = ops.cast(ops.maximum(distances, 1), "float32") / exact
    scale = (buckets - exact) / math.log(max_distance / exact)
    shared = exact + ops.cast(ops.log(ratio) * scale, "int32")
    own = distances < exact
    return first + ops.where(own, distances, ops.minimum(shared, buckets - 1))
