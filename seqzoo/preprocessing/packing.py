"""Several sequences in a row, so that hardly a step of a batch is padding."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.batching import Batches, data_origin, lengths_of

_ROWS_TRIED = 8  # of those with the same number of steps left


class Packed(NamedTuple):
    """Sequences that lie one after the other in rows of one length.

    Attributes:
        values: `(rows, length, ...)` of the sequences, 0 on padding.
        segment_ids: Int32 `(rows, length)`: 1 for the first sequence of a row, 2 for the next one,
            0 on padding.
        places: Int32 `(sequences, 2)`: row and first step of each sequence.

    Example:
        >>> import tensorflow as tf
        >>> sequences = tf.ragged.constant([[5, 5], [7, 7, 7], [9]])
        >>> packed = sz.preprocessing.pack_rows(sequences, length=4)
        >>> packed.places.numpy().tolist()  # the row and the first step of each
        [[1, 0], [0, 0], [0, 3]]
    """

    values: tf.Tensor
    segment_ids: tf.Tensor
    places: tf.Tensor


def pack_rows(sequences: tf.RaggedTensor, length: int) -> Packed:
    """Puts sequences into as few rows as the best fit finds.

    Recurrent layers, the encoders of text but `BackboneEncoder`, and decoders take `segment_ids`,
    and then compute for every sequence what they would in a row of its own.

    Args:
        sequences: Ragged tensor `(sequences, None, ...)`.
        length: Positive int, steps of a row.

    Raises:
        ValueError: if a sequence is longer than a row.
    Reference: Krell et al., 2021, https://arxiv.org/abs/2107.02027; here the longest sequences go
    first, each into the row that it fills best.

    Example:
        >>> import tensorflow as tf
        >>> sequences = tf.ragged.constant([[5, 5], [7, 7, 7], [9]])
        >>> packed = sz.preprocessing.pack_rows(sequences, length=4)
        >>> packed.values.numpy().tolist()
        [[7, 7, 7, 9], [5, 5, 0, 0]]
        >>> packed.segment_ids.numpy().tolist()
        [[1, 1, 1, 2], [1, 1, 0, 0]]
    """
    lengths = sequences.row_lengths().numpy()
    if lengths.max(initial=0) > length:
        raise ValueError(
            f"A row must hold the longest sequence. Received: length={length}, where a sequence "
            f"has {lengths.max()} steps. Raise it, or cut the sequences."
        )
    row_of, starts = _best_fit(lengths[:, None], length)
    start_of = starts[:, 0]
    places = np.stack([row_of, start_of], axis=1)
    rows = int(row_of.max(initial=-1)) + 1
    steps = np.repeat(row_of * length + start_of, lengths) + _counted(lengths)
    size = [rows * length, *sequences.flat_values.shape[1:]]
    values = tf.scatter_nd(steps[:, None], sequences.flat_values, size)
    segments = np.zeros(rows * length, "int32")
    segments[steps] = np.repeat(_numbers_in_rows(row_of, start_of), lengths)
    return Packed(
        tf.reshape(values, [rows, length, *size[1:]]),
        tf.constant(segments.reshape(rows, length)),
        tf.constant(places, tf.int32),
    )


def packed_batches(
    source: Any,
    target: Any,
    preprocessor: Any,
    row_length: int | None,
    batch_size: int | None = None,
    tokens_per_batch: int | None = None,
    seed: int = 0,
    max_positions: int | None = None,
) -> Batches:
    """Makes an endless stream of batches of rows that hold several examples each.

    The corpus is packed once; the rows come in a new order each epoch. In a row, examples have the
    numbers 1, 2, … as segment ids, the same on both sides.

    Args:
        source: The encoded sources of N examples, as the preprocessor's `encode` returns them.
        target: The encoded targets.
        preprocessor: Puts the examples of each row side by side (`pack_together`).
        row_length: Positive int, steps of a row on either side; None is the longest example.
        batch_size: Rows of a batch, or
        tokens_per_batch: steps on one side of a batch.
        seed: Seed of the order.
        max_positions: Steps of the longest example that the model reads; None: any.

    Raises:
        ValueError: if an example is longer than a row or than `max_positions`, or a row longer
            than `tokens_per_batch`.
    """
    with tf.device("CPU:0"):
        lengths = np.stack([lengths_of(source), lengths_of(target)], axis=1)
        longer = lengths.max(axis=1)
        length = int(longer.max()) if row_length is None else row_length
        if longer.max() > length:
            raise ValueError(
                f"A row of `packed={length}` steps must hold the longest example. Received: one of "
                f"{longer.max()} steps. Raise it, cut the examples, or set the preprocessor's "
                "maximal lengths."
            )
        if max_positions is not None and longer.max() > max_positions:
            raise ValueError(
                f"An example has {longer.max()} steps, more than the {max_positions} of the "
                "position table. Cut the examples, or make the model with more positions."
            )
        if tokens_per_batch is not None and tokens_per_batch < length:
            raise ValueError(
                f"`tokens_per_batch` must hold a row. Received: {tokens_per_batch}, where a row "
                f"has {length} steps. Raise it, or give `packed` a smaller number."
            )
        row_of, _ = _best_fit(lengths, length)
        order = np.lexsort([-longer, row_of])
        members = tf.RaggedTensor.from_value_rowids(order, row_of[order])
    count = int(members.nrows())
    rows_each = batch_size if tokens_per_batch is None else tokens_per_batch // length
    rows_each = min(int(rows_each or 1), count)

    def order_of(epoch: tf.Tensor) -> tf.Tensor:
        numbers = tf.range(count, dtype=tf.int64)
        return tf.random.experimental.stateless_shuffle(numbers, tf.stack([seed, epoch]))

    def pack(rows: tf.Tensor) -> Any:
        return preprocessor.pack_together(source, target, tf.gather(members, rows))

    rows = tf.data.Dataset.counter().map(order_of).unbatch().batch(rows_each, drop_remainder=True)
    origin = {**data_origin(source, target), "packed": length}
    # In a tuple, as these are no numbers of examples.
    rows = rows.map(lambda numbers: (numbers,))
    return Batches(rows, pack, math.ceil(count / rows_each), rows_each, origin, rows_each)


def side_by_side(sequences: tf.RaggedTensor, members: tf.RaggedTensor) -> tuple[Any, Any]:
    """Returns the sequences of each row one after the other, padded, and their segment ids.

    Whole numbers become int32.

    Args:
        sequences: Ragged `(N, None, ...)`.
        members: Ragged `(rows, None)` ints, the numbers of the sequences of each row.
    """
    rows = tf.gather(sequences, members)  # (rows, None, None, ...)
    numbers = numbers_of(members).flat_values
    values = rows.merge_dims(1, 2).to_tensor()
    values = tf.cast(values, tf.int32) if values.dtype.is_integer else values
    steps = rows.values.row_lengths()  # of each sequence
    segment_ids = tf.RaggedTensor.from_row_lengths(tf.repeat(numbers, steps), steps)
    return values, rows.with_values(segment_ids).merge_dims(1, 2).to_tensor()


def numbers_of(members: tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns the segment ids of the sequences of each row, 1, 2, …: ragged `(rows, None)` int32.

    Args:
        members: Ragged `(rows, None)`.
    """
    return tf.cast(tf.ragged.range(1, members.row_lengths() + 1), tf.int32)


