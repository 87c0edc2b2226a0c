"""Batches of contiguous windows of a running text: a row continues in the next batch."""

from __future__ import annotations

import math
import zlib
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.batching import Batches
from seqzoo.preprocessing.running_text import RunningTokens

_TOKENS_AT_ONCE = 1024  # of a batch in evaluation: it bounds the memory of the logits


class TextRows(NamedTuple):
    """A running text cut into B rows of equal length L, the last ones padded.

    Attributes:
        inputs: `(B, L)` int32: the token before each target.
        targets: `(B, L)` int32.
        weights: `(B, L)` float32: 1 where the target counts, 0 on padding.
        characters: `(B, L)` float32, of the targets.
    """

    inputs: tf.Tensor
    targets: tf.Tensor
    weights: tf.Tensor
    characters: tf.Tensor


class Windows(NamedTuple):
    """How rows are cut into windows.

    Attributes:
        count: Windows of a row.
        shortest: Steps of the shortest first window.
        longest: Steps of the longest first window.
    """

    count: int
    shortest: int
    longest: int


def training_windows(
    stream: RunningTokens,
    batch_size: int,
    window_length: int,
    seed: int = 0,
    steps_per_epoch: int | None = None,
) -> Batches:
    """Makes an endless stream of batches whose rows continue where they ended in the last one.

    The text is cut into `batch_size` rows, which are read side by side in windows. In each epoch
    every token is a target exactly once. The length of an epoch's first window is drawn, so that
    the windows begin elsewhere in each epoch, and every token gets its turn at each distance from
    the edge (Merity et al., 2018, section 4.1, draw all lengths for this). The same seed gives
    the same stream.

    Args:
        stream: The text.
        batch_size: Rows; as many as there are tokens at most.
        window_length: Tokens of a row in a batch, at most.
        seed: Seed of the lengths.
        steps_per_epoch: Batches after which rows begin without a history, as they do where the
            text begins; None is where the text begins alone.

    Returns:
        Batches `(x, y, weight)`: x is a dict of `token_ids` `(B, T)`, `characters` `(B, T)`, the
        numbers of the `rows` `(B,)`, from 1 on, and `fresh` `(B,)`, True where they begin without
        a history; and the number of batches that hold the whole text.
    """
    rows = make_rows(stream, batch_size)
    count, last = rows.targets.shape
    windows = _cut(last, window_length)

    def window(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """For each row of a batch: its number, the first step, the one after the last, fresh."""
        epoch, index = step // windows.count, step % windows.count
        bounds = {"minval": windows.shortest, "maxval": windows.longest + 1, "dtype": tf.int64}
        first = tf.random.stateless_uniform([], tf.stack([seed, epoch]), **bounds)
        start = tf.where(index == 0, tf.constant(0, tf.int64), first + (index - 1) * window_length)
        end = tf.minimum(tf.where(index == 0, first, start + window_length), last)
        fresh = index == 0
        if steps_per_epoch is not None:
            fresh |= step % steps_per_epoch == 0
        return (tf.range(count), *(tf.fill([count], part) for part in (start, end, fresh)))

    def pack(row: tf.Tensor, start: tf.Tensor, end: tf.Tensor, fresh: tf.Tensor) -> Any:
        here = (part[:, start[0] : end[0]] for part in rows)
        return _batch(TextRows(*(tf.gather(part, row) for part in here)), row, fresh)

    dataset = tf.data.Dataset.counter().map(window)
    origin = {"tokens": len(stream.token_ids), "checksum": zlib.crc32(stream.token_ids.data)}
    origin |= {"window_length": window_length}
    return Batches(dataset, pack, windows.count, count, origin, rows_each=count)


def evaluation_windows(stream: RunningTokens, batch_size: int) -> tf.data.Dataset:
    """Makes a finite dataset of batches as `training_windows` has them: every token counts once.

    Args:
        stream: The text.
        batch_size: Rows. One has the whole history at every token, as perplexities are published.
    """
    rows = make_rows(stream, batch_size)
    count, last = rows.targets.shape
    length = max(1, _TOKENS_AT_ONCE // count)

    def batch(start: tf.Tensor) -> Any:
        here = (part[:, start : tf.minimum(start + length, last)] for part in rows)
        return _batch(TextRows(*here), tf.range(count), tf.fill([count], start == 0))

    return tf.data.Dataset.range(0, last, length).map(batch).prefetch(tf.data.AUTOTUNE)


def overlapping_windows(
    stream: RunningTokens, window_length: int, batch_size: int
) -> tf.data.Dataset:
    """Makes a finite dataset of batches of windows that know of no other: every token counts once.

    A window begins half a window after the one before it, and its last half counts, so that every
    token has half a window of history at least; all of the first window count.

    Args:
        stream: The text.
        window_length: Tokens of a window at most.
        batch_size: Windows of a batch.
    """
    whole = make_rows(stream, 1)
    last, stride = whole.targets.shape[1], max(1, window_length // 2)
    ends = np.arange(min(window_length, last), last + stride, stride)
    ends = np.minimum(ends[: 1 + math.ceil(max(0, last - window_length) / stride)], last)
    starts = np.maximum(0, ends - window_length)
    first = np.concatenate([[0], ends[:-1]])  # that counts
    steps = tf.range(min(window_length, last))

    def batch(start: tf.Tensor, counted: tf.Tensor) -> Any:
        indices = tf.cast(start, tf.int32)[:, None] + steps
        part = TextRows(*(tf.gather(part[0], indices) for part in whole))
        weights = part.weights * tf.cast(indices >= tf.cast(counted, tf.int32)[:, None], tf.float32)
        count = tf.shape(start)[0]
        return _batch(part._replace(weights=weights), tf.range(count), tf.fill([count], True))

    windows = tf.data.Dataset.from_tensor_slices((starts, first))
    return windows.batch(batch_size).map(batch).prefetch(tf.data.AUTOTUNE)


def make_rows(stream: RunningTokens, batch_size: int) -> TextRows:
    """Cuts a running text into rows."""
    count = len(stream.token_ids)
    batch_size = min(batch_size, count)
    length = math.ceil(count / batch_size)

    def cut(values: np.ndarray) -> np.ndarray:
        padding = batch_size * length - count
        return np.pad(values, (0, padding)).reshape(batch_size, length)

    before = np.concatenate([[stream.first_id], stream.token_ids[:-1]]).astype(np.int32)
    weights = np.ones(count, np.float32)
    parts = (before, stream.token_ids, weights, stream.characters)
    with tf.device("CPU:0"):
        return TextRows(*(tf.constant(cut(part)) for part in parts))


def _cut(row_length: int, window_length: int) -> Windows:
    """The windows that give the first one the widest range of lengths, the same in each epoch."""
    whole, rest = divmod(row_length - 1, window_length)
    rest += 1  # beside `whole` windows, from 1 to window_length
    if whole == 0:
        return Windows(1, rest, rest)
    if window_length - rest + 1 >= rest - 1:  # the first and the last share rest + window_length
        return Windows(whole + 1, rest, window_length)
    return Windows(whole + 2, 1, rest - 1)  # they share the rest


def _batch(part: TextRows, rows: tf.Tensor, fresh: tf.Tensor) -> Any:
    x = {
        "token_ids": part.inputs,
        "characters": part.characters * part.weights,
        "rows": rows + 1,
        "fresh": fresh,
    }
    return x, part.targets, part.weights
