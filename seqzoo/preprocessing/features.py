"""The reader of features that were computed before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.images import Inputs
from seqzoo.preprocessing.limits import BoundedInputs, Limits
from seqzoo.preprocessing.raw_images import name_of


@keras.saving.register_keras_serializable(package="seqzoo")
class FeatureReader(tf.Module):
    """Takes features that were computed before: arrays, or `.npy` files of them.

    Args:
        places: Positive int, the vectors of an image: 49 of a grid of 7 by 7, 1 of a pooled image.
        width: Positive int, the numbers of a vector.

    Arrays are `(places, width)`; a batch is `(B, places, width)`.

    Example:
        >>> reader = sz.preprocessing.FeatureReader(places=4, width=3)
        >>> tuple(reader.as_raw([np.ones((4, 3)), np.zeros((4, 3))]).shape)
        (2, 4, 3)
    """

    def __init__(self, places: int, width: int):
        super().__init__()
        self.places = places
        self.width = width

    @property
    def spec(self) -> tf.TensorSpec:
        """What a served model takes: a batch of features."""
        return tf.TensorSpec([None, self.places, self.width], tf.float32, name="features")

    def as_raw(self, features: Sequence[Any]) -> tf.Tensor:
        """Returns features `(B, places, width)`.

        Raises:
            ValueError: if a file cannot be read, or a shape is another; names it.
        """
        arrays = [self._read_one(each, index) for index, each in enumerate(features)]
        return tf.constant(np.reshape(arrays, (-1, self.places, self.width)), tf.float32)

    def __call__(self, raw: tf.Tensor) -> Inputs:
        """Returns `{"features": (B, places, width)}`."""
        return {"features": raw}

    def within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """Raw inputs as they are: all have one size."""
        steps = tf.zeros(tf.shape(raw)[:1], tf.int32)
        return BoundedInputs(raw, raw, steps, tf.ones_like(steps, tf.bool))

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        """Ints `(B,)` by which inputs are batched: features are all alike."""
        return np.zeros(raw.shape[0], int)

    def _read_one(self, features: Any, index: int) -> np.ndarray:
        name = name_of(features, index).replace("image", "array")
        if isinstance(features, (str, os.PathLike)):
            features = _array_of(features)
        features = np.asarray(features)
        size = (self.places, self.width)
        if features.size != self.places * self.width or features.shape[-1:] != (self.width,):
            raise ValueError(
                f"Features of shape {size} are needed. Received: {name} of {features.shape}."
            )
        return features.reshape(size)

    def get_config(self) -> dict[str, Any]:
        return {"places": self.places, "width": self.width}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FeatureReader:
        return cls(**config)


def is_features(raw: Any) -> bool:
    """Whether this is features, an array of floats or a `.npy` file, and no image."""
    if isinstance(raw, (str, os.PathLike)):
        return os.fspath(raw).endswith(".npy")
    return isinstance(raw, np.ndarray) and raw.dtype.kind == "f"


def reader_of(features: Any) -> FeatureReader:
    """Returns a reader of features like these.

    Raises:
        ValueError: if a file cannot be read, or it holds no vectors.
    """
    is_path = isinstance(features, (str, os.PathLike))
    array = _array_of(features) if is_path else features
    if array.ndim < 2 or not array.size:
        name = os.fspath(features) if is_path else "array 0"
        raise ValueError(
            "Features must be an array (positions, width). Received: an array of shape "
            f"{array.shape}, {name}."
        )
    return FeatureReader(*array.shape[-2:])


def _array_of(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads a `.npy` file, whose header may ask for no more than the file holds."""
    try:
        # Not `np.load`, which opens archives and pickles too.
        array = np.lib.format.open_memmap(path, mode="r")
        if array.dtype.kind not in "fiu":
            raise ValueError(f"it holds {array.dtype}")
        return np.array(array)
    except Exception as error:  # a header is Python's syntax, which fails in many ways
        if isinstance(error, FileNotFoundError):
            raise ValueError(f"No file {os.fspath(path)!r}. Check the path.") from error
        raise ValueError(f"{os.fspath(path)} is no .npy file that can be read.") from error
