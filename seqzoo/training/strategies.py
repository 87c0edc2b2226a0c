"""Distribution strategies: what a training runs on, by name."""

from __future__ import annotations

import contextlib
import functools
import os
import zlib
from collections.abc import Iterator
from typing import Any, Literal

import tensorflow as tf

from seqzoo.ops.option_names import check_known
from seqzoo.preprocessing.batching import Batches
from seqzoo.training.workers import keep_to_own_cores, meet, read_cluster

Strategy = Literal["auto", "mirrored", "multiworker", "tpu"]
STRATEGIES = ("auto", "mirrored", "multiworker", "tpu")


def strategy(name: Strategy = "auto", wait: float = 300.0) -> tf.distribute.Strategy:
    """Returns a distribution strategy; models are made and trained in its scope.

        with sz.training.strategy("mirrored").scope():
            translator = sz.zoo.bahdanau_2015(source, target)
            translator.compile()
        translator.fit(pairs, batch_size=256)  # of all replicas together

    Parameter servers are left out: with them a step is not one gradient of the global batch.

    Args:
        name: "mirrored" uses all GPUs of this machine, or, where there is none, all its logical
            CPUs; "multiworker" those of all workers that `TF_CONFIG` names, and is to be called
            before TensorFlow computes anything, since workers on one machine share out its
            cores; "tpu" the TPU that `TPU_NAME` names. "auto"
            is "multiworker" where `TF_CONFIG` names several workers, "mirrored" where there are
            several GPUs, else one device.
        wait: Seconds in which all workers must have come.

    Raises:
        ValueError: if the name is unknown, there is no TPU, or `TF_CONFIG` is missing, wrong or
            not the same at all workers.
        TimeoutError: if a worker does not come.

    Example:
        >>> with sz.training.strategy().scope():  # one device where there is no more
        ...     model = sz.zoo.gu_2023(sz.preprocessing.ByteTokenizer(), units=8, layers=1)
        >>> model.distribute_strategy is not None
        True
    """
    check_known("strategy", name, STRATEGIES)
    if name == "auto":
        cluster = read_cluster()
        name = "multiworker" if cluster and len(cluster.addresses) > 1 else name
    if name == "tpu":
        return _tpu()
    if name == "multiworker":
        return _multiworker(os.environ.get("TF_CONFIG"), wait)
    devices = [device.name for device in tf.config.list_logical_devices("GPU")]
    if name == "mirrored":
        cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
        return _mirrored(*devices or cpus)
    return _mirrored(*devices) if len(devices) > 1 else tf.distribute.get_strategy()


@functools.cache  # TensorFlow mixes up the sums of two strategies on the same devices
def _mirrored(*devices: str) -> tf.distribute.Strategy:
    return tf.distribute.MirroredStrategy(devices)


@functools.cache  # the workers meet once
def _multiworker(tf_config: str | None, wait: float) -> tf.distribute.Strategy:
    cluster = read_cluster()
    if cluster is None:
        raise ValueError(
            "The strategy 'multiworker' needs the environment variable TF_CONFIG at every worker. "
            "Received: none. Set it, or choose 'mirrored' for the devices of one machine."
        )
    meet(cluster, wait)
    keep_to_own_cores(cluster)
    return tf.distribute.MultiWorkerMirroredStrategy()


def _tpu() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
    except ValueError as error:
        raise ValueError(
            f"The strategy 'tpu' needs a TPU. Received: none, since TensorFlow says: {error} "
            "Set TPU_NAME, or choose another strategy."
        ) from error
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    return tf.distribute.TPUStrategy(resolver)


def has_several_workers(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether processes on several machines, or several on one, train together."""
    return (
        strategy is not None
        and isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        and strategy.extended._in_multi_worker_mode()
    )


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this process is the one of all workers that writes files."""
    return strategy is None or strategy.extended.should_checkpoint


def distribute_batches(strategy: tf.distribute.Strategy, batches: Batches) -> Any:
    """Returns the stream of batches with the rows of each split over all replicas.

    Raises:
        ValueError: if a batch has fewer rows than there are replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return batches.dataset
    if batches.smallest < replicas:
        raise ValueError(
            f"A batch must have a row for each of the {replicas} replicas. Received: a batch of "
            f"{batches.smallest}. Raise `batch_size` or `tokens_per_batch`, or use fewer replicas."
        )

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        each = replicas // context.num_input_pipelines
        return batches.parts(replicas, context.input_pipeline_id * each, each).dataset

    return strategy.distribute_datasets_from_function(of_worker)


@contextlib.contextmanager
def explain_lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Says what has happened, and what to do, where a worker stops during a training.

    Raises:
        ConnectionError: instead of the errors that TensorFlow raises then.
    """
    try:
        yield
    except (
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
        tf.errors.InternalError,
        tf.errors.UnavailableError,
    ) as error:
        if not has_several_workers(strategy):
            raise
        raise ConnectionError(
            "Another worker has stopped, or cannot be reached any more. Start all workers again: "
            "they go on from the last checkpoint where the training resumes. "
            f"(TensorFlow says: {error.message.splitlines()[0][:200]})"
        ) from error


def mean_over_workers(strategy: tf.distribute.Strategy | None, value: float) -> float:
    """Returns the mean of a number over the workers, at all of them; they wait for each other."""
    if strategy is None or not has_several_workers(strategy):
        return value
    mean = strategy.reduce("MEAN", tf.constant(value, tf.float64), axis=None)
    return float(mean)


def wait_for_workers(strategy: tf.distribute.Strategy) -> None:
    """Returns once all workers are here."""
    mean_over_workers(strategy, 0.0)


def check_agreement(strategy: tf.distribute.Strategy | None, name: str, value: Any) -> None:
    """Raises ValueError at all workers unless all have the same value; they wait for each other."""
    if strategy is None or not has_several_workers(strategy):
        return
    digest = float(zlib.crc32(repr(value).encode()))
    if mean_over_workers(strategy, digest) != digest:
        raise ValueError(
            f"All workers must have the same {name}. Received at worker "
            f"{strategy.cluster_resolver.task_id}: {value}, and something else at another one."
        )
