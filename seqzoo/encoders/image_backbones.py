"""Backbones: networks from pixels to a grid of features."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from typing import Literal

import keras
from keras import ops

from seqzoo.layers.batch_normalization import BatchNormalization
from seqzoo.ops.option_names import check_known

NORMALIZATIONS = ("batch", "group", "none")
DOWNSAMPLINGS = ("strides", "max_pooling")


def convolutional_backbone(
    height: int,
    width: int | None = None,
    filters: Sequence[int] = (32, 64, 128),
    depth: int | Sequence[int] = 1,
    normalization: Literal["batch", "group", "none"] = "batch",
    downsampling: Literal["strides", "max_pooling"] = "strides",
) -> keras.Sequential:
    """Builds a small network that is trained from scratch, for images of low resolution.

    Each stage has `depth` convolutions, 3 by 3, with normalisation and ReLU, of which the first
    makes height and width of the grid half as large: by its stride, or by max pooling of 2 by 2
    cells after it. Pooling takes four times the work for that convolution, and keeps fine detail
    such as the shape of an object of ten pixels. The receptive field of a cell is 15 pixels, or 22
    with `"max_pooling"`, after three stages of one, and 16 more with each further convolution on
    the last grid.

    Args:
        height: Positive int, pixels.
        width: Likewise; None is `height`.
        filters: Features of each stage. The grid is `height / 2 ** len(filters)` high.
        depth: Positive int, convolutions of a stage, or one for each stage.
        normalization: `"batch"`; `"group"`, which is the same whatever the batch and the number of
            replicas; or `"none"`.
        downsampling: `"strides"` or `"max_pooling"`.

    Returns a Keras model from pixels `(B, height, width, 3)` to features `(B, rows, columns,
    filters)`.

    Example:
        >>> sz.encoders.convolutional_backbone(16, filters=(4, 8)).output_shape
        (None, 4, 4, 8)
    """
    check_known("normalization", normalization, NORMALIZATIONS)
    check_known("downsampling", downsampling, DOWNSAMPLINGS)
    strided = downsampling == "strides"
    depths = [depth] * len(filters) if isinstance(depth, int) else list(depth)
    if len(depths) != len(filters) or min(depths, default=1) < 1:
        raise ValueError(
            "`depth` must be a positive int, or one for each of `filters`. Received: "
            f"depth={depth}, filters={tuple(filters)}."
        )
    layers: list = [
        keras.Input((height, width or height, 3)),
        keras.layers.Rescaling(1 / 127.5, offset=-1.0),
    ]
    for features, convolutions in zip(filters, depths, strict=True):
        for i in range(convolutions):
            layers.append(
                keras.layers.Conv2D(
                    features,
                    3,
                    strides=2 if strided and i == 0 else 1,
                    padding="same",
                    use_bias=normalization == "none",
                    kernel_initializer="he_normal",
                )
            )
            if normalization == "batch":
                layers.append(BatchNormalization(momentum=0.9))
            elif normalization == "group":
                layers.append(keras.layers.GroupNormalization(max(1, features // 16)))
            layers.append(keras.layers.ReLU())
            if i == 0 and not strided:
                layers.append(keras.layers.MaxPooling2D(2))
    return keras.Sequential(layers, name="convolutions")


def application_backbone(
    application: str, height: int, width: int | None = None, weights: str | None = None
) -> keras.Sequential:
    """Builds a model of `keras.applications` with its preprocessing and without its top.

    Args:
        application: Name in `keras.applications`, such as `"EfficientNetB0"`.
        height: Positive int, pixels.
        width: Likewise; None is `height`.
        weights: `"imagenet"`, which downloads them, the path of a file, or None for random
            weights.

    Returns a Keras model from pixels `(B, height, width, 3)` to features `(B, rows, columns,
    features)`.

    Example:
        >>> backbone = sz.encoders.application_backbone("MobileNetV3Small", 64)  # doctest: +SKIP
        >>> backbone.output_shape  # doctest: +SKIP
        (None, 2, 2, 576)
    """
    shape = (height, width or height, 3)
    names = [n for n, part in vars(keras.applications).items() if inspect.isfunction(part)]
    check_known("application", application, names)
    body = getattr(keras.applications, application)(
        include_top=False, weights=weights, input_shape=shape
    )
    return keras.Sequential(
        [keras.Input(shape), ApplicationPixels(application), body], name=application.lower()
    )


@keras.saving.register_keras_serializable(package="seqzoo")
class ApplicationPixels(keras.layers.Layer):
    """Scales pixels, 0 to 255, to what a model of `keras.applications` takes.

    Args:
        application: Name in `keras.applications`.
    """

    def __init__(self, application: str, **kwargs):
        super().__init__(**kwargs)
        self.application = application

    def call(self, pixels):
        home = sys.modules[getattr(keras.applications, self.application).__module__]
        return home.preprocess_input(ops.cast(pixels, self.compute_dtype))

    def get_config(self):
        return super().get_config() | {"application": self.application}
