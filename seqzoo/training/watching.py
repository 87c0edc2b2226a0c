"""Callbacks that watch a training: how fast it is, and that its numbers stay finite."""

from __future__ import annotations

import math
import time
import warnings
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

    Example:
        >>> isinstance(sz.training.Progress(), keras.callbacks.Callback)
        True
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


class WarnOfIdleSteps(keras.callbacks.Callback):
    """Warns, once in a training, of many steps in a row that taught nothing.

    They had no target of any weight, or their gradients were all 0, or were left out as the loss
    scale was too large. An epoch that had such steps has their number in its logs, as
    `idle_steps`; so it stands first in the list of callbacks. `fit` of a task has one if its
    callbacks have none.

    Args:
        after: Positive int, the steps in a row. It looks once in so many steps, since to look
            waits for the device.

    Example:
        >>> callback = sz.training.WarnOfIdleSteps(after=50)
        >>> isinstance(callback, keras.callbacks.Callback)
        True
    """

    def __init__(self, after: int = 20):
        super().__init__()
        if after < 1:
            raise ValueError(f"`after` must be at least 1. Received: after={after}.")
        self.after = after

    def on_train_begin(self, logs: Any = None) -> None:
        self._in_a_row, self._warned = 0, False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._steps, self._idle, self._passed_over = 0, 0.0, False  # until the last look
        self._last: tuple[int, Any, Any] | None = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        idle = (logs or {}).pop("idle_steps", None)
        if idle is None:
            self._passed_over = True  # a step that was taken before
            return
        if self._passed_over:
            self._steps, self._idle, self._passed_over = batch + 1, float(idle), False
        self._last = batch + 1, idle, next((logs[name] for name in COUNTS if name in logs), None)
        if batch + 1 - self._steps >= self.after:
            self._look()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._last is None:
            return
        self._look()
        if self._idle:
            logs["idle_steps"] = self._idle

    def _look(self) -> None:
        steps, idle, count = self._last or (0, 0.0, None)
        taken, idle = steps - self._steps, float(idle)
        self._in_a_row = self._in_a_row + taken if idle - self._idle >= taken else 0
        self._steps, self._idle = steps, idle
        if self._in_a_row >= self.after and not self._warned:
            self._warned = True
            warnings.warn(
                f"The last {self._in_a_row} steps taught nothing: {self._reason(count)}",
                stacklevel=2,
            )

    def _reason(self, count: Any) -> str:
        if count is not None and not float(count):
            return "their batches hold no target at all. Look at the data."
        optimizer = self.model.optimizer
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            scale = float(keras.ops.convert_to_numpy(optimizer.dynamic_scale))
            return (
                f"their gradients are 0, or overflow float16 under the loss scale, {scale:g} now. "
                "Look at the weights of the examples and at the size of the loss, or train in "
                "mixed_bfloat16."
            )
        return (
            "their gradients are 0, or their targets weigh nothing. Look at the weights of the "
            "examples, and at what is frozen."
        )


class StopAtBadStep(keras.callbacks.Callback):
    """Stops a training, with an error, at the step whose loss or gradient is no good number.

    The error names the examples of the batch and the last checkpoint.

    Args:
        most: Positive float, the largest norm of the gradients, before they are clipped, that is
            taken for sound; None only requires that it is finite.
        resume: Names the last checkpoint.

    Raises:
        FloatingPointError: at the end of such a step.

    Example:
        >>> callback = sz.training.StopAtBadStep(most=1e4)
        >>> isinstance(callback, keras.callbacks.Callback)
        True
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
