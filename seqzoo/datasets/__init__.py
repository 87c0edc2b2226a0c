"""Loaders of raw examples, one for each file: a dict of splits, each a sequence of examples.

Importing this folder is light; TensorFlow loads when a loader that needs it is called.
"""

from seqzoo.datasets import dates, long_memory, parallel_text, plain_text, tfds_translation

__all__ = ["dates", "long_memory", "parallel_text", "plain_text", "tfds_translation"]
