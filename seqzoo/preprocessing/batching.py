"""Batches of examples of like length, in one endless seeded stream."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.preprocessor import Packer

# Examples of a bucket, counted in batches. Fewer give less padding; more give batches
# that differ more from epoch to epoch.
_BATCHES_PER_BUCKET = 4


class Batches(NamedTuple):
    """An endless stream of batches and what is known of it.

    Attributes:
        rows: Endless dataset of what each batch is packed of: the numbers of its examples, or its
            encoded rows.
        pack: Function of such an element that returns a padded batch.
        steps_per_epoch: Batches that hold as many examples as there are.
        smallest: Rows of the smallest batch.
        origin: What the stream is made of, in a few words and numbers; other data have another.
        rows_each: Rows of every batch, where all have as many; else None.

    A batch is `(x, y, sample_weight)` of padded tensors `(B, ...)`.

    Example:
        >>> pairs = sz.preprocessing.examples([("a", "b"), ("c d", "e f"), ("g", "h")])
        >>> text = sz.preprocessing.TextPairs(sz.preprocessing.ByteTokenizer(normalization=None))
        >>> batches = sz.preprocessing.training_batches(pairs, text, batch_size=2)
        >>> batches.steps_per_epoch, batches.rows_each
        (2, 2)
    """

    rows: tf.data.Dataset
    pack: Callable[..., Any]
    steps_per_epoch: int
    smallest: int
    origin: Mapping[str, Any]
    rows_each: int | None = None

    @property
    def dataset(self) -> tf.data.Dataset:
        """The stream of packed batches."""

        def pack(*rows: Any) -> Any:
            packed = self.pack(*rows)
            if self.rows_each is None:
                return packed
            # A graph that knows its rows is 4 % faster: TensorFlow computes shapes while it traces.
            first = tf.TensorShape([self.rows_each])
            return tf.nest.map_structure(
                lambda leaf: tf.ensure_shape(leaf, first.concatenate(leaf.shape[1:])), packed
            )

        return self.rows.map(pack).prefetch(tf.data.AUTOTUNE)

    def examples_of_step(self, step: int) -> list[int] | None:
        """The numbers of the examples in a batch; None in a stream that does not count them."""
        if not isinstance(self.rows.element_spec, tf.TensorSpec):
            return None
        return next(iter(self.rows.skip(step))).numpy().tolist()

    def after(self, step: int) -> Batches:
        """The same stream without its first `step` batches."""
        return self._replace(rows=self.rows.skip(step)) if step else self

    def parts(self, count: int, first: int, following: int) -> Batches:
        """The parts `first` to `first + following - 1` of every batch, one by one.

        The rows of a batch are split into `count` parts as evenly as may be.
        """

        def split(*sides: Any) -> tf.data.Dataset:
            size = tf.cast(tf.shape(sides[0])[0], tf.int64)
            numbers = tf.data.Dataset.range(first, first + following)
            return numbers.map(
                lambda part: tuple(
                    side[part * size // count : (part + 1) * size // count] for side in sides
                )
            )

        rows_each, rest = divmod(self.rows_each or 1, count)
        return self._replace(rows=self.rows.flat_map(split), rows_each=None if rest else rows_each)


class Buckets(NamedTuple):
    """The bucket of every example `(N,)` and the rows of a batch of every bucket `(buckets,)`."""

    of_example: np.ndarray
    rows: np.ndarray


def training_batches(
    examples: tf.data.Dataset,
    preprocessor: Packer,
    batch_size: int | None = None,
    tokens_per_batch: int | None = None,
    seed: int = 0,
    first_step: int = 0,
    by_length: bool = True,
) -> Batches:
    """Makes an endless stream of training batches, in a new order each epoch.

    The corpus is encoded once and held in memory as ids. Its examples lie in
    buckets by the quantiles of their lengths, the target's first and within
    those the source's, so that both sides need little padding. A batch is the
    next examples of one bucket in the shuffled order: each comes once before one
    comes again, and all batches of a bucket have the same number of rows. The
    same seed gives the same stream.

    Args:
        examples: Finite dataset of pairs of raw examples, as `examples()` makes it.
        preprocessor: Encodes and packs them.
        batch_size: Rows of each batch; the whole corpus where that is smaller.
        tokens_per_batch: Instead of `batch_size`, the maximum number of tokens that the
            longer side of a batch may hold, padding counted.
        seed: Seed of the order.
        first_step: Batches to leave out at the beginning, for a run that resumes.
        by_length: Whether there are buckets. Without, a batch holds examples of any lengths, as
            batch normalisation needs them: where an image and the length of its caption are
            correlated, batches of like length are not like the images that come later.

    Raises:
        ValueError: if not exactly one of the two sizes is given, if an example
            alone is above `tokens_per_batch`, or if the corpus is empty or endless.

    Returns `Batches`, whose elements are `(x, y, sample_weight)` of padded tensors `(B, ...)`.

    Example:
        >>> pairs = sz.preprocessing.examples([("a", "b"), ("c d", "e f"), ("g", "h")])
        >>> text = sz.preprocessing.TextPairs(sz.preprocessing.ByteTokenizer(normalization=None))
        >>> batches = sz.preprocessing.training_batches(pairs, text, batch_size=2, seed=1)
        >>> x, y, sample_weight = next(iter(batches.dataset))
        >>> len(x["source_ids"]), len(y)
        (2, 2)
    """
    if (batch_size is None) == (tokens_per_batch is None):
        raise ValueError(
            "Give either `batch_size` or `tokens_per_batch`. Received: "
            f"batch_size={batch_size}, tokens_per_batch={tokens_per_batch}."
        )
    with tf.device("CPU:0"):
        source, target = encode_corpus(examples, preprocessor)
        lengths = np.stack([lengths_of(side) for side in (source, target)])  # (2, N)
        buckets = make_buckets(lengths, batch_size, tokens_per_batch, by_length)
        rows = _index_batches(buckets, seed)

    def pack(rows: tf.Tensor) -> Any:
        return preprocessor.pack(take(source, rows), take(target, rows))

    steps_per_epoch = math.ceil(round(np.sum(1 / buckets.rows[buckets.of_example]), 6))
    smallest, largest = int(buckets.rows.min()), int(buckets.rows.max())
    rows_each = smallest if smallest == largest else None
    known = steps_per_epoch, smallest, data_origin(source, target), rows_each
    return Batches(rows, pack, *known).after(first_step)


def evaluation_batches(
    examples: tf.data.Dataset, preprocessor: Packer, batch_size: int
) -> tf.data.Dataset:
    """Makes a finite dataset of packed batches in the order of the examples, the last one short.

    Its elements are `(x, y, sample_weight)` of padded tensors `(B, ...)`.

    Example:
        >>> pairs = sz.preprocessing.examples([("a", "b"), ("c d", "e f"), ("g", "h")])
        >>> text = sz.preprocessing.TextPairs(sz.preprocessing.ByteTokenizer(normalization=None))
        >>> batches = sz.preprocessing.evaluation_batches(pairs, text, batch_size=2)
        >>> [len(y) for x, y, sample_weight in batches]
        [2, 1]
    """
    batches = examples.ragged_batch(batch_size).map(
        lambda x, y: preprocessor.pack(*preprocessor.encode(x, y))
    )
    return batches.prefetch(tf.data.AUTOTUNE)


def make_buckets(
    lengths: np.ndarray,
    batch_size: int | None = None,
    tokens_per_batch: int | None = None,
    by_length: bool = True,
) -> Buckets:
    """Groups examples of like source and target length; see `training_batches`.

    Args:
        lengths: `(2, N)` ints, tokens of the source and the target.
        batch_size: Rows of each batch, or
        tokens_per_batch: tokens on the longer side of each batch.
        by_length: Whether there is more than one bucket.
    """
    count = lengths.shape[1]
    bucket_ids = _bucket_ids if by_length else _one_bucket
    longer = lengths.max(axis=0)
    if tokens_per_batch is None:
        of_example = bucket_ids(*lengths, batches=count / batch_size)
        return Buckets(of_example, np.full(of_example.max() + 1, min(batch_size, count)))
    if longer.max() > tokens_per_batch:
        raise ValueError(
            f"`tokens_per_batch` is {tokens_per_batch}, but an example is {longer.max()} tokens "
            "long. Raise it, or set the preprocessor's maximal lengths."
        )
    of_example = bucket_ids(*lengths, batches=longer.sum() / tokens_per_batch)
    longest = np.zeros(of_example.max() + 1, longer.dtype)
    np.maximum.at(longest, of_example, longer)
    return Buckets(of_example, tokens_per_batch // longest)


def _bucket_ids(source: np.ndarray, target: np.ndarray, batches: float) -> np.ndarray:
    """A bucket for each example: target length by quantiles, then source length within each.

    The target gets more of them: that leaves about the same padding on both
    sides, since within a bucket of targets the sources are of like length already.
    """
    count = max(1, int(batches / _BATCHES_PER_BUCKET))
    outer = _quantile_bins(target, min(count, round(1.5 * math.sqrt(count))))
    inner = np.zeros_like(outer)
    for index in np.unique(outer):
        inside = outer == index
        inner[inside] = _quantile_bins(source[inside], max(1, count // (outer.max() + 1)))
    return np.unique(np.stack([outer, inner]), axis=1, return_inverse=True)[1].reshape(-1)


def _one_bucket(source: np.ndarray, target: np.ndarray, batches: float) -> np.ndarray:
    return np.zeros(len(source), int)


def _quantile_bins(lengths: np.ndarray, bins: int) -> np.ndarray:
    upper = np.quantile(lengths, np.arange(1, bins + 1) / bins, method="higher")
    return np.searchsorted(np.unique(upper), lengths)


def _index_batches(buckets: Buckets, seed: int) -> tf.data.Dataset:
    """Endless dataset of the example numbers `(rows,)` of each batch."""
    count = tf.size(buckets.of_example, tf.int64)
    bucket_of = tf.constant(buckets.of_example, tf.int64)
    rows_of = tf.constant(buckets.rows, tf.int64)

    def order(epoch: tf.Tensor) -> tf.Tensor:
        return tf.random.experimental.stateless_shuffle(tf.range(count), tf.stack([seed, epoch]))

    return (
        tf.data.Dataset.counter()
        .map(order)
        .unbatch()
        .group_by_window(
            key_func=lambda index: bucket_of[index],
            reduce_func=lambda bucket, window: window.batch(rows_of[bucket]),
            window_size_func=lambda bucket: rows_of[bucket],
        )
    )


def data_origin(*sides: Any) -> dict[str, Any]:
    """Returns the number of examples, and one that other values or another order change."""
    check = 0
    for leaf in tf.nest.flatten(sides):
        is_ragged = isinstance(leaf, tf.RaggedTensor)
        for part in (leaf.row_splits, leaf.flat_values) if is_ragged else (leaf,):
            check = zlib.crc32(np.ascontiguousarray(part.numpy()).data, check)
    return {"examples": len(lengths_of(sides[0])), "checksum": check}


def encode_corpus(examples: tf.data.Dataset, preprocessor: Packer) -> tuple[Any, Any]:
    """Returns both sides of a finite dataset of pairs as ids in memory."""
    if examples.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError("A finite corpus is needed. Received an endless dataset: `take` a part.")
    encoded = list(examples.ragged_batch(1024).map(preprocessor.encode, tf.data.AUTOTUNE))
    if not encoded:
        raise ValueError("The corpus is empty. Give at least one example.")
    sources, targets = zip(*encoded, strict=True)
    return _join(sources), _join(targets)


def _join(parts: Sequence[Any]) -> Any:
    return tf.nest.map_structure(lambda *leaves: tf.concat(leaves, axis=0), *parts)


def take(side: Any, rows: tf.Tensor) -> Any:
    """Returns some rows of each leaf."""
    return tf.nest.map_structure(lambda leaf: tf.gather(leaf, rows), side)


def lengths_of(side: Any) -> np.ndarray:
    """Returns the steps of each example; 1 where it is no sequence."""
    first = tf.nest.flatten(side)[0]
    is_ragged = isinstance(first, tf.RaggedTensor)
    return first.row_lengths().numpy() if is_ragged else np.ones(len(first), np.int64)
