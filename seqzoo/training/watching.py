"""Callbacks that watch a training: how fast it is, and that its numbers stay finite."""

from __future__ import annotations

import math
import time
from typing import Any

import keras

from seqzoo.training.resume import Resume


class Progress(keras.callbacks.Callback):
    """Adds `tokens_per_second` and `padding` to the logs of steps and epochs.

    So they stand in Keras's progress bar, beside the norm of the gradients and the time left, and
    in TensorBoard. Both count target tokens, since the epoch began or was resumed; with several
    replicas, those of one. Put it behind what writes tables, which hold no clock time.
    """

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start: float | None = None
        self._first = self._last = 0.0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not logs or "tokens" not in logs:
            return
        now, self._last = time.perf_counter(), float(logs.pop("tokens"))
        self._padding = float(logs["padding"])
        if self._start is None:  # the first step also traces
            self._start, self._first = now, self._last
        elif now > self._start:
            self._speed = (self._last - self._first) / (now - self._start)
            logs["tokens_per_second"] = self._speed

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._start is not None and self._last > self._first:
            logs |= {"tokens_per_second": self._speed, "padding": self._padding}


class StopAtBadStep(keras.callbacks.Callback):
    """Stops a training, with an error, at the step whose loss or gradient is no good number.

    The error names the examples of the batch and the last checkpoint.

    Args:
        most: Positive float, the largest norm of the gradients, before they are clipped, that is
            taken for sound; None asks only that it is finite.
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
        found = find(step) if find else None
        return "" if found is None else f"Its batch holds the examples {found}. "

    def _checkpoint(self) -> str:
        if self.resume is None:
            return ""
        step = self.resume.step
        if not step:
            return "There is no checkpoint yet. "
        return f"The last good checkpoint is that of step {step} in {self.resume.folder}. "
