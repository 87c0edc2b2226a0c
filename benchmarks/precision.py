"""Step time and peak memory of training by precision, by parts of a step and by pieces.

    python benchmarks/precision.py
    python benchmarks/precision.py --source 20 30 --rows 128 --ways float32 mixed_bfloat16

The ways take turns, each in a process of its own, which has the same weights and the same batch:
pairs of made-up texts of 200 to 300 and of 20 to 30 words out of 8,000, for a summariser, or with
`--source 20 30` for a translator. The model is that of `luong_2015` with one layer, in
`mixed_float16` under Keras's loss scale. In parts, gradients of so many parts of the batch are
added up; in pieces, the encoder runs pieces of so many steps once more for their gradient. Memory
is the most that a process ever held, less what it held when the model and the batch were there and
no step had been taken.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from sides import Side, medians

WORDS, TARGET = 8000, (20, 30)
WAYS = {
    "float32": {},
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
    "mixed_float16": {"precision": "mixed_float16"},
    "float32, 4 parts": {"accumulation_steps": 4},
    "mixed_bfloat16, 4 parts": {"precision": "mixed_bfloat16", "accumulation_steps": 4},
    "float32, pieces of 20": {"checkpoint_steps": 20},
    "mixed_bfloat16, pieces of 20": {"precision": "mixed_bfloat16", "checkpoint_steps": 20},
}

WITHOUT_FLOAT16 = [way for way in WAYS if way != "mixed_float16"]  # it takes minutes on a processor


def make_step(units, rows, source, way):
    """A function that takes a training step in a way, and returns its loss."""
    import seqzoo as sz  # isort: split
    import keras
    import numpy as np
    import tensorflow as tf

    from seqzoo.decoders import RecurrentDecoder
    from seqzoo.encoders import RecurrentEncoder

    keras.utils.set_random_seed(0)
    vocabulary = ["", "<unk>", "<start>", "<end>", *(f"w{word}" for word in range(WORDS))]
    word = sz.preprocessing.WordTokenizer
    pairs = sz.preprocessing.TextPairs(
        *(word(normalization=None, vocabulary=vocabulary) for _ in range(2))
    )
    rng = np.random.default_rng(0)

    def texts(shortest, longest):
        lengths = rng.integers(shortest, longest + 1, rows)
        return tf.constant(
            [" ".join(f"w{w}" for w in rng.integers(WORDS, size=length)) for length in lengths]
        )

    keras.config.set_dtype_policy(way.get("precision", "float32"))
    sizes = {"vocabulary_size": len(vocabulary), "embedding_dim": 256, "units": units}
    task = sz.Seq2Seq(
        RecurrentEncoder(
            **sizes, direction="backward", checkpoint_steps=way.get("checkpoint_steps")
        ),
        RecurrentDecoder(**sizes, attention="general", input_feeding=True, bridge="copy"),
        pairs,
    )
    task.compile(accumulation_steps=way.get("accumulation_steps", 1))
    batch = task.preprocessor(texts(*source), texts(*TARGET))
    function = tf.function(task.train_step, reduce_retracing=True)
    return lambda: float(function(batch)["loss"])


def most_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def serve(options):
    """Takes steps when it is told to."""
    step = make_step(options.units, options.rows, options.source, WAYS[options.serve])
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
    sizes += ["--source", *map(str, options.source)]
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
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--source", type=int, nargs=2, default=[200, 300], metavar="WORDS")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WITHOUT_FLOAT16)
    parser.add_argument("--serve", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    serve(options) if options.serve else compare(options)


if __name__ == "__main__":
    main()
