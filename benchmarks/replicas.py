"""A train step of a translator on one device, on replicas of it, in parts; and what goes with it.

    python benchmarks/replicas.py                   one device, two logical CPUs, accumulation
    python benchmarks/replicas.py --workers         one process, and two workers on loopback
    python benchmarks/replicas.py --overheads       `fit`, input pipeline and checkpoints

All have the same global batch of 256 pairs. What is compared alternates in one process, but for
the workers. The model is `luong_2015` of 128 units on made-up texts of 5 to 25 words.
"""

import argparse
import contextlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BATCH, STEPS, WORDS = 256, 8, 2000


def make_pairs(count):
    import numpy as np

    rng = np.random.default_rng(0)
    rows = [rng.integers(WORDS, size=rng.integers(5, 26)) for _ in range(count)]
    texts = [" ".join(f"w{word}" for word in row) for row in rows]
    return list(zip(texts, texts[::-1], strict=True))


def make_task(scope, **settings):
    import keras

    import seqzoo as sz

    keras.utils.set_random_seed(0)
    vocabulary = ["", "<unk>", "<start>", "<end>", *(f"w{word}" for word in range(WORDS))]
    word = sz.preprocessing.WordTokenizer
    tokenizers = [word(normalization=None, vocabulary=vocabulary) for _ in range(2)]
    with scope:
        task = sz.zoo.luong_2015(*tokenizers, units=128, embedding_dim=64, layers=1, dropout=0.0)
        task.compile(**settings)
    return task


def differences(times):
    """Milliseconds between points in time."""
    return [1000 * (b - a) for a, b in itertools.pairwise(times)]


def step_times(task, pairs, steps=STEPS, callbacks=(), **settings):
    """Milliseconds of each step of `fit` but the first, which may trace."""
    import keras

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            times.append(time.perf_counter())

    times: list[float] = []
    settings = {"batch_size": BATCH, "steps_per_epoch": steps, "verbose": 0} | settings
    task.fit(pairs, callbacks=[*callbacks, Clock()], **settings)
    return differences(times)


def compare_replicas(rounds):
    import numpy as np
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from seqzoo.training import strategy

    pairs = make_pairs(BATCH * 8)
    tasks = {
        "one device": make_task(contextlib.nullcontext()),
        "two replicas": make_task(strategy("mirrored").scope()),
        "four parts": make_task(contextlib.nullcontext(), accumulation_steps=4),
    }
    for task in tasks.values():
        step_times(task, pairs, 3)
    times = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            times[name] += step_times(task, pairs)
    base = np.median(times["one device"])
    for name, values in times.items():
        print(f"{name}: {np.median(values):.0f} ms a step, {np.median(values) / base:.2f}")


def run_worker(core, rows):
    """Prints the times of a step and of adding up its gradients over the workers, alone."""
    if core is not None:
        os.sched_setaffinity(0, {core})  # before TensorFlow counts the cores
    import numpy as np

    from seqzoo.training import strategy

    replicas = strategy("auto")
    task = make_task(replicas.scope())
    pairs = make_pairs(BATCH * STEPS)
    times = step_times(task, pairs, 4 * STEPS, batch_size=rows)
    adding = adding_times(replicas, task.trainable_variables)
    size = sum(4 * int(np.prod(variable.shape)) for variable in task.trainable_variables)
    found = {"step": np.median(times), "adding": np.median(adding), "bytes": size}
    print(json.dumps({name: float(value) for name, value in found.items()}))


def adding_times(replicas, variables):
    import tensorflow as tf

    from seqzoo.training.steps import add_over_replicas

    def add_zeros():
        return add_over_replicas([tf.zeros(variable.shape) for variable in variables])[0]

    @tf.function(autograph=False)
    def add():
        return replicas.run(add_zeros)

    times = [time.perf_counter()]
    for _ in range(20):
        replicas.experimental_local_results(add())[0].numpy()
        times.append(time.perf_counter())
    return differences(times)[1:]


