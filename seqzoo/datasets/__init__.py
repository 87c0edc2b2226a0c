"""Loaders of raw examples, one for each file: a dict of splits, each a sequence of examples.

Importing this folder is light; TensorFlow loads when a loader that needs it is called.
"""

import importlib
from typing import TYPE_CHECKING

from seqzoo.datasets import (
    captioned_images,
    clips,
    conll,
    dates,
    labelled_text,
    long_memory,
    names,
    parallel_text,
    plain_text,
    recall,
    requests,
    scenes,
    splits,
    tables,
    tfds_captions,
    tfds_classification,
    tfds_translation,
    unlabelled_text,
)

if TYPE_CHECKING:
    from seqzoo.datasets import streams

__all__ = [
    "captioned_images",
    "clips",
    "conll",
    "dates",
    "labelled_text",
    "long_memory",
    "names",
    "parallel_text",
    "plain_text",
    "recall",
    "requests",
    "scenes",
    "splits",
    "streams",
    "tables",
    "tfds_captions",
    "tfds_classification",
    "tfds_translation",
    "unlabelled_text",
]


def __getattr__(name: str):
    """Imports `streams`, which needs TensorFlow, on first use."""
    if name == "streams":
        return importlib.import_module("seqzoo.datasets.streams")
    raise AttributeError(f"module 'seqzoo.datasets' has no attribute {name!r}")
