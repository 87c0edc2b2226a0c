"""Images in any of the forms that users hold them, as encoded bytes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.picture_headers import gif_pixels


def encoded_image(image: Any, index: int = 0) -> bytes:
    """Returns the bytes of an image file.

    Args:
        image: The path of a file, a str or `Path`; the content of one, bytes, which are never taken
            for a path; or pixels `(height, width)` or `(height, width, channels)` uint8, which
            become a PNG.
        index: Its index among others, for errors.

    Raises:
        ValueError: if there is no such file, or the form is another.
    """
    if isinstance(image, np.str_):
        image = str(image)
    if tf.is_tensor(image):
        image = image.numpy()
    if isinstance(image, bytes):
        return image
    if isinstance(image, (str, os.PathLike)):
        return _content(image)
    if isinstance(image, np.ndarray) and image.dtype == "uint8" and image.ndim in (2, 3):
        pixels = image[:, :, None] if image.ndim == 2 else image
        if 1 <= pixels.shape[-1] <= 4 and pixels.size:
            return tf.io.encode_png(pixels).numpy()
    raise ValueError(
        "An image is the path of a file, the bytes of one, or uint8 pixels (height, width, "
        f"channels). Received at index {index}: {_described(image)}."
    )


def name_of(image: Any, index: int) -> str:
    """What an error calls an image: its path, or its index among others."""
    return os.fspath(image) if isinstance(image, (str, os.PathLike)) else f"image {index}"


def frames_of(video: Any, index: int, max_pixels: int) -> list[Any]:
    """Returns the frames of a video, images in any form, in their order.

    Args:
        video: A sequence of images; pixels `(frames, height, width, channels)` uint8; the path of
            a folder of images, which are taken in the order of their names; or a GIF, as a path
            or bytes.
        index: Its index among others, for errors.
        max_pixels: Of all frames of a GIF together.

    Raises:
        ValueError: if there is no frame, this is no video, or a GIF cannot be read or is too large.
    """
    if tf.is_tensor(video):
        video = video.numpy()
    if isinstance(video, (str, os.PathLike)) and os.path.isdir(video):
        video = [entry.path for entry in sorted(os.scandir(video), key=lambda e: e.name)]
    elif isinstance(video, (str, os.PathLike, bytes)):
        video = _gif_frames(video, index, max_pixels)
    try:
        frames = list(video)
    except TypeError as error:
        raise ValueError(
            "A video is a sequence of images, the path of a folder of them, or a GIF. Received at "
            f"index {index}: {_described(video)}."
        ) from error
    if not frames:
        raise ValueError(f"A video must have at least one frame. Received none at index {index}.")
    return frames


def _gif_frames(video: Any, index: int, max_pixels: int) -> Sequence[Any]:
    content = encoded_image(video, index)
    if not content.startswith(b"GIF8"):
        return [content]  # a still
    try:
        pixels = gif_pixels(content)
        if pixels <= max_pixels:
            return list(tf.io.decode_gif(content).numpy())
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        raise ValueError(f"{name_of(video, index)} is no GIF that can be read.") from error
    raise ValueError(
        f"{name_of(video, index)} has more than {max_pixels:,} pixels, `max_pixels` of its reader."
    )


def _content(path: Any) -> bytes:
    try:
        with tf.io.gfile.GFile(os.fspath(path), "rb") as file:  # it may lie in a cloud's storage
            return file.read()
    except tf.errors.OpError as error:
        reason = error.message.rpartition("; ")[2]
        raise ValueError(f"{os.fspath(path)} cannot be read: {reason}. Check the path.") from error


def _described(image: Any) -> str:
    if isinstance(image, np.ndarray):
        return f"an array of {image.dtype} of shape {image.shape}"
    return repr(image)[:60]
