"""Learning rates that change from step to step."""

from __future__ import annotations

import math
from typing import Any, Literal

import keras
from keras import ops

Schedule = Literal["constant", "cosine", "inverse_sqrt", "plateau"]


@keras.saving.register_keras_serializable(package="seqzoo")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a line for some steps, and then falls with the square root of the step.

    The rate of step s, counted from 1, is peak * min(s / warmup, sqrt(warmup / s)).

    Args:
        peak: Positive float, the highest rate, which is that of step `warmup_steps`.
        warmup_steps: Positive int.

    Raises:
        ValueError: if there is no step of warm-up.
    Reference: Vaswani et al., 2017, section 5.3, https://arxiv.org/abs/1706.03762, who set the peak
    by the width of the model.

    Example:
        >>> schedule = sz.training.InverseSquareRoot(peak=1e-3, warmup_steps=100)
        >>> [round(float(schedule(step)), 6) for step in (49, 99, 399)]
        [0.0005, 0.001, 0.0005]
    """

    def __init__(self, peak: float, warmup_steps: int):
        super().__init__()
        if warmup_steps < 1:
            raise ValueError(
                f"`warmup_steps` must be at least 1. Received: warmup_steps={warmup_steps}."
            )
        self.peak = peak
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        share = (ops.cast(step, "float32") + 1) / self.warmup_steps
        return self.peak * ops.minimum(share, ops.rsqrt(share))

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


class CosineRate(keras.callbacks.Callback):
    """Sets the learning rate of each step: up in a line, then down to 0 along half a cosine.

    The rise takes a twentieth of the steps. After the training the rate is what it was before, so
    that another one may follow.

    Args:
        peak: Positive float, the highest rate.
    """

    def __init__(self, peak: float):
        super().__init__()
        self.peak = peak

    def on_train_begin(self, logs: Any = None) -> None:
        self._before = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self._first = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._first = epoch * self.params["steps"]

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.model.optimizer.learning_rate = self.rate(self._first + batch)

    def rate(self, step: int) -> float:
        """Returns the rate of a step of the training, counted from 0."""
        steps = self.params["epochs"] * self.params["steps"]
        rising = steps // 20
        if step < rising:
            return self.peak * (step + 1) / (rising + 1)
        return self.peak * (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2

    def on_train_end(self, logs: Any = None) -> None:
        self.model.optimizer.learning_rate = self._before


def make_schedule(kind: Schedule, peak: float, warmup_steps: int, steps: int):
    """Returns a learning rate, or the schedule of one.

    Args:
        kind: "constant" after the warm-up; "cosine", which falls to 0 along half a cosine until
            the last step; "inverse_sqrt"; or "plateau", which is constant here, and is lowered by
            `keras.callbacks.ReduceLROnPlateau`.
        peak: Positive float, the highest rate.
        warmup_steps: Int, the steps in which the rate rises in a line.
        steps: Of the whole training.

    Raises:
        ValueError: if a cosine's warm-up is as long as the training or longer.
    """
    schedules = keras.optimizers.schedules
    if kind == "inverse_sqrt":
        return InverseSquareRoot(peak, warmup_steps)
    if kind == "cosine":
        if warmup_steps >= steps:
            raise ValueError(
                f"`warmup_steps` must be below the {steps} steps of the training. "
                f"Received: warmup_steps={warmup_steps}."
            )
        return schedules.CosineDecay(
            initial_learning_rate=0.0 if warmup_steps else peak,
            decay_steps=steps - warmup_steps,
            warmup_target=peak if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
    if warmup_steps:  # a line from 0 that stays where it ends
        return schedules.PolynomialDecay(0.0, warmup_steps, end_learning_rate=peak, power=1.0)
    return peak
