"""Sequences of vectors and their classes as the inputs and labels of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.data_forms import Kind, read_inputs
from seqzoo.preprocessing.labelled import Inputs, LabelledInputs
from seqzoo.preprocessing.labels import Labels
from seqzoo.preprocessing.limits import BoundedInputs, Limits, last_real_step


@keras.saving.register_keras_serializable(package="seqzoo")
class LabelledVectors(LabelledInputs):
    """Takes sequences of vectors of any length, such as frames of sound or sensor readings.

    `adapt` computes the mean and the standard deviation of each feature, and inputs are scaled by
    them. An encoder for them has `vocabulary_size=None` and `embedding_dim=features`.

    Args:
        features: Positive int, the width of a vector.
        labels: See `LabelledText`.
        multi_label: See `LabelledText`.
        mean: Of each feature, instead of `adapt`.
        deviation: Standard deviation of each feature, instead of `adapt`.

    Raises:
        ValueError: if `features` is not positive.

    Sequences are `(steps, features)`; a batch is `(B, S, features)` with a mask `(B, S)`.

    Example:
        >>> preprocessor = sz.preprocessing.LabelledVectors(features=2)
        >>> preprocessor.adapt([(np.zeros((4, 2)), "up"), (np.ones((1, 2)), "down")])
        >>> preprocessor.labels.names
        ['down', 'up']
    """

    def __init__(
        self,
        features: int,
        labels: Labels | Sequence[str] | None = None,
        multi_label: bool = False,
        mean: Sequence[float] | None = None,
        deviation: Sequence[float] | None = None,
    ):
        super().__init__(labels, multi_label)
        if features < 1:
            raise ValueError(f"`features` must be at least 1. Received: features={features}.")
        self.features = features
        self._mean = _numbers(np.zeros(features) if mean is None else mean)
        self._deviation = _numbers(np.ones(features) if deviation is None else deviation)

    kind = Kind(("inputs", "label"), (2,))  # pyright: ignore[reportAssignmentType]

    def adapt_inputs(self, raw: tf.RaggedTensor) -> None:
        values = raw.flat_values.numpy().astype(float)
        deviation = values.std(axis=0)
        self._mean = _numbers(values.mean(axis=0))
        self._deviation = _numbers(np.where(deviation > 0, deviation, 1.0))

    @property
    def raw_spec(self) -> tf.TensorSpec:
        """What `serve` takes: vectors `(B, S, features)`, a row of NaN where there is none."""
        return tf.TensorSpec([None, None, self.features], tf.float32, name="vectors")

    def as_raw(self, inputs: Any) -> tf.RaggedTensor:
        rows = [np.asarray(row, np.float32) for row in read_inputs(self.kind, inputs)]
        for index, row in enumerate(rows):
            if row.ndim != 2 or row.shape[1] != self.features or not np.isfinite(row).all():
                raise ValueError(
                    f"An input is a finite array (steps, {self.features}). Received: an array of "
                    f"shape {row.shape} at index {index}, or one with NaN. Correct it."
                )
        flat = np.concatenate([np.zeros((0, self.features), np.float32), *rows])
        lengths = tf.constant([len(row) for row in rows], tf.int64)
        return tf.RaggedTensor.from_row_lengths(tf.constant(flat), lengths)

    def lengths(self, raw: tf.RaggedTensor) -> np.ndarray:
        return raw.row_lengths().numpy()

    def pad(self, raw: tf.RaggedTensor) -> tf.Tensor:
        return raw.to_tensor(float("nan"), shape=[None, None, self.features])

    def encode_inputs(self, raw: Any) -> tf.RaggedTensor:
        if not isinstance(raw, tf.RaggedTensor):
            raw = tf.RaggedTensor.from_tensor(raw)
        scaled = (tf.cast(raw.flat_values, tf.float32) - self._mean) / self._deviation
        return raw.with_flat_values(tf.ensure_shape(scaled, [None, self.features]))

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        raw = raw[:, : limits.source_tokens]
        steps = last_real_step(tf.reduce_all(tf.math.is_finite(raw), axis=-1))
        encoded = self.encode_inputs(tf.RaggedTensor.from_tensor(raw, lengths=steps))
        return BoundedInputs(raw, encoded, steps, tf.ones_like(steps, tf.bool))

    def pack_inputs(self, encoded: tf.RaggedTensor) -> Inputs:
        vectors = encoded.to_tensor(float("nan"), shape=[None, None, self.features])
        missing = tf.maximum(0, 1 - tf.shape(vectors)[1])
        vectors = tf.pad(vectors, [[0, 0], [0, missing], [0, 0]], constant_values=float("nan"))
        mask = tf.reduce_all(tf.math.is_finite(vectors), axis=-1)
        return {"inputs": tf.where(mask[..., None], vectors, 0.0), "mask": mask}

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "features": self.features,
            "mean": self._mean.tolist(),
            "deviation": self._deviation.tolist(),
        }


def _numbers(values: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float32)
