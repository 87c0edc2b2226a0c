"""Callbacks that watch a training: how fast it is, and that its numbers stay finite."""

from __future__ import annotations

import math
import time
from typing import Any

import keras

from seqzoo.training.replicated_model import COUNTS
from seqzoo.training.resume import Resume


class Progress(keras.callbacks.Callback):
    """Adds `tokens_per_second` and `padding` to the logs of steps and epochs.

    So they stand in Keras's progress bar, beside the norm of the gradients and the time left, and
    in TensorBoard. Both count real target tokens, since the epoch began or was resumed; with
    several replicas, those of one. A task whose targets are no sequences, such as a classifier,
    shows `examples_per_second` alone. Put it behind what writes tables, which hold no clock time.
    """

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start: float | None = None
        self._first = 0.0
        self._shown: dict[str, float] = {}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        unit = next((name for name in COUNTS if logs and name in logs), None)
        if unit is None:
            return  # a step that was taken before, or a model of another kind
        now, count = time.perf_counter(), float(logs.pop(unit))
        if self._start is None:  # the first step also traces
            self._start, self._first = now, count
        elif now > self._start:
            logs[f"{unit}_per_second"] = (count - self._first) / (now - self._start)
            shown = (f"{unit}_per_second", "padding")
            self._shown = {name: float(logs[name]) for name in shown if name in logs}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs |= self._shown


class HideCounts(keras.callbacks.Callback):
    """Takes the counts of tokens or examples out of the logs of steps, once others have read them.

    A sum over an epoch says nothing in a progress bar.
    """

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        for name in COUNTS:
            (logs or {}).pop(name, None)


class StopAtBadStep(keras.callbacks.Callback):
    """Stops a training, with an error, at the step whose loss or gradient is no good number.

    The error names the examples of the batch and the last checkpoint.

    Args:
        most: Positive float, the largest norm of the gradients, before they are clipped, that is
            taken for sound; None only requires that it is finite.
        resume: Names the last checkpoint.

    Raises:
        FloatingPointError: at the end of such a step.
    """

    def __init__(self, most: float | None = None, resume: Resume | None = None):
        super().__init__()
        if most is not None and not most > 0:
            raise ValueError(f"`most` must be positive. Received: most={most}.")
        self.most = most
        self.resume = resume
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        self._before = (0, 0.0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not logs:
            return  # a step that was taken before
        for name in ("loss", "gradient_norm"):
            if name in logs and not math.isfinite(logs[name]):
                self._stop(f"{name}={float(logs[name])}", batch)
        if self.most is not None and "gradient_norm" in logs:
            norm = self._norm_of_step(float(logs["gradient_norm"]), batch + 1)
            if norm > self.most:
                self._stop(f"gradient_norm={norm:g}, where {self.most:g} is the most", batch)

    def _norm_of_step(self, mean: float, steps: int) -> float:
        """What a step adds to the mean over an epoch; the mean where the step before is unknown."""
        before, self._before = self._before, (steps, mean * steps)
        return mean * steps - before[1] if before[0] == steps - 1 else mean

    def _stop(self, reason: str, batch: int) -> None:
        step = self._epoch * self.params["steps"] + batch
        raise FloatingPointError(
            f"The training has gone wrong: {reason} in step {step}, which is step {batch} of epoch "
            f"{self._epoch + 1}. {self._examples(step)}{self._checkpoint()}Lower the learning rate "
            "or clip the gradients, and look at these examples."
        )

    def _examples(self, step: int) -> str:
        find = getattr(self.model, "examples_of_step", None)
        examples = find(step) if find else None
        return "" if examples is None else f"Its batch holds the examples {examples}. "

    def _checkpoint(self) -> str:
        if self.resume is None:
            return ""
        step = self.resume.step
        if not step:
            return "There is no checkpoint yet. "
        return f"The last good checkpoint is that of step {step} in {self.resume.folder}. "
