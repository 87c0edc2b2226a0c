"""Loaders of raw examples, one for each file: a dict of splits, each a sequence of examples.

Importing this folder is light; TensorFlow loads when a loader that needs it is called.
"""

from seqzoo.datasets import (
    conll,
    dates,
    labelled_text,
    long_memory,
    names,
    parallel_text,
    requests,
    tfds_classification,
    tfds_translation,
)

__all__ = [
    "conll",
    "dates",
    "labelled_text",
    "long_memory",
    "names",
    "parallel_text",
    "requests",
    "tfds_classification",
    "tfds_translation",
]
