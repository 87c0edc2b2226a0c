"""A recurrent translator in float32 and after `quantize("int8")`: size, memory, closeness, speed.

    python benchmarks/quantization.py

A GRU translator of random weights with attention, 512 units, a vocabulary of 8,000, decodes 30
tokens from 20 of a source, greedily: milliseconds of a batch, medians of rounds in which both take
turns. `stream_step` is one token of the stream that a server sends, which reads the kernels anew
at every token. Memory is what a process of its own holds once it has loaded the SavedModel, and
after an answer of it, less what it held before. `products` is one product of rows by a kernel in a
loop: by the float kernel, by one that is read from int8 ahead of the loop (as seqzoo does), inside
of it, and as a product of int8 values, whose inputs are rounded too.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import seqzoo as sz
from seqzoo.preprocessing import WhitespaceTokenizer
from seqzoo.tasks.streaming import TokenStream

# isort: split
import keras
import tensorflow as tf
from keras import ops

UNITS, VOCABULARY, TOKENS, SOURCE = 512, 8000, 30, 20
BATCHES = 1, 16
KINDS = "float32", "int8"
HOLDS = """
import sys, tensorflow as tf
def held():
    (line,) = [each for each in open("/proc/self/status") if each.startswith("VmRSS")]
    return int(line.split()[1]) / 1024
tf.constant([1.0]) + 1
before = held()
loaded = tf.saved_model.load(sys.argv[1])
after_loading = held()
loaded.signatures["serving_default"](text=tf.constant(["w9 w8"]))
print(after_loading - before, held() - before)
"""


def translator() -> sz.Seq2Seq:
    """Returns a translator of random weights that never ends a sentence."""
    keras.utils.set_random_seed(0)
    tokenizer = WhitespaceTokenizer(
        vocabulary=["", "<unk>", "<start>", "<end>", *(f"w{i}" for i in range(4, VOCABULARY))]
    )
    task = sz.zoo.bahdanau_2015(
        tokenizer, tokenizer, units=UNITS, embedding_dim=UNITS, search=sz.Greedy(max_length=TOKENS)
    )
    task.head.bias.assign(np.where(np.arange(VOCABULARY) == 3, -1e9, 0))
    return task


def decoder(task: sz.Seq2Seq, batch: int) -> Callable[[], None]:
    ids = tf.constant(np.random.default_rng(0).integers(4, VOCABULARY, (batch, SOURCE)), tf.int32)
    search = sz.Greedy(max_length=TOKENS)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)], autograph=False)
    def decode(source_ids):
        return task.hypotheses(source_ids, search)

    def run() -> None:
        lengths = decode(ids).lengths.numpy()
        assert (lengths == TOKENS).all()

    return run


def stream_step(task: sz.Seq2Seq) -> Callable[[], None]:
    text = " ".join(f"w{i}" for i in range(4, 4 + SOURCE))
    signatures = TokenStream(task, task.complete()).signatures()
    state = signatures["stream_start"](task.preprocessor.as_raw([text]), tf.constant([0]))
    return lambda: signatures["stream_step"](**state)["over"].numpy() is None and None


def products(rows: int, columns: int) -> dict[str, Callable[[], None]]:
    rng = np.random.default_rng(0)
    kernel = tf.Variable(rng.normal(size=(UNITS, columns)), dtype=tf.float32)
    scale = tf.Variable(np.abs(kernel).max(axis=0) / 127)
    values = tf.Variable(np.rint(kernel / scale), dtype=tf.int8)
    inputs = tf.constant(rng.normal(size=(rows, UNITS)), tf.float32)

    def of_int8(x):
        step = tf.reduce_max(tf.abs(x), axis=-1, keepdims=True) / 127
        rounded = tf.cast(tf.round(x / step), tf.int8)
        product = tf.matmul(rounded, tf.convert_to_tensor(values), output_type=tf.int32)
        return tf.cast(product, tf.float32) * step * scale

    def ahead():
        read = tf.cast(values, tf.float32) * scale
        return lambda x: tf.matmul(x, read)

    def looped(make: Callable[[], Callable]) -> Callable[[], None]:
        @tf.function(autograph=False)
        def loop():
            product = make()

            def body(t, x):
                return t + 1, x * 0.5 + 1e-3 * tf.reduce_sum(product(x))

            return tf.while_loop(lambda t, x: t < TOKENS, body, (0, inputs))[1]

        return lambda: loop().numpy() is None and None

    return {
        "float32": looped(lambda: lambda x: tf.matmul(x, kernel)),
        "read ahead": looped(ahead),
        "read inside": looped(lambda: lambda x: tf.matmul(x, tf.cast(values, tf.float32) * scale)),
        "int8": looped(lambda: of_int8),
    }


def in_turns(ways: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """Returns the median milliseconds of each way."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for run in ways.values():
        run()
    for _ in range(rounds):
        for name, run in ways.items():
            begin = time.perf_counter()
            run()
            times[name].append(1e3 * (time.perf_counter() - begin))
    return {name: statistics.median(values) for name, values in times.items()}


def shown(title: str, found: dict[str, Any]) -> None:
    print(
        f"{title} | " + " | ".join(f"{name} {value}" for name, value in found.items()), flush=True
    )


def megabytes(path: Path) -> float:
    files = [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=11)
    rounds = parser.parse_args().rounds
    tasks = {kind: translator() for kind in KINDS}
    tasks["int8"].quantize("int8")
    words = [f"w{i}" for i in np.random.default_rng(1).integers(4, VOCABULARY, SOURCE)]
    float32, int8 = (each.score([(" ".join(words), " ".join(words))])[0] for each in tasks.values())
    apart = np.abs(float32.token_log_probs - int8.token_log_probs)
    print(f"log-probs of {len(apart)} tokens at most {apart.max():.1e} apart")
    with tempfile.TemporaryDirectory() as folder:
        sizes: dict[str, dict[str, str]] = {}
        for kind, task in tasks.items():
            preset, export = Path(folder, kind), Path(folder, f"{kind}_export")
            task.save_preset(preset)
            task.export(export)
            command = [sys.executable, "-c", HOLDS, str(export / "1")]
            held = [
                subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
                for _ in range(3)
            ]
            loaded, answered = (
                statistics.median(map(float, each)) for each in zip(*held, strict=True)
            )
            weights = sum(ops.convert_to_numpy(each).nbytes for each in task.weights) / 1e6
            sizes[kind] = {
                "weights MB": f"{weights:.1f}",
                "preset MB": f"{megabytes(preset):.1f}",
                "SavedModel MB": f"{megabytes(export):.1f}",
                "process MiB": f"{loaded:.0f} loaded, {answered:.0f} after an answer",
            }
            shown(kind, sizes[kind])
    for batch in BATCHES:
        found = in_turns({kind: decoder(task, batch) for kind, task in tasks.items()}, rounds)
        shown(f"batch {batch}, ms", {name: f"{value:.1f}" for name, value in found.items()})
    found = in_turns({kind: stream_step(task) for kind, task in tasks.items()}, 10 * rounds)
    shown("stream_step, ms", {name: f"{value:.1f}" for name, value in found.items()})
    for rows in BATCHES:
        for columns in (3 * UNITS, VOCABULARY):
            found = in_turns(products(rows, columns), rounds)
            found = {name: f"{value / TOKENS:.2f}" for name, value in found.items()}
            shown(f"a product of {rows} rows by {UNITS} x {columns}, ms", found)


if __name__ == "__main__":
    main()
