"""Images or videos and their captions as the inputs and labels of a captioner."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.caption_rows import CaptionRows, caption_batch
from seqzoo.preprocessing.corpus import as_strings
from seqzoo.preprocessing.data_forms import Kind, read_examples, read_inputs
from seqzoo.preprocessing.features import FeatureReader
from seqzoo.preprocessing.frames import FrameReader
from seqzoo.preprocessing.images import ImageReader, Inputs
from seqzoo.preprocessing.limits import BoundedInputs, Limits
from seqzoo.preprocessing.raw_images import name_of
from seqzoo.preprocessing.tokenizer import Tokenizer

_SHOWN = 3  # names of broken images in a warning

Reader = ImageReader | FeatureReader

_ROLES = ("image", "caption")
IMAGES, FEATURES = Kind(_ROLES, (0, 2, 3)), Kind(_ROLES, (0, 2))
VIDEOS = Kind(_ROLES, (0, 1, 3, 4))


@keras.saving.register_keras_serializable(package="seqzoo")
class ImageCaptions(tf.Module):
    """Reads images, and turns captions into ids, labels and weights for teacher forcing.

    Args:
        reader: `ImageReader`, `FrameReader` or `FeatureReader`.
        target: Tokenizer of the captions, adapted.
        max_target_length: Longest caption in tokens, the end token counted. Longer ones are cut
            and keep the end token. None cuts nothing.
        broken: What becomes of images in training and evaluation that cannot be read, or have no
            caption: `"report"` leaves them out with a warning that counts and names them,
            `"raise"` raises an error. `generate` always raises one.

    Images become pixels `(B, height, width, 3)`, captions ids, labels and weights `(B, K, T)` of K
    captions an image.

    Example:
        >>> reader, words = sz.preprocessing.ImageReader(8), sz.preprocessing.WordTokenizer()
        >>> words.adapt(["a red dot"])
        >>> preprocessor = sz.preprocessing.ImageCaptions(reader, words, max_target_length=10)
        >>> preprocessor.target_tokens(words.tokenize(["a dot"]).to_tensor()).numpy().tolist()
        [[b'a', b'dot']]
    """

    def __init__(
        self,
        reader: Reader,
        target: Tokenizer,
        max_target_length: int | None = None,
        broken: str = "report",
    ):
        super().__init__()
        if max_target_length is not None and max_target_length < 1:
            raise ValueError(
                "`max_target_length` counts the end token and must be at least 1. "
                f"Received: max_target_length={max_target_length}."
            )
        if broken not in ("report", "raise"):
            raise ValueError(f"`broken` must be 'report' or 'raise'. Received: {broken!r}.")
        self.reader = reader
        self.target = target
        self.max_target_length = max_target_length
        self.broken = broken

    @property
    def kind(self) -> Kind:
        """What examples are read: paths or contents of files, pixels, frames or features."""
        if isinstance(self.reader, FrameReader):
            return VIDEOS
        return FEATURES if isinstance(self.reader, FeatureReader) else IMAGES

    @property
    def raw_spec(self) -> tf.TensorSpec:
        """What a served model takes: encoded images, encoded frames or features."""
        return self.reader.spec

    def as_raw(self, inputs: Any) -> tf.Tensor:
        """A tensor of a list of images, videos or features, as `raw_spec` describes it."""
        is_pixels = isinstance(inputs, np.ndarray) and inputs.dtype == "uint8" and inputs.ndim < 4
        if isinstance(inputs, (str, bytes)) or is_pixels:
            raise ValueError("A list of images is needed. Received one. Put it in a list.")
        return self.reader.as_raw(list(read_inputs(self.kind, inputs)))

    def encode_inputs(self, raw: tf.Tensor) -> tf.Tensor:
        """The raw inputs themselves: images are decoded batch by batch."""
        return raw

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """The raw inputs themselves, of a long video some frames."""
        return self.reader.within(raw, limits)

    def pack_inputs(self, encoded: tf.Tensor) -> Inputs:
        """Model inputs by name: "images", "frames" and their "mask", or "features"."""
        return self.reader(encoded)

    def prepare(self, raw: tf.Tensor) -> Inputs:
        """Model inputs of raw inputs, see `pack_inputs`."""
        return self.pack_inputs(self.encode_inputs(raw))

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        """Frames of each video `(B,)`; 0 for images and features, which are all alike."""
        return self.reader.lengths(raw)

    def adapt(self, pairs: Any, columns: Mapping[str, str] | None = None) -> None:
        """Makes the vocabulary from the captions of pairs of an image and its captions.

        Args:
            pairs: In any form that `fit` takes.
            columns: Names of the columns "image" and "caption" of a table.
        """
        x, y, _ = read_examples(self.kind, pairs, columns=columns)
        listed = [_as_list(each, index) for index, each in enumerate(image_pairs(x, y)[1])]
        self.target.adapt([text for captions in listed for text in captions])

    def examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """Makes a dataset of raw inputs and their captions `(K,)`, "" where one has fewer.

        They stay encoded in memory, and are decoded in each batch; see `corpus` for one time.

        Args:
            x: Pairs of an image, a video or features and its caption or captions: a list or a
                `tf.data.Dataset`; or the images alone.
            y: The captions of each, where `x` holds the images alone.
        """
        images, captions = image_pairs(x, y)
        listed = [_as_list(each, index) for index, each in enumerate(captions)]
        return tf.data.Dataset.from_tensor_slices((self.as_raw(images), _padded(listed)))

    def __call__(self, x: tf.Tensor, y: tf.Tensor) -> tuple[Inputs, tf.Tensor, tf.Tensor]:
        """Makes a batch of raw inputs and captions `(B, K)`; see `CaptionRows.pack`."""
        return self.pack(*self.encode(x, y))

    def encode(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.RaggedTensor]:
        """The raw inputs, and ids `(B, None)` of captions `(B, K)`, "" for none."""
        return self.encode_inputs(x), self.encode_captions(y)

    def pack(
        self, source: tf.Tensor, target: tf.RaggedTensor
    ) -> tuple[Inputs, tf.Tensor, tf.Tensor]:
        """Makes a batch of what `encode` returns; see `CaptionRows.pack`."""
        shifted, y, weight = caption_batch(target)
        return self.pack_inputs(source) | {"target_ids": shifted}, y, weight

    def encode_captions(self, captions: tf.Tensor) -> tf.RaggedTensor:
        """Ids `(B, None)` of captions `(B, K)` one after the other, each with the end id."""
        real = captions != ""
        ids = self.target.tokenize(tf.boolean_mask(captions, real))
        longest = self.max_target_length
        ids = ids if longest is None else ids[:, : longest - 1]
        ids = tf.concat([ids, tf.fill([ids.nrows(), 1], Tokenizer.end_id)], axis=1)
        count = tf.reduce_sum(tf.cast(real, tf.int64), axis=1)
        grouped = tf.RaggedTensor.from_row_lengths(ids, count)  # (B, None, None)
        return grouped.merge_dims(1, 2)

    def raw_targets(self, y: tf.Tensor) -> tf.Tensor:
        """Captions `(B, K)` of the labels of a batch, "" for none; see `detokenize`."""
        return self.detokenize(y)

    def detokenize(self, ids: tf.Tensor) -> tf.Tensor:
        """Captions `(...)` of ids `(..., T)`."""
        return self.target.detokenize(ids)

    def target_tokens(self, ids: tf.Tensor) -> tf.Tensor:
        """Readable tokens of ids, same shape."""
        return self.target.tokens(ids)

    def corpus(
        self, images: Sequence[Any], captions: Sequence[Any], reader: Reader | None = None
    ) -> tuple[tf.data.Dataset, CaptionRows]:
        """Reads a whole data set.

        Args:
            images: Raw images, videos or features.
            captions: For each a caption or a list of captions.
            reader: Instead of the preprocessor's own.

        Returns:
            A dataset of the number of an image and its captions, and what makes batches of them.

        Raises:
            ValueError: if nothing is left, or an image is broken and `broken` is `"raise"`.
        """
        listed = [_as_list(each, index) for index, each in enumerate(captions)]
        reader = self.reader if reader is None else reader
        rows: Any = _read_features if isinstance(reader, FeatureReader) else _read_pixels
        inputs, splits, indices, broken = rows(reader, images)
        missing = [index for index in indices if not listed[index]]
        broken += [f"{name_of(images[index], index)} has no caption" for index in missing]
        self.report(broken, f"{len(broken)} of {len(images)} images")
        usable = [row for row, index in enumerate(indices) if listed[index]]
        if not usable:
            raise ValueError(
                f"There must be at least one image with a caption. Received: {len(images)} images, "
                "none of which can be used."
            )
        listed = [listed[indices[row]] for row in usable]
        dataset = tf.data.Dataset.from_tensor_slices((np.array(usable), _padded(listed)))
        counts = set(map(len, listed))
        captions_each = max(counts) if len(counts) == 1 else None
        kept = [indices[row] for row in usable]
        return dataset, CaptionRows(self, inputs, splits, captions_each, kept)

    def report(self, broken: list[str], these: str) -> None:
        """Warns of images that are left out, a line each, or raises if `broken` says so."""
        if not broken:
            return
        if self.broken == "raise":
            raise ValueError(f"{broken[0]}. Mend it, or use broken='report' to leave it out.")
        shown = "; ".join(broken[:_SHOWN]) + ("; …" if len(broken) > _SHOWN else "")
        warnings.warn(f"{these} are left out: {shown}.", stacklevel=4)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            "reader": serialize(self.reader),
            "target": serialize(self.target),
            "max_target_length": self.max_target_length,
            "broken": self.broken,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ImageCaptions:
        deserialize = keras.saving.deserialize_keras_object
        return cls(**config | {name: deserialize(config[name]) for name in ("reader", "target")})


def _read_pixels(reader: ImageReader, images: Sequence[Any]) -> tuple:
    """Returns pixels, splits into videos or None, the indices of what could be read, what not."""
    if not isinstance(reader, FrameReader):
        pixels, indices, broken = reader.read(images)
        return pixels, None, indices.tolist(), broken
    (pixels, good, broken), counts = reader.read_videos(images)
    video_of = np.repeat(np.arange(len(counts)), counts)
    read = np.bincount(video_of[good], minlength=len(counts))
    whole = np.flatnonzero((read == counts) & (read > 0))  # a broken frame breaks its video
    pixels = pixels[np.isin(video_of[good], whole)]
    return pixels, np.cumsum([0, *read[whole]]), whole.tolist(), broken


def _read_features(reader: FeatureReader, features: Sequence[Any]) -> tuple:
    return reader.as_raw(features).numpy(), None, list(range(len(features))), []


def image_pairs(x: Any, y: Any = None) -> tuple[list, list]:
    """Returns raw images and their captions, of any of the forms that `fit` takes.

    Raises:
        ValueError: if the numbers of images and captions differ, or an example is no pair.
    """
    if isinstance(x, tf.data.Dataset):
        x = list(x.as_numpy_iterator())
    if y is not None:
        images, captions = list(x), list(y)
        if len(images) != len(captions):
            raise ValueError(
                f"Received {len(images)} images but captions of {len(captions)}. Give the captions "
                "of each image, in the same order."
            )
        return images, captions
    pairs = list(x)
    for index, pair in enumerate(pairs):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(
                "Expected a list of (image, captions) pairs. Received "
                f"{repr(pair)[:60]} at index {index}."
            )
    return [image for image, _ in pairs], [captions for _, captions in pairs]


def _padded(captions: list[list[str]]) -> tf.Tensor:
    """Captions `(N, K)`, "" where an image has fewer."""
    most = max(map(len, captions), default=0)
    texts = [text for each in captions for text in each + [""] * (most - len(each))]
    return tf.reshape(as_strings(texts), [len(captions), most])


def _as_list(captions: Any, index: int) -> list[str]:
    one = isinstance(captions, (str, bytes))
    listed = [captions] if one else captions
    if isinstance(listed, (list, tuple, np.ndarray)):
        texts = [c.decode("utf-8", "replace") if isinstance(c, bytes) else c for c in listed]
        if all(isinstance(text, str) for text in texts):
            return [text for text in texts if text.strip()]
    raise ValueError(
        f"A caption, or a list of captions, is needed. Received {captions!r} at index {index}."
    )
