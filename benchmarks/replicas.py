"""A train step of a translator on one device, on replicas of it, in parts; and what goes with it.

    python benchmarks/replicas.py                   one device, two logical CPUs, accumulation
    python benchmarks/replicas.py --workers         one process, and two workers on loopback
    python benchmarks/replicas.py --overheads       input pipeline, `fit` and checkpoints

All have the same global batch of 256 pairs. What is compared alternates in one process, but for
the workers. The model is `luong_2015` of 128 units on made-up texts of 5 to 25 words.
"""

import argparse
import itertools
import json
import os
import socket
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


def step_times(task, pairs, steps=STEPS, callbacks=()):
    """Milliseconds of each step but the first, which may trace."""
    import keras

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            times.append(time.perf_counter())

    times: list[float] = []
    settings = {"batch_size": BATCH, "steps_per_epoch": steps, "verbose": 0}
    task.fit(pairs, callbacks=[Clock(), *callbacks], **settings)
    return [1000 * (b - a) for a, b in itertools.pairwise(times)]


def compare_replicas(rounds):
    import contextlib

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


def run_worker():
    import numpy as np

    from seqzoo.training import strategy

    replicas = strategy("auto")
    task = make_task(replicas.scope())
    pairs = make_pairs(BATCH * 8)
    times = step_times(task, pairs, 4 * STEPS)
    print(json.dumps({"step": float(np.median(times)), "weights": task.count_params()}))


def compare_workers():
    def start(config):
        environment = os.environ | ({"TF_CONFIG": json.dumps(config)} if config else {})
        command = [sys.executable, __file__, "--worker"]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    def free_address():
        with socket.create_server(("127.0.0.1", 0)) as free:
            return f"127.0.0.1:{free.getsockname()[1]}"

    cluster = {"worker": [free_address(), free_address()]}
    configs = [{"cluster": cluster, "task": {"type": "worker", "index": i}} for i in range(2)]
    for name, group in (("one process", [None]), ("two workers", configs)):
        processes = [start(config) for config in group]
        outputs = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
        print(f"{name}: {outputs[0]['step']:.0f} ms a step; {outputs[0]['weights']} weights")


def measure_overheads():
    import contextlib

    import keras
    import numpy as np
    import tensorflow as tf

    from seqzoo.preprocessing import examples, training_batches
    from seqzoo.training import HistoryFile, Progress, Resume, StopAtBadStep

    pairs = make_pairs(BATCH * 8)
    task = make_task(contextlib.nullcontext())
    folder = Path(tempfile.mkdtemp())
    batches = training_batches(examples(pairs), task.preprocessor, BATCH)
    iterator = iter(batches.dataset)
    data = [next(iterator) for _ in range(STEPS)]  # what `fit` begins with too
    function = tf.function(task.train_step, reduce_retracing=True)

    def function_times():
        times = []
        for batch in data:
            start = time.perf_counter()
            function(batch)
            times.append(1000 * (time.perf_counter() - start))
        return times[1:]

    def watched_times():
        table = HistoryFile(folder / "h.csv")
        return step_times(task, pairs, callbacks=[table, Progress(), StopAtBadStep()])

    ways = {
        "function": function_times,
        "fit": lambda: step_times(task, pairs),
        "watched": watched_times,
    }
    times = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(4):
        for name, way in ways.items():
            times[name] += way()
    alone, step, watched = (np.median(times[name]) for name in ways)
    resume = Resume(folder / "checkpoints")
    start = time.perf_counter()
    for _ in range(200):
        next(iterator)
    pipeline = (time.perf_counter() - start) * 5
    writes = []
    resume.set_model(task)
    resume.set_params({"steps": 10})
    for epoch in range(5):
        start = time.perf_counter()
        resume._write(epoch, 0)
        writes.append(1000 * (time.perf_counter() - start))
    print(f"the function of a step alone: {alone:.0f} ms")
    print(f"a step of fit: {step:.0f} ms, {step / alone - 1:+.1%}")
    print(f"with callbacks: {watched:.0f} ms, {watched / alone - 1:+.1%}")
    print(f"input pipeline alone: {pipeline:.2f} ms a batch, {step / pipeline:.0f} times as fast")
    share = np.median(writes) / (500 * step)
    print(f"a checkpoint: {np.median(writes):.0f} ms, {share:.3%} of 500 steps")
    print(f"on {keras.backend.backend()}, {task.count_params()} weights")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    for flag in ("--workers", "--worker", "--overheads"):
        parser.add_argument(flag, action="store_true")
    arguments = parser.parse_args()
    if arguments.worker:
        run_worker()
    elif arguments.workers:
        compare_workers()
    elif arguments.overheads:
        measure_overheads()
    else:
        compare_replicas(arguments.rounds)


if __name__ == "__main__":
    main()
