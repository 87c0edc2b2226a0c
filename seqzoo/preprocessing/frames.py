"""The reader of videos: raw frames as the inputs of a model, in the graph."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.images import (
    MAX_PIXELS,
    PICTURE_STEPS,
    ImageReader,
    Inputs,
    Read,
)
from seqzoo.preprocessing.limits import BoundedInputs, Limits, last_real_step
from seqzoo.preprocessing.raw_images import encoded_image, frames_of, name_of


@keras.saving.register_keras_serializable(package="seqzoo")
class FrameReader(ImageReader):
    """Decodes the frames of videos as `ImageReader` does images.

    Args:
        height: See `ImageReader`.
        width: See `ImageReader`.
        fit: See `ImageReader`.
        max_frames: Positive int: of a longer video so many are taken, evenly spaced, the first
            and the last among them. None takes all.
        max_pixels: See `ImageReader`; of a GIF, all frames together.

    Videos become pixels `(B, F, height, width, 3)` and a mask `(B, F)`.

    Example:
        >>> reader = sz.preprocessing.FrameReader(height=8, max_frames=2)
        >>> video = np.zeros((5, 16, 16, 3), "uint8")  # 5 frames
        >>> read, frames = reader.read_videos([video])
        >>> read.pixels.shape, frames
        ((2, 8, 8, 3), [2])
    """

    def __init__(
        self,
        height: int,
        width: int | None = None,
        fit: Literal["stretch", "crop"] = "stretch",
        max_frames: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ):
        super().__init__(height, width, fit, max_pixels)
        self.max_frames = max_frames
        if max_frames is not None and max_frames < 1:
            raise ValueError(f"`max_frames` must be at least 1. Received: {max_frames}.")

    @property
    def spec(self) -> tf.TensorSpec:
        """What a served model takes: a batch of encoded frames, "" after the last of a video."""
        return tf.TensorSpec([None, None], tf.string, name="frames")

    def chosen(self, video: Any, index: int = 0) -> list[Any]:
        """Returns the frames of a video in any form that are read."""
        frames = frames_of(video, index, self.max_pixels)
        if self.max_frames is None or len(frames) <= self.max_frames:
            return frames
        indices = np.linspace(0, len(frames) - 1, self.max_frames).round().astype(int)
        return [frames[index] for index in indices]

    def read_videos(self, videos: Sequence[Any]) -> tuple[Read, list[int]]:
        """Reads the frames of videos in any form, and counts how many each has.

        A video without frames counts 0, and is listed among the broken.
        """
        frames, names, counts, missing = [], [], [], []
        for index, video in enumerate(videos):
            try:
                chosen = self.chosen(video, index)
            except (ValueError, OSError) as error:
                chosen, missing = [], [*missing, str(error)]
            counts.append(len(chosen))
            frames += chosen
            names += _names(chosen, video, index)
        read = self.read(frames, names)
        return read._replace(broken=missing + read.broken), counts

    def as_raw(self, videos: Sequence[Any]) -> tf.Tensor:
        """Returns encoded frames `(B, F)`, "" where a video is shorter, of videos in any form."""
        rows, names = [], []
        for index, video in enumerate(videos):
            chosen = self.chosen(video, index)
            rows.append([encoded_image(frame, i) for i, frame in enumerate(chosen)])
            names += _names(chosen, video, index)
        frames = [frame for row in rows for frame in row]
        self._refuse_broken(self.read(frames, names).broken)
        return tf.ragged.constant(rows, dtype=tf.string, ragged_rank=1).to_tensor("")

    def within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """Encoded frames `(B, F)`, of a long video some, evenly spaced."""
        steps = last_real_step(raw != "")
        count = tf.minimum(steps, self.max_frames or limits.frames)
        index = tf.range(tf.maximum(0, tf.reduce_max(count)))[None]  # (1, F)
        last = tf.cast(tf.maximum(steps - 1, 0)[:, None], tf.float64)
        spaces = tf.cast(tf.maximum(count - 1, 1)[:, None], tf.float64)
        source = tf.cast(tf.round(tf.cast(index, tf.float64) * last / spaces), tf.int32)
        chosen = tf.gather(raw, tf.minimum(source, tf.shape(raw)[1] - 1), batch_dims=1)
        raw = tf.where(index < count[:, None], chosen, "")
        return BoundedInputs(raw, raw, count * PICTURE_STEPS, tf.ones_like(count, tf.bool))

    def __call__(self, raw: tf.Tensor) -> Inputs:
        """Returns `frames` uint8 `(B, F, height, width, 3)` and their boolean `mask` `(B, F)`.

        `is_whole` `(B,)` says which videos have frames, all of which can be read.
        """
        raw = raw[:, : tf.maximum(1, tf.reduce_max(last_real_step(raw != "")))]
        mask = raw != ""
        pixels, is_whole = self.decode(tf.boolean_mask(raw, mask))
        broken = tf.scatter_nd(
            tf.where(mask), tf.cast(~is_whole, tf.int32), tf.shape(raw, tf.int64)
        )
        is_whole = tf.reduce_any(mask, axis=1) & (tf.reduce_sum(broken, axis=1) == 0)
        shape = tf.concat([tf.shape(raw, tf.int64), tf.shape(pixels, tf.int64)[1:]], axis=0)
        frames = tf.scatter_nd(tf.where(mask), tf.cast(pixels, tf.int32), shape)
        frames = tf.ensure_shape(frames, [None, None, self.height, self.width, 3])
        return {"frames": tf.cast(frames, tf.uint8), "mask": mask, "is_whole": is_whole}

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        """The number of frames of each video."""
        return np.count_nonzero(raw.numpy() != b"", axis=1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"max_frames": self.max_frames}


def _names(frames: Sequence[Any], video: Any, index: int) -> list[str]:
    """What errors call the frames of a video: their paths, or their indices in it."""
    of_video = name_of(video, index).replace("image", "video")
    return [
        os.fspath(frame) if isinstance(frame, (str, os.PathLike)) else f"frame {i} of {of_video}"
        for i, frame in enumerate(frames)
    ]
