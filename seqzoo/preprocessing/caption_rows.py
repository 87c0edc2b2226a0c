"""Batches of images that stay in memory and of their captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.tokenizer import Tokenizer


class CaptionRows:
    """What makes batches of a data set that was read: images that stay in memory, as they are.

    It is a `Preprocessor` for `training_batches`: the source of an example is the number of its
    image, or the numbers of its frames; the target is its captions one after the other, each with
    the end id. An image is encoded once for all its captions.

    Args:
        preprocessor: Knows the tokens.
        inputs: Pixels `(N, height, width, 3)` uint8 or features `(N, places, width)`.
        splits: For videos, `(V + 1,)`: video v has the frames from splits[v] to splits[v + 1].
        captions_each: How many captions every image has, if all have as many: a train step that
            knows its rows is faster.
        indices: Of the images, among all that were given, some of which may be left out.
    """

    def __init__(
        self,
        preprocessor: Any,
        inputs: np.ndarray,
        splits: Any = None,
        captions_each: int | None = None,
        indices: Sequence[int] = (),
    ):
        self.indices = list(indices)
        self._preprocessor = preprocessor
        self._captions_each = captions_each
        self._splits = None if splits is None else tf.constant(splits, tf.int64)
        with tf.device("CPU:0"):
            self._inputs = tf.constant(inputs)

    def encode(self, rows: tf.Tensor, captions: tf.Tensor) -> tuple:
        """Numbers of inputs `(B, None)` and ids `(B, None)` of captions `(B, K)`, "" for none."""
        if self._splits is None:
            source = tf.RaggedTensor.from_tensor(rows[:, None])
        else:
            source = tf.ragged.range(
                tf.gather(self._splits, rows), tf.gather(self._splits, rows + 1)
            )
        return source, self._preprocessor.encode_captions(captions)

    def pack(self, source: tf.RaggedTensor, target: tf.RaggedTensor) -> tuple:
        """Makes a batch `(x, y, sample_weight)`.

        Returns:
            x, a dict of the inputs and of "target_ids" `(B, K, T)` int32, which begin with the
            start id; y `(B, K, T)` int32, one step ahead; sample_weight float32, likewise. A row
            of an image that has fewer captions than others is 0 everywhere.
        """
        shifted, y, weight = caption_batch(target, self._captions_each)
        return self._gather(source) | {"target_ids": shifted}, y, weight

    def _gather(self, source: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        if self._splits is not None:
            mask = tf.sequence_mask(source.row_lengths())
            return {"frames": tf.gather(self._inputs, source.to_tensor()), "mask": mask}
        name = "images" if self._inputs.dtype == tf.uint8 else "features"
        return {name: tf.gather(self._inputs, source.values)}


def caption_batch(
    target: tf.RaggedTensor, captions_each: int | None = None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Previous ids, ids and weights `(B, K, T)` of encoded captions; see `CaptionRows.pack`."""
    y = tf.ensure_shape(_by_caption(target), [None, captions_each, None])
    shifted = tf.concat([tf.fill(tf.shape(y[:, :, :1]), Tokenizer.start_id), y[:, :, :-1]], 2)
    return tf.where(y != 0, shifted, 0), y, tf.cast(y != 0, tf.float32)


def _by_caption(target: tf.RaggedTensor) -> tf.Tensor:
    """Captions one after the other `(B, None)`, each with an end id, as `(B, K, T)`."""
    is_end = tf.cast(target.flat_values == Tokenizer.end_id, tf.int64)
    limits = tf.where(is_end == 1)[:, 0] + 1
    captions = tf.RaggedTensor.from_row_limits(target.flat_values, limits)
    count = tf.reduce_sum(target.with_flat_values(is_end), axis=1)
    return tf.RaggedTensor.from_row_lengths(captions, count).to_tensor()
