"""Batches of images that are read when their turn has come."""

from __future__ import annotations

import tensorflow as tf

from seqzoo.preprocessing.captions import CaptionRows, ImageCaptions


class StreamedCaptions(CaptionRows):
    """What makes batches of paths of images and their captions; no image stays in memory.

    It is a `Preprocessor` for `streamed_batches`: the source of an example is the path.

    Args:
        preprocessor: Reads images and knows the tokens. Videos are not streamed.
    """

    def __init__(self, preprocessor: ImageCaptions):
        self._preprocessor = preprocessor
        self._splits = self._captions_each = None

    def encode(self, paths: tf.Tensor, captions: tf.Tensor) -> tuple:
        """The paths `(B,)` as they are, and ids `(B, None)` of captions `(B,)`."""
        _, target = super().encode(tf.zeros(tf.shape(paths), tf.int64), captions[:, None])
        return paths, target

    def _gather(self, source: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._preprocessor.reader(tf.map_fn(tf.io.read_file, source))
