"""What helps against gradients that vanish or explode: small models on tasks with a long memory.

Each row trains a Keras model around one recurrent layer with `model.fit`, on fresh sequences in
every batch, and shows its figure on 1,000 sequences (300 images) that it never saw, beside the
figure of a model that remembers nothing. `nan` is a training that broke off, and at which update.

    python benchmarks/long_memory.py                             # all rows, seed 0
    python benchmarks/long_memory.py --only "adding 100" --seeds 0 1 2
    python benchmarks/long_memory.py --quick                     # two updates, a row of each task

Digits need the extra `benchmarks`. docs/long_memory.md explains the rows and shows what was
measured.
"""

from __future__ import annotations

import argparse
import math
import time

from seqzoo.layers import RecurrentStack  # ahead of TensorFlow, for its settings of it

# isort: split
import keras
from keras import ops
from long_memory_rows import REMEDIES, ROWS, Row, Task, make_task

TESTED = 1000  # sequences


class FreshBatches(keras.utils.PyDataset):
    """As many batches as there are updates, each drawn when its turn comes."""

    def __init__(self, task: Task, row: Row, seed: int):
        super().__init__()
        self.task, self.row, self.seed = task, row, seed

    def __len__(self):
        return self.row.updates

    def __getitem__(self, index):
        return self.task.draw(self.row.batch, "train", [self.seed, index])


class StopAtNaN(keras.callbacks.Callback):
    """Ends a training that broke off; Keras's own says so in the midst of the table."""

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            self.model.stop_training = True


def make_model(task: Task, row: Row) -> keras.Model:
    if task.is_ids:
        inputs = keras.Input((task.steps,), dtype="int32")
        features = ops.one_hot(inputs, task.features)
    else:
        inputs = features = keras.Input((task.steps, task.features))
    layer = REMEDIES[row.remedy](row.units, task.steps)
    if row.remedy.startswith("LRU"):  # linear in its inputs, so that these must be formed before
        features = keras.layers.Dense(row.units, "relu")(features)
    if isinstance(layer, RecurrentStack):
        sequences, _ = layer(features)
        outputs = sequences[:, -1]
    else:
        layer.return_sequences = task.every_step
        outputs = layer(features)
    return keras.Model(inputs, keras.layers.Dense(task.classes or 1)(outputs))


def make_optimizer(row: Row) -> keras.optimizers.Optimizer:
    if row.optimizer == "sgd":
        return keras.optimizers.SGD(row.learning_rate, momentum=0.9, global_clipnorm=row.clip)
    return keras.optimizers.Adam(row.learning_rate, global_clipnorm=row.clip)


def measure(
    row: Row, seed: int, tested: int = TESTED, run_eagerly: bool = False
) -> tuple[str, float]:
    """Returns the figure, or when the training broke off, and the seconds of `fit`."""
    keras.utils.set_random_seed(seed)
    task = make_task(row.task, row.length)
    model = make_model(task, row)
    loss = "mse"
    if task.classes:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metrics = ["accuracy"] if task.figure == "accuracy" else []
    model.compile(make_optimizer(row), loss, metrics=metrics, run_eagerly=run_eagerly)
    begin = time.perf_counter()
    batches = FreshBatches(task, row, seed)
    model.fit(batches, shuffle=False, callbacks=[StopAtNaN()], verbose=0)
    seconds = time.perf_counter() - begin
    done = int(ops.convert_to_numpy(model.optimizer.iterations))
    if done < row.updates:
        return f"nan at {done}", seconds
    inputs, targets = task.draw(tested, "test", [seed])
    found = model.evaluate(inputs, targets, batch_size=100, verbose=0, return_dict=True)
    return f"{found[task.figure]:.4f}", seconds


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", default="", help="rows whose names hold this")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--quick", action="store_true", help="two updates, a row of each task")
    options = parser.parse_args(arguments)
    how = {"tested": 20, "run_eagerly": True} if options.quick else {}
    print("| task | layer and training | updates | figure | seed | value | baseline | seconds |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    rows = [row for row in ROWS if options.only in f"{row.task} {row.length} {row.name}"]
    if options.quick:
        first = {row.task: row for row in reversed(rows)}.values()
        rows = [row._replace(length=10, updates=2, units=4, batch=3) for row in first]
    for row in rows:
        task = make_task(row.task, row.length)
        for seed in options.seeds:
            value, seconds = measure(row, seed, **how)
            shown = (
                *(f"{row.task} {row.length}", row.name, f"{row.updates:,}", task.figure, str(seed)),
                *(value, f"{task.baseline:.4f}", f"{seconds:.0f}"),
            )
            print(f"| {' | '.join(shown)} |", flush=True)
            keras.backend.clear_session()


if __name__ == "__main__":
    main()
