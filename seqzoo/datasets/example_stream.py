"""Examples that are read anew in each epoch, and never all held in memory."""

from __future__ import annotations

import dataclasses
import functools
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from seqzoo.files.content_digest import contents_digest

_FILES_AT_ONCE = 8  # files whose lines are mixed, before the examples are
_COUNTED = 4096  # lines


@dataclasses.dataclass(frozen=True)
class Stream:
    """Raw examples that are read anew in each epoch, and never all held in memory.

    `fit` of a task takes it instead of a list. A stream has a length, and it can be iterated
    over, so that a tokenizer is adapted by `tokenizer.adapt(source for source, _ in stream)`.

    Args:
        names: What is read, such as paths of files.
        read: Function of one of the names, a string tensor, that returns a dataset of its
            examples: pairs of string scalars, or of string tensors `(T,)`, tokens and tags.
        shuffle: Positive int, the examples that are held in memory to be put in another order. The
            order of the names is another in each epoch too, and several are read at once.
        size: Number of the examples; None counts them on the first use, which reads all.
    """

    names: tuple[str, ...]
    read: Callable[[tf.Tensor], tf.data.Dataset]
    shuffle: int = 100_000
    size: int | None = None

    def __post_init__(self):
        if self.shuffle < 1:
            raise ValueError(f"`shuffle` must be at least 1. Received: shuffle={self.shuffle}.")

    def __len__(self) -> int:
        return self._count if self.size is None else self.size

    @functools.cached_property
    def _count(self) -> int:
        batches = self._one_after_the_other().ragged_batch(_COUNTED)
        counted = batches.reduce(
            tf.constant(0, tf.int64), lambda count, batch: count + _rows_of(batch)
        )
        return int(counted)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for batch in self._one_after_the_other().ragged_batch(_COUNTED):
            for source, target in zip(*map(_listed, batch), strict=True):
                yield _as_text(source), _as_text(target)

    def ordered(self) -> tf.data.Dataset:
        """All examples once, in the order of the names; it knows how many they are."""
        counted = tf.data.experimental.assert_cardinality(self._count)
        return self._one_after_the_other().apply(counted)

    def _one_after_the_other(self) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(list(self.names)).flat_map(self.read)

    def shuffled(self, seed: int) -> tf.data.Dataset:
        """The examples of epoch after epoch without end, each in an order of its own."""

        def epoch(number: tf.Tensor) -> tf.data.Dataset:
            names = tf.random.experimental.stateless_shuffle(
                tf.constant(self.names), tf.stack([seed, number])
            )
            at_once = min(_FILES_AT_ONCE, len(self.names))
            files = tf.data.Dataset.from_tensor_slices(names)
            mixed = files.interleave(self.read, at_once)

            def block(index: tf.Tensor, examples: Any) -> tf.data.Dataset:
                seeds = tf.stack([seed, number * 2**32 + index + 1])
                indices = tf.range(_rows_of(examples))
                order = tf.random.experimental.stateless_shuffle(indices, seeds)
                shuffled = tf.nest.map_structure(lambda leaf: tf.gather(leaf, order), examples)
                return tf.data.Dataset.from_tensor_slices(shuffled)

            return mixed.ragged_batch(self.shuffle).enumerate().flat_map(block)

        return tf.data.Dataset.counter().flat_map(epoch)

    @functools.cached_property
    def origin(self) -> dict[str, Any]:
        """What the examples are read from: names, sizes and content of files, of many a sample."""
        sizes = [os.path.getsize(n) if os.path.exists(n) else 0 for n in self.names]
        files = [file for name in self.names for file in _files_of(name)]
        return {
            "files": len(self.names),
            "checksum": zlib.crc32(repr((self.names, sizes)).encode()),
            "content": contents_digest(files),
        }


def _files_of(name: str) -> list[str]:
    """The files that a name stands for: itself, two on two lines, or those in a folder."""
    if os.path.isdir(name):
        return [os.path.join(name, file) for file in sorted(os.listdir(name))]
    return name.split("\n")


def _rows_of(batch: Any) -> tf.Tensor:
    """The number of rows of a nest of tensors, ragged or not, int64."""
    first = tf.nest.flatten(batch)[0]
    if isinstance(first, tf.RaggedTensor):
        return first.nrows(tf.int64)
    return tf.shape(first, tf.int64)[0]


def _listed(side: Any) -> list:
    return side.to_list() if isinstance(side, tf.RaggedTensor) else side.numpy().tolist()


def _as_text(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_text(each) for each in value]
    return value.decode("utf-8", "replace")
