"""Where the queries of self-attention may read, and what they know of positions."""

from typing import Any, NamedTuple

from keras import ops

from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.decoding.caches import (
    CacheIndex,
    after_chunk,
    after_step,
    entries_to_write,
    entry_positions,
    slot_of,
)
from seqzoo.ops.masks import lowest_score
from seqzoo.ops.positions import runs_of_segments, step_positions


class AttentionReads(NamedTuple):
    """Where the queries of a call may read, and what they know of positions.

    They are the same for all mixers of a stack that read in one way, and made once for them.

    Attributes:
        bias: What is added to the scores, broadcastable against `(B, H, T, S)`; None adds nothing.
        rotation: Cosines and sines that queries and new keys are turned by, or None.
        entries: Where new entries of the caches go, see `write_entries`; None without caches.
        index: The `CacheIndex` after the call; None without caches.
    """

    bias: Any
    rotation: Any = None
    entries: Any = None
    index: Any = None


class Reading(NamedTuple):
    """How a self-attention reads. Those that read in one way share the reads of a call.

    Attributes:
        causal: Whether a step reads from the steps up to its own alone.
        window: The steps that a query reads at most; None is all.
        positions: Of `layers.positions`, those that act inside of attention, or None.
        shared_heads: Heads of the keys and values.
        units: Width of a head.
        dtype: Of the scores.
    """

    causal: bool
    window: int | None
    positions: Any
    shared_heads: int
    units: int
    dtype: str

    @property
    def _needs_positions(self) -> bool:
        return self.positions is not None or self.window is not None

    def whole(self, inputs, mask=None, segment_ids=None) -> AttentionReads:
        """Returns the reads of whole sequences; for the arguments see `SequenceMixer`."""
        steps = ops.shape(inputs)[1]
        own = step_positions(steps, mask, segment_ids) if self._needs_positions else None
        time = ops.arange(steps, dtype="int32")
        readable = time[:, None] >= time if self.causal else None
        if mask is not None:
            readable = _both(readable, ops.cast(mask, "bool")[:, None, :])
        if segment_ids is not None:
            runs = runs_of_segments(segment_ids)
            readable = _both(readable, runs[:, :, None] == runs[:, None, :])
        return self._reads(readable, own, own)

    def chunk(self, inputs, mask, segment_ids, index: CacheIndex) -> AttentionReads:
        """Returns the reads of sequences that go on from caches of one column."""
        if segment_ids is not None or not self.causal:
            raise ValueError(
                "What is continued from a state is one causal sequence a row. Received: "
                f"segment_ids={segment_ids}, causal={self.causal}. Leave `state` out."
            )
        steps, start = ops.shape(inputs)[1], slot_of(index)
        after = after_chunk(index, mask, steps)
        slots = ops.arange(ops.shape(index.readable)[1], dtype="int32")
        time = start + ops.arange(steps, dtype="int32")
        readable = ops.logical_and(
            (time[:, None] >= slots)[None], (after.readable[..., 0] == 0)[:, None, :]
        )  # (B, T, L)
        own = keys = None
        if self._needs_positions:
            own = index.position[:, None] + step_positions(steps, mask)
            keys = entry_positions(after)
        reads = self._reads(readable, own, keys)
        sizes = (ops.shape(inputs)[0], self.shared_heads, ops.shape(index.readable)[1])
        return reads._replace(entries=entries_to_write(start, steps, *sizes), index=after)

    def step(self, index: CacheIndex, examples: Any) -> AttentionReads:
        """Returns the reads of a step of N = B * k hypotheses, of B `examples`."""
        after = after_step(index, examples)
        rows, length, width = ops.shape(after.readable)
        count = rows_per_example(rows, examples)
        bias, rotation, keys, query = after.readable, None, None, index.position[:, None]
        if self._needs_positions:
            keys = entry_positions(after)
        if self.window is not None:
            far = query - keys >= self.window
            bias = ops.where(far[..., None], lowest_score(self.dtype), bias)
        if self.positions is not None:
            by_example = ops.reshape(index.position, (examples, 1, count))
            rotation = self.positions.rotation(by_example, self.units, self.dtype)
            more = self.positions.bias(query, keys)  # (N, H, 1, L)
            if more is not None:
                bias = bias[:, None] + ops.moveaxis(more, 2, 3)  # (N, H, L, K)
        if len(bias.shape) == 3:
            bias = ops.reshape(bias, (examples, 1, count, length * width))
        else:
            bias = ops.reshape(bias, (examples, count, bias.shape[1], length * width))
            bias = ops.transpose(bias, (0, 2, 1, 3))
        sizes = (examples, self.shared_heads, length * width)
        entries = entries_to_write(slot_of(index) * width, count, *sizes)
        return AttentionReads(bias, rotation, entries, after)

    def _reads(self, readable, queries, keys) -> AttentionReads:
        """Returns the reads of queries at positions `(..., T)` of keys at positions `(..., S)`."""
        bias = rotation = None
        if self.window is not None:
            distances = queries[..., :, None] - keys[..., None, :]
            near = distances < self.window
            if not self.causal:
                near = ops.logical_and(near, -distances < self.window)
            readable = _both(readable, near)
        if self.positions is not None:
            turned = queries if len(queries.shape) == 1 else queries[:, None]
            rotation = self.positions.rotation(turned, self.units, self.dtype)
            bias = self.positions.bias(queries, keys)
            if bias is not None and len(bias.shape) == 3:
                bias = bias[None]  # (H, T, S) for all rows
        if readable is not None:
            readable = readable if len(readable.shape) == 2 else readable[:, None]
            lowest = ops.cast(lowest_score(self.dtype) / 2, self.dtype)
            closed = ops.where(readable, ops.zeros_like(lowest), lowest)
            bias = closed if bias is None else bias + closed
        return AttentionReads(bias, rotation)


def _both(one, other):
    return other if one is None else ops.logical_and(one, other)
