"""Step time and peak memory of a translator by precision and by parts of a step.

    python benchmarks/precision.py
    python benchmarks/precision.py --ways float32 mixed_bfloat16 --units 1024

The ways take turns, each in a process of its own, which has the same weights and the same batch:
pairs of made-up texts of 20 to 30 words out of 8,000. The model is `luong_2015` with one layer, in
`mixed_float16` under Keras's loss scale. Memory is the most that a process ever held, less what it
held when the model and the batch were there and no step had been taken.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from sides import Side, medians

WORDS, SHORTEST, LONGEST = 8000, 20, 30
WAYS = {
    "float32": {},
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
    "mixed_float16": {"precision": "mixed_float16"},
    "float32, 4 parts": {"accumulation_steps": 4},
    "mixed_bfloat16, 4 parts": {"precision": "mixed_bfloat16", "accumulation_steps": 4},
}


def make_step(units, rows, precision="float32", accumulation_steps=1):
    """A function that takes a training step and returns its loss."""
    import seqzoo as sz  # isort: split
    import keras
    import numpy as np
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    vocabulary = ["", "<unk>", "<start>", "<end>", *(f"w{word}" for word in range(WORDS))]
    word = sz.preprocessing.WordTokenizer
    tokenizers = [word(normalization=None, vocabulary=vocabulary) for _ in range(2)]
    rng = np.random.default_rng(0)
    lengths = rng.integers(SHORTEST, LONGEST + 1, rows)
    texts = [" ".join(f"w{w}" for w in rng.integers(WORDS, size=length)) for length in lengths]
    keras.config.set_dtype_policy(precision)
    task = sz.zoo.luong_2015(*tokenizers, units=units, embedding_dim=256, layers=1, dropout=0.0)
    task.compile(accumulation_steps=accumulation_steps)
    batch = task.preprocessor(tf.constant(texts), tf.constant(texts[::-1]))
    function = tf.function(task.train_step, reduce_retracing=True)
    return lambda: float(function(batch)["loss"])


def most_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def serve(options):
    """Takes steps when it is told to."""
    step = make_step(options.units, options.rows, **WAYS[options.serve])
    before = most_memory()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        steps, times, loss = json.loads(line)["steps"], [], None
        for _ in range(steps):
            start = time.perf_counter()
            loss = step()
            times.append(1000 * (time.perf_counter() - start))
        answer = {"times": times, "memory": most_memory() - before, "loss": loss}
        print(json.dumps(answer), flush=True)


def compare(options):
    sizes = ["--units", str(options.units), "--rows", str(options.rows)]
    log = Path(tempfile.mkdtemp())
    sides = {
        way: Side([sys.executable, __file__, *sizes, "--serve", way], log / f"{place}.txt")
        for place, way in enumerate(options.ways)
    }
    times = {way: [] for way in sides}
    for side in sides.values():
        side.do("step", steps=2)
    for _ in range(options.rounds):
        last = {way: side.do("step", steps=options.steps) for way, side in sides.items()}
        for way, answer in last.items():
            times[way] += answer["times"]
    found = medians(times)
    print("| way | ms a step | to float32 | peak memory, MiB | loss after the steps |")
    print("|---|---|---|---|---|")
    for way, answer in last.items():
        ratio = found[way] / found["float32"]
        cells = f"{found[way]:.0f} | {ratio:.2f} | {answer['memory']:.0f} | {answer['loss']:.4f}"
        print(f"| {way} | {cells} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--serve", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    serve(options) if options.serve else compare(options)


if __name__ == "__main__":
    main()
