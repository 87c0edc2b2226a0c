"""Batches of images that are read when their turn has come."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.caption_rows import CaptionRows
from seqzoo.preprocessing.captions import ImageCaptions


class StreamedCaptions(CaptionRows):
    """What makes batches of paths of images and their captions; no image stays in memory.

    It is a `Preprocessor` for `streamed_batches`: the source of an example is the path. An image
    that cannot be read is black, its captions count nothing, and a warning names and counts it;
    where the preprocessor says `broken="raise"`, it is an error.

    Args:
        preprocessor: Reads images and knows the tokens. Videos are not streamed.
    """

    def __init__(self, preprocessor: ImageCaptions):
        self._preprocessor = preprocessor
        self._splits = self._captions_each = None
        self._broken: set[str] = set()

    def encode(self, paths: tf.Tensor, captions: tf.Tensor) -> tuple:
        """The paths `(B,)` as they are, and ids `(B, None)` of captions `(B,)`."""
        _, target = super().encode(tf.zeros(tf.shape(paths), tf.int64), captions[:, None])
        return paths, target

    def pack(self, source: tf.Tensor, target: tf.RaggedTensor) -> tuple:
        x, y, weight = super().pack(source, target)
        is_whole = x.pop("is_whole")[:, None, None]
        x["target_ids"] = tf.where(is_whole, x["target_ids"], 0)
        return x, tf.where(is_whole, y, 0), tf.where(is_whole, weight, 0.0)

    def _gather(self, source: tf.Tensor) -> dict[str, tf.Tensor]:
        reader = self._preprocessor.reader
        images, is_whole = tf.numpy_function(self._read, [source], [tf.uint8, tf.bool])
        images = tf.ensure_shape(images, [None, reader.height, reader.width, 3])
        return {"images": images, "is_whole": tf.ensure_shape(is_whole, [None])}

    def _read(self, paths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns pixels `(B, height, width, 3)`, and which of them are of whole images `(B,)`."""
        reader, broken = self._preprocessor.reader, []
        images = np.zeros((len(paths), reader.height, reader.width, 3), "uint8")
        is_whole = np.zeros(len(paths), bool)
        for index, path in enumerate(map(os.fsdecode, paths)):
            try:
                images[index] = reader.read_one(path, path)
                is_whole[index] = True
            except ValueError as error:
                broken.append(str(error))
        self._tell(broken)
        return images, is_whole

    def _tell(self, broken: list[str]) -> None:
        """Reports what has not been reported yet: each epoch comes upon it again."""
        new = [each for each in dict.fromkeys(broken) if each not in self._broken]
        self._broken.update(new)
        self._preprocessor.report(new, f"{len(self._broken)} images so far")
