"""Captioned images of TensorFlow Datasets (https://www.tensorflow.org/datasets/catalog)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seqzoo.extras import import_tfds

Example = tuple[Any, list[str]]


class Examples(Sequence):
    """Examples of a split, in the order of TFDS; decoded images are read when they are used.

    Args:
        dataset: Finite `tf.data.Dataset` of an image and its captions.
    """

    def __init__(self, dataset: Any):
        self._dataset = dataset

    def __len__(self) -> int:
        return int(self._dataset.cardinality())

    def __iter__(self) -> Iterator[Example]:
        for image, captions in self._dataset.as_numpy_iterator():
            yield image, [text.decode("utf-8", "replace") for text in captions]

    def __getitem__(self, index):
        count = len(self)
        if isinstance(index, slice):
            start, stop, step = index.indices(count)
            if step != 1:
                raise ValueError(f"A slice must have step 1. Received: {index}.")
            return list(Examples(self._dataset.skip(start).take(max(stop - start, 0))))
        return next(iter(Examples(self._dataset.skip(index % count).take(1))))


def load(
    name: str = "coco_captions",
    splits: Sequence[str] = ("train", "val", "test"),
    data_dir: str | Path | None = None,
) -> dict[str, Examples]:
    """Loads splits of a set with captioned images; downloads and prepares it the first time.

    Args:
        name: Name in the catalogue, `"coco_captions"` or another set whose features are as its:
            an image and `captions/text`.
        splits: TFDS's own names, slices too, such as `"train[:10%]"`.
        data_dir: Folder for prepared data. TFDS's own (`~/tensorflow_datasets`) if None.

    Returns:
        A dict from each name in `splits` to its examples `(encoded image, captions)`.

    Raises:
        ValueError: if TFDS has no set of this name, or the set has no captioned images.
    """
    tfds = import_tfds()

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError as error:
        raise ValueError(
            f"TensorFlow Datasets has no set {name!r}. The catalogue lists the names: "
            "https://www.tensorflow.org/datasets/catalog."
        ) from error
    features = builder.info.features
    if "image" not in features or "captions" not in features:
        raise ValueError(
            f"A set with the features `image` and `captions` is needed. Received: {name} with "
            f"{', '.join(features)}."
        )
    builder.download_and_prepare()
    decoders = tfds.decode.PartialDecoding(
        {"image": True, "captions": {"text": True}}, {"image": tfds.decode.SkipDecoding()}
    )
    return {
        split: Examples(
            builder.as_dataset(split=split, shuffle_files=False, decoders=decoders).map(
                lambda example: (example["image"], example["captions"]["text"])
            )
        )
        for split in splits
    }
