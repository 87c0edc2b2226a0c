"""What each sequence mixer can and cannot do: small models on tasks that tell mixers apart.

Each model is an embedding, two residual blocks around the mixer and a head. It trains on fresh
sequences in every batch, for some learning rates one after the other until one solves the task;
the table shows the best. Which one that is, is said by validation sequences; the accuracy shown is
that on test sequences that are looked at once, at the end.

In `parity` and `s3` a model answers at every step. It trains at lengths from 1 to 40, short ones as
often as long ones (their logarithms are drawn evenly), and is tested at 256: the accuracy is that
of the steps 41 to 256. The other tasks are tested at the length of training.

    python benchmarks/mixers.py --tasks parity s3 --mixers lstm slstm delta_product mamba
    python benchmarks/mixers.py --minutes 30 --results mixers.jsonl      # goes on where it stopped
    python benchmarks/mixers.py --quick                                  # two updates of each

A result is a line of the file of results; what stands there is not trained again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from seqzoo.datasets import recall
from seqzoo.layers import FeedForward, LearnedPositions, make_blocks  # ahead of TensorFlow
from seqzoo.layers.mixers import MIXERS

# isort: split
import keras
import numpy as np
from keras import ops

SOLVED = 0.995
CHECKED_EVERY = 100  # updates
TRAIN, VALIDATION, TEST = range(3)  # what the seeds of sequences begin with


class Task(NamedTuple):
    """A task.

    Attributes:
        make: `make(size, testing, seed)` returns `Sequences`.
        symbols: Number of ids of the inputs.
        classes: Number of answers.
        chance: Accuracy of a guess.
        first_step: The first step of a test whose answer counts.
        updates: The most that a model is trained for.
    """

    make: Callable[[int, bool, Any], recall.Sequences]
    symbols: int
    classes: int
    chance: float
    first_step: int = 0
    updates: int = 2000


TRAINED, TESTED = 40, 256  # steps of the first two tasks


def up_to_trained(sequences: recall.Sequences, seed: Any) -> recall.Sequences:
    """Returns sequences whose answers count up to a length of their own."""
    ends = np.random.default_rng([*seed, 1]).uniform(0, np.log(TRAINED + 1), len(sequences.inputs))
    counted = np.arange(TRAINED) < np.floor(np.exp(ends))[:, None]
    return sequences._replace(counted=counted)


def parities(size: int, testing: bool, seed: Any) -> recall.Sequences:
    if testing:
        return recall.parity(size, TESTED, seed)
    return up_to_trained(recall.parity(size, TRAINED, seed), seed)


def words(size: int, testing: bool, seed: Any) -> recall.Sequences:
    if testing:
        return recall.permutation_words(size, TESTED, seed=seed)
    return up_to_trained(recall.permutation_words(size, TRAINED, seed=seed), seed)


TASKS = {
    "parity": Task(parities, 2, 2, 1 / 2, first_step=TRAINED),
    "s3": Task(words, 6, 6, 1 / 6, first_step=TRAINED),
    "copying": Task(
        lambda size, testing, seed: recall.repetition(size, 20, 16, seed), 18, 17, 1 / 16
    ),
    "induction": Task(
        lambda size, testing, seed: recall.induction(size, 40, 16, seed), 17, 16, 1 / 16
    ),
    "mqar": Task(
        lambda size, testing, seed: recall.multi_query_recall(size, 32, 4, 16, seed=seed),
        *(33, 33, 1 / 16),
    ),
}

ROWS: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in MIXERS} | {
    "attention": ("attention", {"num_heads": 1}),
    "attention_relative": ("attention", {"num_heads": 2, "positions": "relative"}),
    "lstm": ("recurrent", {"cell": "lstm"}),
    "slstm": ("slstm", {"num_heads": 2}),
    "gated_delta": ("gated_delta", {"negative_eigenvalues": True}),
    "delta_rule": (
        "gated_delta",
        {"num_heads": 2, "negative_eigenvalues": True, "decay": False},
    ),
    "delta_product": (
        "gated_delta",
        {
            "num_heads": 2,
            "negative_eigenvalues": True,
            "decay": False,
            "householder_steps": 2,
            "kernel_size": 1,
        },
    ),
}
"""By the name of a row, the mixer and its options. Those of `attention` read learned positions."""


LOOPS = {"recurrent", "slstm"}
"""Mixers whose loops have kernels of their own, which train faster than XLA compiles them."""


class Run(NamedTuple):
    """What is trained: the key of a result."""

    task: str
    mixer: str
    learning_rate: float
    seed: int
    units: int
    batch: int


def make_model(
    task: Task, row: str, units: int, learning_rate: float, updates: int, run_eagerly: bool = False
) -> keras.Model:
    mixer, options = ROWS[row]
    blocks = make_blocks(
        units,
        layers=2,
        mixers=mixer,
        causal=True,
        feed_forward=FeedForward(2 * units),
        mixer_options={mixer: options},
    )
    tokens = keras.Input((None,), dtype="int32")
    values = keras.layers.Embedding(task.symbols, units)(tokens)
    if row == "attention":
        values = LearnedPositions(TESTED)(values, ops.cumsum(ops.ones_like(tokens), axis=1) - 1)
    for block in blocks:
        values, _ = block(values)
    values = keras.layers.LayerNormalization()(values)
    model = keras.Model(tokens, keras.layers.Dense(task.classes)(values))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(updates - 50, 1), 0.1, warmup_target=learning_rate, warmup_steps=50
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.01, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        jit_compile=mixer not in LOOPS and not run_eagerly,
        run_eagerly=run_eagerly,
    )
    return model


def accuracy(model: Any, task: Task, seed: Any, size: int) -> float:
    """Returns the share of right answers among those that count in a test."""
    inputs, targets, counted = task.make(size, True, seed)
    counted[:, : task.first_step] = False
    found = np.concatenate(
        [ops.convert_to_numpy(model.predict_on_batch(part)) for part in np.split(inputs, 4)]
    )
    return float(np.mean((np.argmax(found, axis=-1) == targets)[counted]))


def train(run: Run, updates: int, size: int, run_eagerly: bool = False) -> dict[str, Any]:
    """Trains a model until it solves its task, or for as many updates."""
    keras.utils.set_random_seed(run.seed)
    task, begin, done, validation = TASKS[run.task], time.perf_counter(), 0, 0.0
    model = make_model(task, run.mixer, run.units, run.learning_rate, updates, run_eagerly)
    while done < updates and validation < SOLVED:
        inputs, targets, counted = task.make(run.batch, False, [TRAIN, run.seed, done])
        model.train_on_batch(inputs, targets, counted.astype("float32"))
        done += 1
        if done % CHECKED_EVERY == 0 or done == updates:
            validation = accuracy(model, task, [VALIDATION, run.seed], size // 2)
            print(f"{run.task} {run.mixer} {done}: {validation:.3f}", file=sys.stderr, flush=True)
    return run._asdict() | {
        "updates": done,
        "validation": round(validation, 4),
        "test": round(accuracy(model, task, [TEST, run.seed], size), 4),
        "minutes": round((time.perf_counter() - begin) / 60, 2),
    }


def read_results(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def same_run(result: dict[str, Any], run: Run) -> bool:
    return all(result[name] == value for name, value in run._asdict().items())


def best_of(results: list[dict[str, Any]], task: str, mixer: str) -> dict[str, Any] | None:
    tried = [r for r in results if (r["task"], r["mixer"]) == (task, mixer)]
    return max(tried, key=lambda result: result["validation"], default=None)


def table(results: list[dict[str, Any]], tasks: list[str], mixers: list[str]) -> str:
    """Returns the best of each sweep: accuracy, and learning rate, seed, updates and minutes."""
    lines = ["| mixer | " + " | ".join(f"{t} ({TASKS[t].chance:.2f})" for t in tasks) + " |"]
    lines.append("|---" * (len(tasks) + 1) + "|")
    for mixer in mixers:
        cells = []
        for task in tasks:
            best = best_of(results, task, mixer)
            cells.append(
                "-"
                if best is None
                else f"{best['test']:.3f} (rate {best['learning_rate']:g}, seed {best['seed']}, "
                f"{best['updates']} updates, {best['minutes']:.1f} min)"
            )
        lines.append(f"| {mixer} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--mixers", nargs="+", default=list(ROWS), choices=ROWS)
    parser.add_argument("--rates", nargs="+", type=float, default=[3e-3, 1e-3, 1e-2])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--updates", type=int, help="at most; a task's own number by default")
    parser.add_argument("--minutes", type=float, help="after which no training begins")
    parser.add_argument("--results", type=Path, help="file of JSON lines, read and added to")
    parser.add_argument("--quick", action="store_true", help="two updates of the first rate")
    options = parser.parse_args(arguments)
    rates, size = options.rates, 256
    if options.quick:
        options.updates, options.units, options.batch, size, rates = 2, 8, 4, 8, rates[:1]
    results = read_results(options.results) if options.results else []
    begin = time.perf_counter()
    for task in options.tasks:
        for mixer in options.mixers:
            for seed in options.seeds:
                for rate in rates:
                    run = Run(task, mixer, rate, seed, options.units, options.batch)
                    solved = any(
                        same_run(r | {"learning_rate": rate}, run) and r["validation"] >= SOLVED
                        for r in results
                    )
                    late = options.minutes and time.perf_counter() - begin > 60 * options.minutes
                    if solved or late or any(same_run(r, run) for r in results):
                        continue
                    result = train(run, options.updates or TASKS[task].updates, size, options.quick)
                    results.append(result)
                    print(json.dumps(result), flush=True)
                    if options.results:
                        with options.results.open("a") as file:
                            file.write(json.dumps(result) + "\n")
                    keras.backend.clear_session()
    print(table(results, options.tasks, options.mixers))


if __name__ == "__main__":
    main()
