"""Training batches of a stream of examples that need not fit into memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.batching import Batches
from seqzoo.preprocessing.preprocessor import Packer

_POOL = 64  # batches that are sorted by length together


class ExampleStream(Protocol):
    """What streaming needs of raw data; `seqzoo.datasets.streams` has some."""

    def shuffled(self, seed: int) -> tf.data.Dataset:
        """Raw examples without end, in an order of its own in each epoch."""
        ...

    def __len__(self) -> int: ...

    @property
    def origin(self) -> Mapping[str, Any]:
        """What the examples are read from, in a few words and numbers."""
        ...


def streamed_batches(
    stream: ExampleStream,
    preprocessor: Packer,
    batch_size: int | None = None,
    tokens_per_batch: int | None = None,
    seed: int = 0,
    by_length: bool = True,
) -> Batches:
    r"""Makes an endless stream of training batches; memory holds a few thousand examples of it.

    Examples come in the stream's shuffled order. Of every so many, those of like length become
    batches, whose order is shuffled in turn. An example comes once before one comes again.

    Args:
        stream: Raw examples.
        preprocessor: Encodes and packs them.
        batch_size: Rows of each batch.
        tokens_per_batch: Instead of `batch_size`, the maximum number of tokens on the longer side
            of a batch, padding counted. The steps of an epoch are then estimated from its first
            examples.
        seed: Seed of the order.
        by_length: As in `training_batches`.

    Its elements are `(x, y, sample_weight)` of padded tensors `(B, ...)`.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("pairs.tsv").write_text("a\tb\nc d\te f\n")
        >>> stream = sz.datasets.streams.tab_separated("pairs.tsv")
        >>> text = sz.preprocessing.TextPairs(sz.preprocessing.ByteTokenizer(normalization=None))
        >>> sz.preprocessing.streamed_batches(stream, text, batch_size=2).steps_per_epoch
        1
    """
    raw = stream.shuffled(seed)
    pool = _POOL * (batch_size or 64)
    pools = raw.ragged_batch(pool, drop_remainder=True).enumerate()

    def encode(number: tf.Tensor, examples: tuple) -> tuple:
        return number, tuple(preprocessor.encode(*examples))

    def cut(number: tf.Tensor, sides: tuple) -> tf.data.Dataset:
        lengths = tf.stack([_row_lengths(side) for side in sides])  # (2, N)
        order = _by_length(lengths) if by_length else tf.range(pool)
        if tokens_per_batch is None:
            starts = tf.range(0, pool, batch_size, tf.int64)
        else:
            longer = tf.gather(tf.reduce_max(lengths, axis=0), order)
            starts = tf.numpy_function(_cut_by_tokens, [longer, tokens_per_batch], tf.int64)
            starts.set_shape([None])
        ends = tf.concat([starts[1:], [pool]], axis=0)
        seeds = tf.stack([tf.constant(seed, tf.int64), number])
        shuffled = tf.random.experimental.stateless_shuffle(tf.stack([starts, ends], 1), seeds)
        indices = tf.data.Dataset.from_tensor_slices(shuffled)
        return indices.map(lambda index: tuple(_rows(side, order, index) for side in sides))

    def of_pools(pools: tf.data.Dataset) -> tf.data.Dataset:
        return pools.map(encode, tf.data.AUTOTUNE).flat_map(cut)

    steps, smallest = len(stream) / (batch_size or 1), batch_size or 1
    if tokens_per_batch is not None:
        rows = [len(_row_lengths(sides[0])) for sides in of_pools(pools.take(1))]
        steps, smallest = len(stream) / np.mean(rows), min(rows)
    known = max(1, math.ceil(steps)), smallest, stream.origin, batch_size
    return Batches(of_pools(pools), preprocessor.pack, *known)


def _by_length(lengths: tf.Tensor) -> tf.Tensor:
    """Places by the lengths of the target, and of the source among equals."""
    source, target = lengths[0], lengths[1]
    return tf.argsort(target * (tf.reduce_max(source) + 1) + source, stable=True)


def _row_lengths(side: Any) -> tf.Tensor:
    """Lengths `(N,)` of the rows of a nest's first tensor; 1 where it is not ragged."""
    first = tf.nest.flatten(side)[0]
    if isinstance(first, tf.RaggedTensor):
        return first.row_lengths()
    return tf.ones(tf.shape(first)[:1], tf.int64)


def _rows(side: Any, order: tf.Tensor, index: tf.Tensor) -> Any:
    rows = order[index[0] : index[1]]
    return tf.nest.map_structure(lambda leaf: tf.gather(leaf, rows), side)


def _cut_by_tokens(longer: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Where batches begin that hold at most so many tokens, given the lengths of the rows."""
    starts, longest = [0], 0
    for index, length in enumerate(longer):
        longest = max(longest, int(length))
        if index > starts[-1] and longest * (index + 1 - starts[-1]) > tokens:
            starts.append(index)
            longest = int(length)
    return np.array(starts, np.int64)
