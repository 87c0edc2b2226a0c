"""How a task is trained: the options that all recipes share, and the optimizer they ask for."""

from __future__ import annotations

import dataclasses
from typing import Literal

import keras

from seqzoo.training.optimizer import Adam

_CLIPPINGS = {
    "global": "global_clipnorm",
    "layer": "layer_clipnorm",
    "variable": "clipnorm",
    "value": "clipvalue",
}


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """How a task is trained.

    Args:
        epochs: Positive int, the most passes over the training examples.
        batch_size: Positive int, examples in a step, over all replicas together.
        accumulation_steps: Positive int, the parts in which the gradient of a step is computed,
            one after the other, in the memory of one.
        checkpoint_steps: Positive int, steps between two checkpoints, beside those at the ends of
            epochs.
        learning_rate: Positive float, of Adam; the highest of a schedule.
        schedule: "constant", or "cosine", which falls to 0 along half a cosine until the last
            epoch ends.
        warmup_steps: Int, the steps before the cosine, in which the rate rises from 0 in a line.
        clipnorm: Positive float, the most that `clip` lets through. None clips nothing.
        clip: What is kept to `clipnorm`: the norm of all gradients together ("global"), of those
            of each layer, of each variable, or each value.
        monitor: Name of a column of the history. The weights of the epoch in which it was best
            are kept.
        mode: Whether the smallest ("min") or the largest ("max") value is the best.
        patience: Positive int, the epochs without a better value after which training stops.
            None trains through all epochs.

    Raises:
        ValueError: if a number is out of its range, or there is a warm-up without a cosine.
    """

    epochs: int = 10
    batch_size: int = 64
    accumulation_steps: int = 1
    checkpoint_steps: int = 500
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_steps: int = 0
    clipnorm: float | None = 1.0
    clip: Literal["global", "layer", "variable", "value"] = "global"
    monitor: str = "val_loss"
    mode: Literal["min", "max"] = "min"
    patience: int | None = None

    def __post_init__(self):
        counts = ("epochs", "batch_size", "accumulation_steps", "checkpoint_steps", "patience")
        for name in (*counts, "learning_rate", "clipnorm"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"`{name}` must be positive. Received: {name}={value}.")
        if self.warmup_steps < 0:
            raise ValueError(
                f"`warmup_steps` must be at least 0. Received: warmup_steps={self.warmup_steps}."
            )
        if self.warmup_steps and self.schedule != "cosine":
            raise ValueError(
                '`warmup_steps` goes with schedule="cosine". '
                f"Received: warmup_steps={self.warmup_steps}, schedule={self.schedule!r}."
            )


def make_optimizer(options: TrainingOptions, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Returns Adam with the schedule and the clipping of the options.

    Raises:
        ValueError: if the warm-up is as long as the training or longer.
    """
    steps = options.epochs * steps_per_epoch
    rate = options.learning_rate
    if options.schedule == "cosine":
        if options.warmup_steps >= steps:
            raise ValueError(
                f"`warmup_steps` must be below the {steps} steps of the training. "
                f"Received: warmup_steps={options.warmup_steps}."
            )
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if options.warmup_steps else options.learning_rate,
            decay_steps=steps - options.warmup_steps,
            warmup_target=options.learning_rate if options.warmup_steps else None,
            warmup_steps=options.warmup_steps,
        )
    return Adam(rate, **{_CLIPPINGS[options.clip]: options.clipnorm})
