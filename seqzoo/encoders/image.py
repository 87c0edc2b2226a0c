"""The encoder of images: a backbone of convolutions, and a vector for each cell of its grid."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from seqzoo.encoders.encoder import Encoded, refuse_segments, segments_of


class GridEncoder(keras.layers.Layer):
    """The base of encoders with one output for each cell of a grid of features.

    Args:
        units: Positive int. Width of the outputs and of the state.
        dropout: From 0 to 1: the share of the outputs set to 0 in training.
    """

    def __init__(self, units: int, dropout: float, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dropout = dropout
        self.project = keras.layers.Dense(units, name="project", dtype=self.dtype_policy)
        self.drop = keras.layers.Dropout(dropout, name="dropout", dtype=self.dtype_policy)

    def build_grid(self, cells: int, width: int):
        """Makes the weights for features `(B, cells, width)`."""
        self.project.build((None, cells, width))
        self.positions = self.add_weight(
            (cells, self.units), keras.initializers.RandomNormal(stddev=0.5), name="positions"
        )
        self.built = True

    def encode_grid(self, features, training) -> Encoded:
        """Encodes features `(B, cells, width)`."""
        cells = self.project(ops.cast(features, self.compute_dtype))
        cells = ops.relu(cells + ops.cast(self.positions, self.compute_dtype))
        state, mask = ops.mean(cells, axis=1), ops.ones(ops.shape(cells)[:2], dtype="bool")
        outputs = self.drop(cells, training=training)
        return Encoded(outputs, [[state]], mask, segments_of(mask))

    def compute_mask(self, inputs, mask=None, segment_ids=None):
        return None  # the outputs are cells of a grid, all of them real

    def get_config(self):
        return super().get_config() | {"units": self.units, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="seqzoo")
class ImageEncoder(GridEncoder):
    """Makes a vector of each cell of the grid of features that a backbone computes from an image.

    A vector is relu(W f + p): f are the features of the cell, p is learned for its position, so
    that a decoder can tell left from right. The state is the mean of all vectors.

    Args:
        backbone: Keras model or layer from pixels `(B, height, width, 3)`, 0 to 255, to features
            `(B, rows, columns, features)`, or `(B, features)` for a grid of one cell:
            `convolutional_backbone`, `application_backbone`, one of keras-hub, or your own.
        height: Positive int, pixels of an image.
        width: Likewise; None is `height`.
        units: Positive int. Width of the outputs and of the state.
        frozen: Whether the backbone is not trained.
        augmentation: Keras layer from pixels to pixels that acts in training, such as
            `keras.layers.RandomTranslation(0.1, 0.1)`.
        dropout: From 0 to 1: the share of the outputs set to 0 in training.

    Call arguments:
        inputs: Pixels `(B, height, width, 3)`, 0 to 255, or what `features` returned for them,
            `(B, cells, features)`.

    Returns:
        `Encoded`: outputs `(B, cells, units)`, a state `(B, units)`, a mask that is True.

    Example:
        >>> backbone = sz.encoders.convolutional_backbone(16, filters=(4, 8), normalization="none")
        >>> encoder = sz.encoders.ImageEncoder(backbone, height=16, units=5)
        >>> encoded = encoder(np.zeros((2, 16, 16, 3), "float32"))  # a grid of 4 x 4 cells
        >>> tuple(encoded.outputs.shape)
        (2, 16, 5)
    """

    def __init__(
        self,
        backbone: Any,
        height: int,
        width: int | None = None,
        units: int = 256,
        frozen: bool = False,
        augmentation: Any = None,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(units, dropout, **kwargs)
        self.backbone = backbone
        self.height = height
        self.width = height if width is None else width
        self.frozen = frozen
        self.augmentation = augmentation
        backbone.trainable = not frozen

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the pixels of a batch."""
        return (None, self.height, self.width, 3)

    def build(self, inputs_shape=None):
        seen = self.backbone(keras.KerasTensor(self.input_shape, dtype="float32"))
        if len(seen.shape) not in (2, 4) or None in seen.shape[1:]:
            raise ValueError(
                "A backbone must give features of shape (batch, rows, columns, features) or "
                f"(batch, features) for images of {self.height} by {self.width}. Received: "
                f"{seen.shape}."
            )
        *grid, features = seen.shape[1:]
        self.grid = tuple(grid) or (1, 1)
        self.feature_shape = (self.grid[0] * self.grid[1], features)
        self.build_grid(*self.feature_shape)

    def _feature_shape(self) -> tuple:
        return self.feature_shape if self.built else (None, None)

    def features(self, images, training=False):
        """Returns the backbone's features of pixels, `(B, cells, features)`."""
        if self.augmentation is not None and training:
            images = self.augmentation(ops.cast(images, "float32"), training=True)
        features = self.backbone(
            ops.cast(images, self.compute_dtype), training=training and not self.frozen
        )
        return ops.reshape(features, (-1, *self.feature_shape))

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        return {
            "images": keras.KerasTensor(self.input_shape, dtype="float32"),
            "features": keras.KerasTensor((None, *self._feature_shape()), dtype="float32"),
        }

    def call(self, inputs, mask=None, segment_ids=None, training=False):
        refuse_segments(self, segment_ids)
        are_pixels = len(inputs.shape) == 4
        features = self.features(inputs, training) if are_pixels else inputs
        return self.encode_grid(features, training)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return super().get_config() | {
            "backbone": serialize(self.backbone),
            "height": self.height,
            "width": self.width,
            "frozen": self.frozen,
            "augmentation": serialize(self.augmentation),
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        parts = {name: deserialize(config[name]) for name in ("backbone", "augmentation")}
        return cls(**config | parts)


@keras.saving.register_keras_serializable(package="seqzoo")
class FeatureEncoder(GridEncoder):
    """Encodes features that were computed before, as `ImageEncoder` does those of its backbone.

    Args:
        places: Positive int, vectors of an image.
        width: Positive int, numbers of a vector.
        units: Positive int. Width of the outputs and of the state.
        dropout: From 0 to 1: the share of the outputs set to 0 in training.

    Call arguments:
        inputs: `(B, places, width)`.

    Returns:
        As `ImageEncoder`.

    Example:
        >>> encoder = sz.encoders.FeatureEncoder(places=4, width=6, units=5)
        >>> tuple(encoder(np.ones((2, 4, 6), "float32")).outputs.shape)
        (2, 4, 5)
    """

    frozen = True  # there is no backbone

    def __init__(self, places: int, width: int, units: int = 256, dropout: float = 0.0, **kwargs):
        super().__init__(units, dropout, **kwargs)
        self.places = places
        self.width = width

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the features of a batch."""
        return (None, self.places, self.width)

    def build(self, inputs_shape=None):
        self.grid = _square(self.places)
        self.build_grid(self.places, self.width)

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        return {"features": keras.KerasTensor(self.input_shape, dtype="float32")}

    def call(self, inputs, mask=None, segment_ids=None, training=False):
        refuse_segments(self, segment_ids)
        return self.encode_grid(inputs, training)

    def get_config(self):
        return super().get_config() | {"places": self.places, "width": self.width}


def _square(cells: int) -> tuple[int, int]:
    """The rows and columns of a grid that is as square as it can be."""
    rows = next(n for n in range(int(cells**0.5), 0, -1) if cells % n == 0)
    return rows, cells // rows
