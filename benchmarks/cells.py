"""What noise and checkpoints cost an LSTM, and time and memory of all cells by length.

    python benchmarks/cells.py noise                # each kind of dropout beside none, in turns
    python benchmarks/cells.py length               # milliseconds and memory by length
    python benchmarks/cells.py length --cells lstm rg_lru --lengths 1024 16384
    python benchmarks/cells.py checkpoints          # an LSTM whose gradient runs pieces again

A training step is forward and backward to all weights and the input. In `length` and
`checkpoints` each row is a process of its own; its memory is the most that it held, less what it
held before the layer was made.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time

NOISES = {
    "none": {},
    "dropout": {"dropout": 0.3},
    "recurrent_dropout": {"recurrent_dropout": 0.3},
    "zoneout": {"zoneout": 0.1},
    "weight_drop": {"weight_drop": 0.5},
}
NOISE_SIZES = {"small": (32, 30, 128, 256), "middle": (64, 40, 256, 512)}
CELLS = ["lstm", "gru", "min_gru", "min_lstm", "lru", "rg_lru"]
LENGTHS = [16, 64, 256, 1024, 4096, 16384]
CHECKPOINT_STEPS = [0, 32, 128, 512, 2048]
BATCH, UNITS = 4, 128


def training_step(layer, batch, length, features):
    """Returns a function that takes one step and waits for it."""
    import tensorflow as tf

    inputs = tf.random.stateless_normal((batch, length, features), seed=(0, 1))

    @tf.function
    def step(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(layer(inputs, training=True)))
        return tape.gradient(loss, [inputs, *(w.value for w in layer.trainable_weights)])

    layer.build(inputs.shape)
    return lambda: step(inputs)[0].numpy()


def seconds(step, count):
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


def noise(options) -> None:
    import seqzoo as sz

    print("size | noise | ms | to none")
    for size, (batch, length, features, units) in NOISE_SIZES.items():
        steps = {
            name: training_step(
                sz.layers.LSTM(units, return_sequences=True, **given), batch, length, features
            )
            for name, given in NOISES.items()
        }
        times = {name: [] for name in steps}
        for step in steps.values():
            seconds(step, 2)
        for _ in range(options.rounds):
            for name, step in steps.items():
                times[name].append(seconds(step, 3))
        found = {name: statistics.median(each) for name, each in times.items()}
        for name, value in found.items():
            print(f"{size} | {name} | {1000 * value:.1f} | {value / found['none']:.2f}", flush=True)


def length(options) -> None:
    print("cell | length | ms | us a step | MiB")
    for cell in options.cells:
        for steps in options.lengths:
            print(f"{cell} | {steps} | {_alone(cell, steps)}", flush=True)


def checkpoints(options) -> None:
    print("cell | length | steps of a piece | ms | us a step | MiB")
    for cell in options.cells:
        for steps in options.steps:
            said = _alone(cell, options.length, "--checkpoint-steps", steps)
            print(f"{cell} | {options.length} | {steps or 'whole'} | {said}", flush=True)


def _alone(*arguments) -> str:
    """Measures one row in a process of its own."""
    command = [sys.executable, __file__, "one", *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True)
    return run.stdout.strip() if run.returncode == 0 else "failed"


def one(options) -> None:
    import seqzoo as sz
    from seqzoo.layers.cells import make_cell

    cell = make_cell(options.cell, UNITS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    layer = sz.layers.Recurrent(
        cell, return_sequences=True, checkpoint_steps=options.checkpoint_steps or None
    )
    step = training_step(layer, BATCH, options.length, UNITS)
    step()
    found = statistics.median(seconds(step, 1) for _ in range(5))
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{1000 * found:.1f} | {1e6 * found / options.length:.1f} | {memory:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    for_noise = commands.add_parser("noise")
    for_noise.add_argument("--rounds", type=int, default=5)
    for_noise.set_defaults(run=noise)
    for_length = commands.add_parser("length")
    for_length.add_argument("--cells", nargs="+", default=CELLS)
    for_length.add_argument("--lengths", nargs="+", type=int, default=LENGTHS)
    for_length.set_defaults(run=length)
    for_checkpoints = commands.add_parser("checkpoints")
    for_checkpoints.add_argument("--cells", nargs="+", default=["lstm"])
    for_checkpoints.add_argument("--length", type=int, default=LENGTHS[-1])
    for_checkpoints.add_argument(
        "--steps", nargs="+", type=int, default=CHECKPOINT_STEPS, help="of a piece, 0 for no pieces"
    )
    for_checkpoints.set_defaults(run=checkpoints)
    for_one = commands.add_parser("one", help="one row of `length` or `checkpoints`")
    for_one.add_argument("cell")
    for_one.add_argument("length", type=int)
    for_one.add_argument("--checkpoint-steps", type=int, default=0)
    for_one.set_defaults(run=one)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
