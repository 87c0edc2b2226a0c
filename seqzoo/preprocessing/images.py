"""The reader of images: raw images as the inputs of a model, in the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from seqzoo.ops.option_names import check_known
from seqzoo.preprocessing.limits import BoundedInputs, Limits
from seqzoo.preprocessing.picture_headers import announced, jpeg_within
from seqzoo.preprocessing.raw_images import encoded_image, name_of

MAX_PIXELS = 1 << 26  # a picture of 67 megapixels takes a gigabyte while it is made small
PICTURE_STEPS = 512  # a picture takes about as much memory as a row of so many tokens

_AT_ONCE = 128  # images
_AT_A_TIME = 2  # images that are decoded side by side

Inputs = dict[str, tf.Tensor]


class Read(NamedTuple):
    """What could be read of some raw images.

    Attributes:
        pixels: Uint8 `(N, height, width, 3)`, of those that could.
        indices: Ints `(N,)`, their indices among all.
        broken: What is wrong with the others, one line each, which names the image.
    """

    pixels: np.ndarray
    indices: np.ndarray
    broken: list[str]


@keras.saving.register_keras_serializable(package="seqzoo")
class ImageReader(tf.Module):
    """Decodes images and makes them one size, with TensorFlow's own ops.

    It reads JPEG, PNG, BMP, and the first frame of a GIF. Grey, palette and CMYK become RGB, 16
    bits become 8, and what is transparent lets white through. Marks of orientation in the file are
    not read. Large images are averaged down, not thinned out.

    Args:
        height: Positive int, pixels of the result.
        width: Likewise; None is `height`.
        fit: `"stretch"` changes the proportions of the image, `"crop"` keeps them and leaves out
            what is too much at two sides.
        max_pixels: Positive int: an encoded image with more counts as one that cannot be read. Its
            header tells; nothing of it is decoded.

    Raw images become pixels `(B, height, width, 3)`, 0 to 255.

    Example:
        >>> reader = sz.preprocessing.ImageReader(height=8)
        >>> reader.read([np.full((16, 16, 3), 255, "uint8")]).pixels.shape
        (1, 8, 8, 3)
    """

    def __init__(
        self,
        height: int,
        width: int | None = None,
        fit: Literal["stretch", "crop"] = "stretch",
        max_pixels: int = MAX_PIXELS,
    ):
        super().__init__()
        self.max_pixels = max_pixels
        self.height = height
        self.width = height if width is None else width
        self.fit = fit
        check_known("fit", fit, ("stretch", "crop"))
        if min(self.height, self.width) < 1:
            raise ValueError(
                f"`height` and `width` must be at least 1. Received: {self.height}, {self.width}."
            )
        if max_pixels < 1:
            raise ValueError(f"`max_pixels` must be at least 1. Received: {max_pixels}.")

    @property
    def spec(self) -> tf.TensorSpec:
        """What a served model takes: a batch of encoded images."""
        return tf.TensorSpec([None], tf.string, name="image")

    def as_raw(self, images: Sequence[Any]) -> tf.Tensor:
        """Returns encoded images `(B,)` of images in any form.

        Raises:
            ValueError: if one cannot be read; names it.
        """
        encoded = [encoded_image(image, index) for index, image in enumerate(images)]
        self._refuse_broken(self.read(encoded, images).broken)
        return tf.constant(encoded, tf.string, shape=[len(encoded)])

    def __call__(self, raw: tf.Tensor) -> Inputs:
        """Returns `images` uint8 `(B, height, width, 3)` of encoded ones, and `is_whole` `(B,)`.

        One that cannot be read is black, and not whole.
        """
        pixels, is_whole = self.decode(raw)
        return {"images": pixels, "is_whole": is_whole}

    def within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """Encoded images as they are: `max_pixels` bounds each."""
        steps = tf.fill(tf.shape(raw), PICTURE_STEPS)
        return BoundedInputs(raw, raw, steps, tf.ones_like(steps, tf.bool))

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        """Ints `(B,)` by which inputs are batched: images are all alike."""
        return np.zeros(raw.shape[0], int)

    def decode(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns pixels `(B, height, width, 3)` uint8 of encoded images, and which are whole."""
        pictures = tf.map_fn(lambda one: announced(one, self.max_pixels), encoded)
        return _of_each(self._decode_one, pictures, [self.height, self.width, 3], tf.uint8)

    def _decode_one(self, encoded: tf.Tensor) -> tf.Tensor:
        encoded = jpeg_within(encoded, self.max_pixels)
        pixels = tf.io.decode_image(encoded, expand_animations=False)
        pixels = _on_white(tf.ensure_shape(pixels, [None, None, None]))
        size = tf.constant([self.height, self.width])
        pixels = tf.cond(
            tf.reduce_all(tf.shape(pixels)[:2] == size),
            lambda: pixels,
            lambda: self._resize(pixels),
        )
        return tf.ensure_shape(pixels, [self.height, self.width, 3])

    def _resize(self, pixels: tf.Tensor) -> tf.Tensor:
        if self.fit == "crop":
            pixels = _crop(pixels, self.height / self.width)
        resized = tf.image.resize(pixels, [self.height, self.width], antialias=True)
        return tf.saturate_cast(tf.round(resized), tf.uint8)

    def read(self, images: Sequence[Any], names: Sequence[Any] | None = None) -> Read:
        """Reads images in any form, those that can be, and says what is wrong with the others."""
        pixels, indices, broken = [np.zeros((0, self.height, self.width, 3), "uint8")], [], []
        names = images if names is None else names
        for start in range(0, len(images), _AT_ONCE):
            good = self._read_some(images[start : start + _AT_ONCE], start, names, broken)
            indices += [index for index, _ in good]
            pixels += [part for _, part in good]
        pixels = [part if part.ndim == 4 else part[None] for part in pixels]
        return Read(np.concatenate(pixels), np.array(indices, int), broken)

    def _read_some(self, images, start: int, names, broken: list[str]) -> list:
        """Returns pairs of index and pixels; what cannot be read is added to `broken`."""
        encoded = []
        for index, image in enumerate(images, start):
            try:
                encoded.append((index, encoded_image(image, index)))
            except ValueError as error:
                broken.append(str(error))
        try:  # all together, which is much faster, and one by one where that fails
            decoded = self._graph(tf.constant([content for _, content in encoded], tf.string))
            return [(index, decoded[i].numpy()) for i, (index, _) in enumerate(encoded)]
        except tf.errors.InvalidArgumentError:
            read = []
        for index, content in encoded:
            try:
                read.append((index, self.read_one(content, name_of(names[index], index))))
            except ValueError as error:
                broken.append(str(error))
        return read

    def read_one(self, image: Any, name: str) -> np.ndarray:
        """Returns the pixels of one image, which errors call `name`.

        It waits for no thread of TensorFlow's, so that input pipelines may call it.

        Raises:
            ValueError: if it cannot be read.
        """
        content = encoded_image(image)
        try:
            with tf.device("CPU:0"):
                return self._decode_announced(tf.constant(content)).numpy()
        except tf.errors.InvalidArgumentError as error:
            size = f"of at most {self.max_pixels:,} pixels ({len(content)} bytes)"
            raise ValueError(f"{name} is no whole JPEG, PNG, GIF or BMP {size}") from error

    def _decode_announced(self, encoded: tf.Tensor) -> tf.Tensor:
        return self._decode_one(announced(encoded, self.max_pixels))

    def _graph(self, encoded: tf.Tensor) -> tf.Tensor:
        """Pixels `(B, height, width, 3)` of encoded images `(B,)`, all of which must be whole."""
        if not hasattr(self, "_function"):
            pixels = tf.TensorSpec([self.height, self.width, 3], tf.uint8)
            self._function = tf.function(
                lambda all_: tf.map_fn(self._decode_announced, all_, fn_output_signature=pixels),
                input_signature=[tf.TensorSpec([None], tf.string)],
                autograph=False,
            )
        return self._function(encoded)

    def _refuse_broken(self, broken: list[str]) -> None:
        if broken:
            more = f" ({len(broken) - 1} more like it)" if len(broken) > 1 else ""
            raise ValueError(f"{broken[0]}{more}. Mend it or leave it out.")

    def get_config(self) -> dict[str, Any]:
        return {
            "height": self.height,
            "width": self.width,
            "fit": self.fit,
            "max_pixels": self.max_pixels,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ImageReader:
        return cls(**config)


def _of_each(
    function: Callable[[tf.Tensor], tf.Tensor], encoded: tf.Tensor, shape: list[int], dtype: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """Results `(B, *shape)` of a function of each of `encoded`, 0 where it fails, and where not.

    A graph cannot go on after an operation that fails, but a data set in it can.
    """

    def numbered(index, one):
        return index, function(one)

    def keep_last(_, batch):
        return batch

    unconverted = tf.autograph.experimental.do_not_convert
    count = tf.size(encoded)
    dataset = tf.data.Dataset.from_tensor_slices(encoded).enumerate()
    results = dataset.map(unconverted(numbered), num_parallel_calls=_AT_A_TIME).ignore_errors()
    batch = results.batch(tf.cast(tf.maximum(count, 1), tf.int64)).with_options(_as_it_is())
    none = tf.zeros([0], tf.int64), tf.zeros([0, *shape], dtype)
    indices, values = batch.reduce(none, unconverted(keep_last))
    # The row of each among those that did not fail, of which the last one added is 0.
    rows = tf.fill([count], tf.size(indices))
    rows = tf.tensor_scatter_nd_update(rows, indices[:, None], tf.range(tf.size(indices)))
    values = tf.gather(tf.concat([values, tf.zeros([1, *shape], dtype)], axis=0), rows)
    return values, rows < tf.size(indices)


def _as_it_is() -> tf.data.Options:
    """Runs a data set as it was written: to optimise it would take longer, at every call."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options


def _on_white(pixels: tf.Tensor) -> tf.Tensor:
    """Returns RGB of pixels `(height, width, 1 to 4)`: grey, grey and alpha, RGB, RGB and alpha."""
    channels = tf.shape(pixels)[-1]
    colour = tf.cond(
        channels < 3, lambda: tf.repeat(pixels[:, :, :1], 3, axis=2), lambda: pixels[:, :, :3]
    )

    def blend():
        alpha = tf.cast(pixels[:, :, -1:], tf.float32) / 255.0
        blended = tf.cast(colour, tf.float32) * alpha + 255.0 * (1.0 - alpha)
        return tf.saturate_cast(tf.round(blended), tf.uint8)

    return tf.cond(channels % 2 == 0, blend, lambda: colour)


def _crop(pixels: tf.Tensor, proportion: float) -> tf.Tensor:
    """Returns the largest middle part of a height that is `proportion` times its width."""
    size = tf.cast(tf.shape(pixels)[:2], tf.float32)
    height = tf.minimum(size[0], size[1] * proportion)
    part = tf.maximum(tf.cast(tf.round(tf.stack([height, height / proportion])), tf.int32), 1)
    part = tf.minimum(part, tf.shape(pixels)[:2])
    start = (tf.shape(pixels)[:2] - part) // 2
    return pixels[start[0] : start[0] + part[0], start[1] : start[1] + part[1]]
