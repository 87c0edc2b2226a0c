"""What must be set before a model is made: seeds, precision, devices."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

import keras
import tensorflow as tf

from seqzoo.ops.names import check_known

Strategy = Literal["auto", "mirrored", "multiworker", "tpu"]
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


def make_strategy(name: Strategy) -> tf.distribute.Strategy:
    """Returns a distribution strategy; models are made and trained in its scope.

    Args:
        name: "mirrored" uses all GPUs of this machine, "multiworker" those of all workers that
            `TF_CONFIG` names, "tpu" the TPU that `TPU_NAME` names. "auto" is "mirrored" where
            there are several GPUs, else one device.

    Raises:
        ValueError: if the name is unknown, or there is no TPU.
    """
    check_known("strategy", name, ("auto", "mirrored", "multiworker", "tpu"))
    if name == "tpu":
        resolver = _find_tpu()
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    if name == "multiworker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "mirrored" or len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def _find_tpu() -> tf.distribute.cluster_resolver.TPUClusterResolver:
    try:
        return tf.distribute.cluster_resolver.TPUClusterResolver()
    except ValueError as error:
        raise ValueError(
            f"The strategy 'tpu' needs a TPU. Received: none, since TensorFlow says: {error} "
            "Set TPU_NAME, or choose another strategy."
        ) from error


def devices() -> str:
    """What TensorFlow computes on, in words: "CPU", "2 GPU", "8 TPU"."""
    for kind in ("TPU", "GPU"):
        if found := tf.config.list_logical_devices(kind):
            return f"{len(found)} {kind}"
    return "CPU"