def _best_fit(lengths: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The row and the first steps of each example.

    Args:
        lengths: `(N, sides)`, the steps of each example on every side.
        length: Steps of a row on each side.

    Returns:
        `(N,)` and `(N, sides)`.
    """
    open_rows: list[list[int]] = [
        [] for _ in range(length + 1)
    ]  # by what is left of the fuller side
    left_of: list[np.ndarray] = []
    row_of, start_of = np.zeros(len(lengths), np.int64), np.zeros_like(lengths)
    for example in np.argsort(-lengths.max(axis=1, initial=0), kind="stable"):
        steps = lengths[example]
        row = _take_fitting(open_rows, left_of, steps)
        if row is None:
            row = len(left_of)
            left_of.append(np.full(len(steps), length))
        row_of[example], start_of[example] = row, length - left_of[row]
        left_of[row] = left_of[row] - steps
        open_rows[left_of[row].min()].append(row)
    return row_of, start_of


def _take_fitting(
    open_rows: list[list[int]], left_of: list[np.ndarray], steps: np.ndarray
) -> int | None:
    """Takes the fullest of the open rows that holds the steps, or None where none does."""
    for rows in open_rows[steps.min() :]:
        for index in range(len(rows) - 1, max(-1, len(rows) - 1 - _ROWS_TRIED), -1):
            if (left_of[rows[index]] >= steps).all():
                return rows.pop(index)
    return None


def _numbers_in_rows(row_of: np.ndarray, start_of: np.ndarray) -> np.ndarray:
    """1 for the first sequence of a row, 2 for the second, and so on."""
    order = np.lexsort([start_of, row_of])
    _, first, inverse = np.unique(row_of[order], return_index=True, return_inverse=True)
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.arange(len(order)) - first[inverse] + 1
    return numbers


def _counted(lengths: np.ndarray) -> np.ndarray:
    """0, 1, … of each length, one after the other."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
