"""The encoder of videos: each frame is encoded alone, and all are read together."""

from __future__ import annotations

from typing import Literal

import keras
from keras import ops

from seqzoo.encoders.encoder import Encoded, refuse_segments, segments_of
from seqzoo.encoders.image import ImageEncoder
from seqzoo.layers.cells import make_cell
from seqzoo.layers.recurrent.rnn import Recurrent
from seqzoo.ops.masks import mean_of_real
from seqzoo.ops.option_names import check_known

READINGS = ("mean", "recurrent", "frames")


@keras.saving.register_keras_serializable(package="seqzoo")
class VideoEncoder(keras.layers.Layer):
    """Encodes each frame as an image, and combines the frames.

    A frame is relu(W s + p): s is its state in the image encoder, p is learned for its position
    in time.

    Args:
        image: `ImageEncoder` of a frame.
        max_frames: Positive int, maximum number of frames of a video.
        units: Positive int. Width of the outputs and of the state.
        reading: `"mean"`: the only output is the mean of the frames (Venugopalan et al., 2015a).
            `"recurrent"`: a recurrent layer reads them in order (Venugopalan et al., 2015b).
            `"frames"`: they are the outputs, for a decoder that attends to them (Yao et al.,
            2015). The state is the mean or the last state.
        cell: A name in `layers.cells.CELLS`, for `"recurrent"`.
        dropout: From 0 to 1: the share of the outputs set to 0 in training.

    Call arguments:
        inputs: Pixels `(B, F, height, width, 3)`, 0 to 255, or the features of frames that were
            computed before, `(B, F, features)`.
        mask: Boolean `(B, F)`, True on real frames; None if all are.

    Returns:
        `Encoded`: outputs `(B, F, units)`, or `(B, 1, units)` for `"mean"`, a state, the mask.

    Raises:
        ValueError: if there are more frames than `max_frames`.
    References: https://arxiv.org/abs/1412.4729, https://arxiv.org/abs/1505.00487,
    https://arxiv.org/abs/1502.08029

    Example:
        >>> backbone = sz.encoders.convolutional_backbone(8, filters=(4,), normalization="none")
        >>> image = sz.encoders.ImageEncoder(backbone, height=8, units=5)
        >>> encoder = sz.encoders.VideoEncoder(image, max_frames=6, units=5, reading="recurrent")
        >>> tuple(encoder(np.zeros((2, 3, 8, 8, 3), "float32")).outputs.shape)
        (2, 3, 5)
    """

    def __init__(
        self,
        image: ImageEncoder,
        max_frames: int = 32,
        units: int = 256,
        reading: Literal["mean", "recurrent", "frames"] = "frames",
        cell: str = "lstm",
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.image = image
        self.max_frames = max_frames
        self.units = units
        self.reading = reading
        self.cell = cell
        self.dropout = dropout
        check_known("reading", reading, READINGS)
        own = {"dtype": self.dtype_policy}
        self.project = keras.layers.Dense(units, name="project", **own)
        self.drop = keras.layers.Dropout(dropout, name="dropout", **own)
        if reading == "recurrent":
            cell = make_cell(cell, units, **own)
            self.read = Recurrent(
                cell, return_sequences=True, return_state=True, name="read", **own
            )

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the frames of a batch."""
        return (None, None, *self.image.input_shape[1:])

    @property
    def frozen(self) -> bool:
        """Whether the backbone is not trained."""
        return self.image.frozen

    def build(self, inputs_shape=None):
        if not self.image.built:
            self.image.build()
        self.project.build((None, None, self.image.units))
        self.positions = self.add_weight(
            (self.max_frames, self.units),
            keras.initializers.RandomNormal(stddev=0.5),
            name="positions",
        )
        if self.reading == "recurrent":
            self.read.build((None, None, self.units))
        self.built = True

    def features(self, frames, training=False):
        """Returns the state of the image encoder for each frame, `(B, F, features)`."""
        shape = ops.shape(frames)
        flat = ops.reshape(frames, (-1, *self.image.input_shape[1:]))
        ((state,),) = Encoded(*self.image(flat, training=training)).state
        return ops.reshape(state, (*shape[:2], self.image.units))

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        return {
            "frames": keras.KerasTensor(self.input_shape, dtype="float32"),
            "features": keras.KerasTensor((None, None, self.image.units), dtype="float32"),
        }

    def call(self, inputs, mask=None, segment_ids=None, training=False):
        refuse_segments(self, segment_ids)
        are_pixels = len(inputs.shape) == 5
        features = self.features(inputs, training) if are_pixels else inputs
        mask = ops.ones(ops.shape(features)[:2], "bool") if mask is None else ops.cast(mask, "bool")
        frames = self.project(ops.cast(features, self.compute_dtype))
        frames = ops.relu(frames + self._positions_of(frames))
        if self.reading == "recurrent":
            outputs, *state = self.read(frames, mask=mask, training=training)
            outputs = self.drop(outputs, training=training)
            return Encoded(outputs, [state], mask, segments_of(mask))
        mean = mean_of_real(frames, mask)
        if self.reading == "mean":
            frames, mask = mean[:, None], ops.any(mask, axis=1, keepdims=True)
        outputs = self.drop(frames, training=training)
        return Encoded(outputs, [[mean]], mask, segments_of(mask))

    def _positions_of(self, frames):
        count = frames.shape[1]
        if count is not None and count > self.max_frames:
            raise ValueError(
                f"A video has {count} frames, but `max_frames` is {self.max_frames}. Raise it, or "
                "let a `FrameReader` with `max_frames` choose some."
            )
        return ops.cast(self.positions, self.compute_dtype)[: ops.shape(frames)[1]]

    def compute_mask(self, inputs, mask=None, segment_ids=None):
        return None

    def get_config(self):
        return super().get_config() | {
            "image": keras.saving.serialize_keras_object(self.image),
            "max_frames": self.max_frames,
            "units": self.units,
            "reading": self.reading,
            "cell": self.cell,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"image": keras.saving.deserialize_keras_object(config["image"])})
