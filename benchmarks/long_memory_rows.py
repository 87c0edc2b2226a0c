"""What `long_memory.py` compares: the tasks, and for each the layers and how they are trained."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from seqzoo.datasets import long_memory as tasks
from seqzoo.layers import (
    ChronoInitializer,
    GRUCell,
    LRUCell,
    LSTMCell,
    MinGRUCell,
    Recurrent,
    RecurrentStack,
    SimpleRNNCell,
)


class Task(NamedTuple):
    """A task of one length.

    Attributes:
        draw: `draw(size, split, seed)` gives inputs and targets; the split is "train" or "test".
        steps: Steps of a sequence.
        features: Of the inputs at a step.
        is_ids: Whether the inputs are ids, which the model takes as one-hot vectors.
        classes: How many the target may be, or None where it is a number.
        every_step: Whether each step has a target, or the sequence as a whole.
        figure: What the table shows: "loss" or "accuracy".
        baseline: The figure of a model that remembers nothing.
    """

    draw: Callable
    steps: int
    features: int
    is_ids: bool
    classes: int | None
    every_step: bool
    figure: str
    baseline: float


def generated(generate: Callable, length: int) -> Callable:
    def draw(size, split, seed):
        return generate(size, length, [*seed, split == "test"])

    return draw


@functools.cache
def digits() -> dict:
    return tasks.sequential_digits(seed=0)


def draw_digits(size, split, seed):
    inputs, labels = digits()[split]
    if split == "test":
        return inputs[:size], labels[:size]
    rows = np.random.default_rng(seed).integers(0, len(labels), size)
    return inputs[rows], labels[rows]


def make_task(name: str, length: int) -> Task:
    if name == "adding":
        draw = generated(tasks.adding, length)
        return Task(draw, length, 2, False, None, False, "loss", tasks.ADDING_BASELINE)
    if name == "copying":
        draw, steps = generated(tasks.copying, length), length + 2 * tasks.COPY_WIDTH
        baseline = tasks.copying_baseline(length)
        return Task(draw, steps, tasks.DELIMITER + 1, True, 9, True, "loss", baseline)
    if name == "order":
        draw = generated(tasks.temporal_order, length)
        return Task(draw, length, tasks.TRIGGER + 1, True, 4, False, "accuracy", 1 / 4)
    return Task(draw_digits, 64, 1, False, 10, False, "accuracy", 1 / 10)


def simple(units: int, **options) -> Recurrent:
    return Recurrent(SimpleRNNCell(units, **options))


def irnn(units: int) -> Recurrent:
    # Le et al. begin with a kernel of deviation 0.001, and take many times as many updates.
    return simple(units, activation="relu", recurrent_initializer="identity")


def chrono(cell: type, units: int, steps: int) -> Recurrent:
    return Recurrent(cell(units, bias_initializer=ChronoInitializer(steps)))


def stack(units: int, cell: type, layers: int, skip: str) -> RecurrentStack:
    below = [
        Recurrent(cell(units), return_sequences=True, return_state=True) for _ in range(layers)
    ]
    return RecurrentStack(below, skip)


REMEDIES: dict[str, Callable[[int, int], keras.layers.Layer]] = {
    "tanh": lambda units, _: simple(units, recurrent_initializer="glorot_uniform"),
    "tanh, orthogonal": lambda units, _: simple(units),
    "IRNN": lambda units, _: irnn(units),
    "LSTM, forget bias 0": lambda units, _: Recurrent(LSTMCell(units, unit_forget_bias=False)),
    "LSTM, forget bias 1": lambda units, _: Recurrent(LSTMCell(units)),
    "LSTM, chrono": functools.partial(chrono, LSTMCell),
    "GRU": lambda units, _: Recurrent(GRUCell(units)),
    "GRU, chrono": functools.partial(chrono, GRUCell),
    "minGRU": lambda units, _: Recurrent(MinGRUCell(units)),
    "minGRU, chrono": functools.partial(chrono, MinGRUCell),
    "LRU, ring 0.9 to 1": lambda units, _: Recurrent(
        LRUCell(units, r_min=0.9, r_max=0.999, max_phase=math.pi / 10)
    ),
    "6 minGRU layers": lambda units, _: stack(units, MinGRUCell, 6, "none"),
    "6 minGRU layers, residual": lambda units, _: stack(units, MinGRUCell, 6, "residual"),
    "6 minGRU layers, highway": lambda units, _: stack(units, MinGRUCell, 6, "highway"),
    "12 LSTM layers": lambda units, _: stack(units, LSTMCell, 12, "none"),
    "12 LSTM layers, residual": lambda units, _: stack(units, LSTMCell, 12, "residual"),
    "12 LSTM layers, highway": lambda units, _: stack(units, LSTMCell, 12, "highway"),
}
"""By the name in the table: a new layer of so many units, for so many steps."""


class Row(NamedTuple):
    """One line of the table: a task, a remedy, and the training.

    Attributes:
        task: Name of the task.
        length: Steps that it must remember over.
        remedy: One of `REMEDIES`.
        updates: How many are made.
        optimizer: "adam" or "sgd" (with momentum 0.9).
        learning_rate: Of it.
        clip: Most that the norm of all gradients together may be, or None.
        units: Of the layer.
        batch: Sequences in a batch.
    """

    task: str
    length: int
    remedy: str
    updates: int = 600
    optimizer: str = "adam"
    learning_rate: float = 5e-3
    clip: float | None = 1.0
    units: int = 64
    batch: int = 32

    @property
    def name(self) -> str:
        clip = "no clipping" if self.clip is None else f"clip {self.clip:g}"
        return f"{self.remedy}; {self.optimizer} {self.learning_rate:g}, {clip}"


ROWS = (
    *(Row("adding", 100, remedy) for remedy in ("tanh", "tanh, orthogonal")),
    Row("adding", 100, "IRNN", learning_rate=1e-3),
    Row("adding", 100, "IRNN", learning_rate=1e-3, clip=None),
    Row("adding", 100, "IRNN", optimizer="sgd", learning_rate=0.01),
    Row("adding", 100, "IRNN", optimizer="sgd", learning_rate=0.01, clip=None),
    *(
        Row("adding", 100, remedy)
        for remedy in ("LSTM, forget bias 0", "LSTM, forget bias 1", "LSTM, chrono", "GRU")
    ),
    *(
        Row("order", 50, remedy, updates=400)
        for remedy in ("tanh", "tanh, orthogonal", "LSTM, forget bias 1", "LSTM, chrono", "GRU")
    ),
    *(
        Row("adding", 200, remedy)
        for remedy in ("LRU, ring 0.9 to 1", "minGRU", "minGRU, chrono", "LSTM, chrono")
    ),
    *(
        Row("copying", 20, remedy, units=128)
        for remedy in ("tanh, orthogonal", "LSTM, forget bias 1", "LSTM, chrono")
    ),
    *(
        Row("digits", 64, remedy, updates=300, learning_rate=1e-3)
        for remedy in ("tanh", "tanh, orthogonal", "IRNN", "LSTM, forget bias 1", "LSTM, chrono")
    ),
    *(
        Row("digits", 64, remedy, updates=1200, learning_rate=3e-3)
        for remedy in ("6 minGRU layers", "6 minGRU layers, residual", "6 minGRU layers, highway")
    ),
    *(
        Row("order", 20, remedy, updates=500, learning_rate=3e-3, units=32)
        for remedy in ("12 LSTM layers", "12 LSTM layers, residual", "12 LSTM layers, highway")
    ),
)
