"""Loaders of raw examples, one for each file: a dict of splits, each a sequence of examples.

Importing this folder is light: a loader, and the package that it needs, is imported when it is
first used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqzoo.datasets import (
        captioned_images,
        clips,
        conll,
        dates,
        hallucination,
        labelled_text,
        long_memory,
        names,
        parallel_text,
        pieces,
        plain_text,
        recall,
        requests,
        scenes,
        sequences,
        series,
        shortest_paths,
        similarity,
        splits,
        streams,
        tables,
        tfds_captions,
        tfds_classification,
        tfds_translation,
        unlabelled_text,
    )

__all__ = [
    "captioned_images",
    "clips",
    "conll",
    "dates",
    "hallucination",
    "labelled_text",
    "long_memory",
    "names",
    "parallel_text",
    "pieces",
    "plain_text",
    "recall",
    "requests",
    "scenes",
    "sequences",
    "series",
    "shortest_paths",
    "similarity",
    "splits",
    "streams",
    "tables",
    "tfds_captions",
    "tfds_classification",
    "tfds_translation",
    "unlabelled_text",
]


def __getattr__(name: str):
    """Imports a loader on first use."""
    if name in __all__:
        return importlib.import_module(f"seqzoo.datasets.{name}")
    raise AttributeError(f"module 'seqzoo.datasets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