def start_worker(config, core, rows):
    environment = os.environ | ({"TF_CONFIG": json.dumps(config)} if config else {})
    command = [sys.executable, __file__, "--worker", "--rows", str(rows)]
    command += [] if core is None else ["--core", str(core)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def run_group(count, joined, pinned, rows):
    """Figures of the slowest of some processes at once, workers of one cluster or each alone."""
    cluster = {"worker": [free_address() for _ in range(count)]}
    tasks = [{"cluster": cluster, "task": {"type": "worker", "index": i}} for i in range(count)]
    configs = tasks if joined else [None] * count
    processes = [start_worker(c, i if pinned else None, rows) for i, c in enumerate(configs)]
    outputs = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    return max(outputs, key=lambda output: output["step"])


def compare_workers():
    found = {}
    for name, *settings in (
        ("one process", 1, False, False, BATCH),
        ("two workers, which share out the cores", 2, True, False, BATCH),
        ("half the batch on one core, the other idle", 1, False, True, BATCH // 2),
        ("half the batch on each core, in processes of their own", 2, False, True, BATCH // 2),
    ):
        found[name] = group = run_group(*settings)
        print(f"{name}: {group['step']:.0f} ms a step, {group['adding']:.1f} ms to add", flush=True)
    _, two, _, half = found.values()
    print(
        f"by the model: {half['step'] + two['adding']:.0f} ms, {half['step']:.0f} of computing and "
        f"{two['adding']:.1f} to add {two['bytes'] / 1e6:.1f} MB; measured {two['step']:.0f} ms"
    )


def bare_step(task):
    """The gradient and the optimizer alone: nothing is measured."""
    from seqzoo.training.steps import apply_gradients, token_mean_gradients, unpack_batch

    def step(data):
        x, y, weight = unpack_batch(data)

        def loss():
            return *task.head.loss(y, task(x, training=True), weight), 0.0

        variables = task.trainable_variables
        gradients, *_ = token_mean_gradients(loss, variables, task.optimizer.scale_loss)
        apply_gradients(task.optimizer, gradients, variables)

    return step


def make_ways(task, dataset, cached, folder):
    """Functions that take some steps and return the milliseconds of each but the first."""
    import tensorflow as tf

    from seqzoo.training import HistoryFile, Progress, StopAtBadStep

    function = tf.function(bare_step(task), reduce_retracing=True)

    def alone():
        times = [time.perf_counter()]
        for batch in cached.take(STEPS):
            function(batch)
            task.optimizer.iterations.numpy()  # waits for the step
            times.append(time.perf_counter())
        return differences(times)[1:]

    def fit(batches, callbacks):
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            return step_times(task, batches, callbacks=callbacks, batch_size=None, verbose=1)

    def watched(batches):
        return fit(batches, [HistoryFile(folder / "h.csv"), Progress(), StopAtBadStep()])

    return {
        "gradient and optimizer alone": alone,
        "fit on batches that are made already": lambda: fit(cached, []),
        "... and seen by all callbacks": lambda: watched(cached),
        "... which the input pipeline makes": lambda: watched(dataset),
    }


def measure_overheads(rounds):
    import numpy as np

    from seqzoo.preprocessing import examples, training_batches
    from seqzoo.training import Resume

    task = make_task(contextlib.nullcontext())
    made = training_batches(examples(make_pairs(BATCH * STEPS)), task.preprocessor, BATCH).dataset
    task.preprocessor = None  # `fit` takes batches as they are
    folder = Path(tempfile.mkdtemp())
    ways = make_ways(task, made, made.take(STEPS).cache().repeat(), folder)
    times = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            times[name] += way()
    base = np.median(times["gradient and optimizer alone"])
    for name, values in times.items():
        step = np.median(values)
        print(f"{name}: {step:.1f} ms a step, {step / base - 1:+.1%}")
    measure_pipeline(made, step)
    measure_checkpoints(task, Resume(folder / "checkpoints"), step)


def measure_pipeline(made, step):
    iterator = iter(made)
    start = time.perf_counter()
    for _ in range(200):
        next(iterator)
    pipeline = (time.perf_counter() - start) * 5
    print(f"input pipeline alone: {pipeline:.2f} ms a batch, {step / pipeline:.0f} times as fast")


def measure_checkpoints(task, resume, step):
    resume.set_model(task)
    resume.set_params({"steps": 10})
    times = [time.perf_counter()]
    for epoch in range(5):
        task.optimizer.iterations.assign_add(1)
        resume.on_epoch_end(epoch)
        times.append(time.perf_counter())
    each = statistics.median(differences(times))
    print(f"a checkpoint: {each:.0f} ms, {each / (500 * step):.3%} of 500 steps")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    for flag in ("--workers", "--worker", "--overheads"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        run_worker(arguments.core, arguments.rows)
    elif arguments.workers:
        compare_workers()
    elif arguments.overheads:
        measure_overheads(arguments.rounds)
    else:
        compare_replicas(arguments.rounds)


if __name__ == "__main__":
    main()
