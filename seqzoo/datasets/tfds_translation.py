"""Translation sets of TensorFlow Datasets (https://www.tensorflow.org/datasets/catalog)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqzoo.extras import import_tfds

if TYPE_CHECKING:
    import tensorflow as tf


def load(
    name: str,
    source: str,
    target: str,
    splits: Sequence[str] = ("train", "validation", "test"),
    data_dir: str | Path | None = None,
) -> dict[str, tf.data.Dataset]:
    """Loads splits of a translation set; downloads and prepares the set the first time.

    Args:
        name: Name in the catalogue with its config, such as `"ted_hrlr_translate/pt_to_en"`.
        source: Language code of the source, such as `"pt"`; either direction is legal.
        target: Language code of the target.
        splits: TFDS's own names, slices too, such as `"train[:10%]"`.
        data_dir: Folder for prepared data. TFDS's own (`~/tensorflow_datasets`) if None.

    Returns:
        A dict from each name in `splits` to a dataset of `(source, target)`, scalar string
        tensors, in the same order each time.

    Raises:
        ValueError: if TFDS has no set of this name, or the set lacks a language or a split.
    """
    tfds = import_tfds()

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError as error:
        raise ValueError(
            f"TensorFlow Datasets has no set {name!r}. The catalogue lists the names: "
            "https://www.tensorflow.org/datasets/catalog."
        ) from error
    _require_languages(builder, source, target)
    builder.download_and_prepare()
    return {
        split: builder.as_dataset(split=split, shuffle_files=False).map(
            lambda example: (example[source], example[target])
        )
        for split in splits
    }


def _require_languages(builder, source: str, target: str) -> None:
    tfds = import_tfds()

    features = builder.info.features
    if not isinstance(features, tfds.features.Translation):
        raise ValueError(
            f"A translation set must have the feature `tfds.features.Translation`. Received: "
            f"{builder.info.full_name} with {type(features).__name__}. "
            "Choose a set from the catalogue's section on translation."
        )
    missing = [language for language in (source, target) if language not in features.languages]
    if missing:
        raise ValueError(
            f"{builder.info.full_name} has the languages {', '.join(features.languages)}. "
            f"Received: {', '.join(missing)}. Choose two of them, or another config of the set."
        )
