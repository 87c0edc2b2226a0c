"""Caches of keys and values that all hypotheses of an example share and no search reorders.

An entry is written once, in the column of the hypothesis that made it, and stays there: a cache is
`(B, heads, L * K, units)`, the K columns of a slot side by side. Which of the entries a hypothesis
goes on from is a small index, which a search reorders in place of the caches.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.masks import lowest_score


class CacheIndex(NamedTuple):
    """Which entries of the shared caches a hypothesis goes on from; N = B * K rows.

    Attributes:
        slot: Int32 `(N,)`, where the next entries go: one number for all rows.
        position: Int32 `(N,)`, the real steps so far.
        readable: Float `(N, L, K)`: 0 for entries that the hypothesis goes on from, for others a
            number far below any score; `()` where there are no caches.
    """

    slot: Any
    position: Any
    readable: Any


def first_index(batch_size: Any, max_length: Any, width: Any, dtype: str | None) -> CacheIndex:
    """Returns the index of caches without entries, of `max_length` slots and `width` columns.

    `dtype` is None where there are no caches.
    """
    rows, readable = batch_size * width, ()
    if dtype is not None:
        readable = ops.full((rows, max_length, width), lowest_score(dtype), dtype=dtype)
    slot, position = (ops.zeros((rows,), dtype="int32") for _ in range(2))
    return CacheIndex(slot, position, readable)


def empty_cache(sizes: tuple, dtype: str) -> Any:
    """Returns a cache without entries, in which zeros stand.

    Args:
        sizes: B, heads, L * K, units.
        dtype: Of the entries.
    """
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow.caches import tensorflow_empty_cache

        return tensorflow_empty_cache(sizes, dtype)
    return ops.zeros(sizes, dtype=dtype)


def is_for_caches(index: CacheIndex) -> bool:
    """Tells whether there are caches."""
    return bool(keras.tree.flatten(index.readable))


def slot_of(index: CacheIndex) -> Any:
    """Returns the slot of the next entries, a scalar; 0 where there are no rows."""
    return ops.cast(ops.sum(index.slot[:1]), "int32")


def after_step(index: CacheIndex, examples: Any) -> CacheIndex:
    """Returns the index after a step of every hypothesis: each goes on from its own entry too.

    Args:
        index: N rows, those of an example side by side.
        examples: B.
    """
    if not is_for_caches(index):
        return CacheIndex(index.slot + 1, index.position + 1, ())
    rows, length, width = ops.shape(index.readable)
    count = rows_per_example(rows, examples)
    columns = ops.arange(rows, dtype="int32") % ops.maximum(count, 1)
    own = ops.arange(width, dtype="int32") == columns[:, None]  # (N, K)
    now = ops.arange(length, dtype="int32") == slot_of(index)  # (L,)
    own_now = ops.logical_and(now[:, None], own[:, None, :])
    readable = ops.where(own_now, ops.zeros((), dtype=index.readable.dtype), index.readable)
    return CacheIndex(index.slot + 1, index.position + 1, readable)


def after_chunk(index: CacheIndex, mask: Any, steps: Any) -> CacheIndex:
    """Returns the index of caches of one column after `steps` steps, the real ones under a mask.

    Args:
        index: B rows.
        mask: Boolean `(B, T)`, or None where all steps are real.
        steps: T.
    """
    count = steps if mask is None else ops.sum(ops.cast(mask, "int32"), axis=1)
    count = ops.cast(count, "int32")
    slot, position = index.slot + steps, index.position + count
    if not is_for_caches(index):
        return CacheIndex(slot, position, ())
    step = ops.arange(ops.shape(index.readable)[1], dtype="int32") - slot_of(index)
    is_new = ops.logical_and(step >= 0, step < steps)[None]  # (1, L)
    if mask is not None:
        step = ops.clip(step, 0, ops.maximum(steps - 1, 0))
        is_new = ops.logical_and(is_new, ops.take(mask, step, axis=1))
    zero = ops.zeros((), dtype=index.readable.dtype)
    return CacheIndex(slot, position, ops.where(is_new[..., None], zero, index.readable))


def entry_positions(index: CacheIndex) -> Any:
    """Returns the position in its text of what a hypothesis reads in each slot, int `(N, L)`."""
    is_own = ops.any(index.readable == 0, axis=2)
    return ops.maximum(ops.cumsum(ops.cast(is_own, "int32"), axis=1) - 1, 0)


def entries_to_write(start: Any, count: Any, examples: Any, heads: int, size: Any) -> Any:
    """Returns where `write_entries` writes, for all caches of one size.

    Args:
        start: Int scalar, the index of the first entry.
        count: Of the entries.
        examples: B.
        heads: Heads of a cache.
        size: L * K, the entries of a head.
    """
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow.caches import rows_to_write

        return rows_to_write(start, count, examples, heads, size)
    return ops.cast(start, "int32")


def write_entries(cache: Any, entries: Any, values: Any) -> Any:
    """Returns the cache with new entries, in place where nobody else reads it.

    Args:
        cache: Float `(B, heads, L * K, units)`.
        entries: See `entries_to_write`.
        values: Float `(B, heads, E, units)`.
    """
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow.caches import tensorflow_write_entries

        return tensorflow_write_entries(cache, entries, values)
    zero = ops.zeros((), dtype="int32")
    return ops.slice_update(cache, (zero, zero, entries, zero), ops.cast(values, cache.dtype))


def as_shape(*sizes: Any) -> Any:
    """Returns sizes as a shape to give to several ops: one tensor where any of them is one."""
    return ops.stack(sizes) if any(ops.is_tensor(size) for size in sizes) else sizes


def with_columns(cache: Any, width: int) -> Any:
    """Returns a cache of one column with `width` of them, the first one as it was."""
    if width == 1:
        return cache
    batch, heads, slots, units = ops.shape(cache)
    padded = ops.pad(cache[:, :, :, None, :], [[0, 0], [0, 0], [0, 0], [0, width - 1], [0, 0]])
    return ops.reshape(padded, (batch, heads, slots * width, units))


def index_with_columns(index: CacheIndex, width: int) -> CacheIndex:
    """Returns the index of `with_columns`: the hypotheses of an example begin alike."""
    if width == 1:
        return index
    slot, position = (ops.repeat(leaf, width, axis=0) for leaf in index[:2])
    if not is_for_caches(index):
        return CacheIndex(slot, position, ())
    readable = ops.repeat(index.readable, width, axis=0)
    lowest = lowest_score(keras.backend.standardize_dtype(readable.dtype))
    readable = ops.pad(readable, [[0, 0], [0, 0], [0, width - 1]], constant_values=lowest)
    return CacheIndex(slot, position, readable)
