"""What must be set before a model is made: seeds, precision; and what it will run on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

import keras
import tensorflow as tf

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]


def set_seed(seed: int, deterministic: bool) -> None:
    """Seeds Python, NumPy and TensorFlow.

    Args:
        seed: Int.
        deterministic: Whether the same seed must give the same numbers to the last digit, on
            the same machine. Some operations are slower then. It cannot be undone in a process.
    """
    keras.utils.set_random_seed(seed)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def use_precision(name: Precision) -> Iterator[None]:
    """Gives layers that are made inside it the Keras dtype policy of this name."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def devices() -> str:
    """What TensorFlow computes on, in words: "CPU", "2 GPU", "8 TPU"."""
    for kind in ("TPU", "GPU"):
        if devices := tf.config.list_logical_devices(kind):
            return f"{len(devices)} {kind}"
    return "CPU"
