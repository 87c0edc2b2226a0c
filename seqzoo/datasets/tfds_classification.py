"""Labelled texts of TensorFlow Datasets (https://www.tensorflow.org/datasets/catalog)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from seqzoo.datasets.labelled_text import Examples, split_off
from seqzoo.extras import import_tfds

SPLITS = {"train": "train", "validation": "validation", "test": "test"}


def load(
    name: str,
    splits: Mapping[str, str] = SPLITS,
    data_dir: str | Path | None = None,
    validation_share: float = 0.1,
) -> dict[str, Examples]:
    """Loads splits of a set of texts with a label each; downloads and prepares it the first time.

    Args:
        name: Name in the catalogue with its config, such as `"imdb_reviews"` or `"glue/sst2"`.
        splits: TFDS's name of each split. A validation split that the set lacks is drawn from the
            training split, seed 0.
        data_dir: Folder for prepared data. TFDS's own (`~/tensorflow_datasets`) if None.
        validation_share: How much of the training split is drawn.

    Returns:
        A dict of lists of pairs of text and label. A split whose labels are hidden (-1, as in the
        tests of GLUE) is left out.

    Raises:
        ValueError: if TFDS has no set of this name, or it has not one text and one label.
    """
    tfds = import_tfds()

    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except tfds.core.registered.DatasetNotFoundError as error:
        raise ValueError(
            f"TensorFlow Datasets has no set {name!r}. The catalogue lists the names: "
            "https://www.tensorflow.org/datasets/catalog."
        ) from error
    text, label = _fields(builder, tfds)
    builder.download_and_prepare()
    of_label = builder.info.features[label]
    loaded = {}
    for split, its_name in splits.items():
        if its_name not in builder.info.splits:
            continue
        records = tfds.as_numpy(builder.as_dataset(split=its_name, shuffle_files=False))
        pairs = [(record[text].decode(), int(record[label])) for record in records]
        if all(number >= 0 for _, number in pairs):
            loaded[split] = [(each, of_label.int2str(number)) for each, number in pairs]
    if "validation" not in loaded:
        loaded["train"], loaded["validation"] = split_off(loaded["train"], validation_share)
    return loaded


def _fields(builder, tfds) -> tuple[str, str]:
    features = builder.info.features
    texts = [name for name, kind in features.items() if isinstance(kind, tfds.features.Text)]
    labels = [name for name, kind in features.items() if isinstance(kind, tfds.features.ClassLabel)]
    if len(texts) != 1 or not labels:
        raise ValueError(
            f"A set of one text and a label is needed. Received: {builder.info.full_name} with the "
            f"texts {texts} and the labels {labels}. Choose a set of text classification."
        )
    return texts[0], labels[0]
