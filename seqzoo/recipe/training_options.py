"""Training options that all recipes share."""

from __future__ import annotations

import dataclasses
from typing import Literal

from seqzoo.training.schedules import Schedule


@dataclasses.dataclass(frozen=True)
class TrainingOptions:
    """How a task is trained.

    Args:
        epochs: Positive int, maximum number of passes over the training examples.
        batch_size: Positive int, examples in a step, over all replicas together.
        accumulation_steps: Positive int. The batch of a step is split into this many parts, whose
            gradients are computed one after the other, to save memory.
        checkpoint_steps: Positive int, steps between two checkpoints. The end of an epoch has one
            too.
        learning_rate: Positive float, of Adam; the maximum of a schedule.
        schedule: "constant"; "cosine", which falls to 0 along half a cosine until the end of the
            last epoch; "inverse_sqrt", which falls with the square root of the step; or
            "plateau", which halves after `plateau_patience` epochs without a better value of
            `monitor`.
        warmup_steps: Int, number of first steps, in which the rate rises linearly from 0.
        plateau_patience: Positive int, epochs.
        clipnorm: Positive float, the maximum of the norm or value that `clip` names. None clips
            nothing.
        clip: What is clipped to `clipnorm`: the norm of all gradients together ("global"), of those
            of each layer, of each variable, or each value.
        ema: From 0 to below 1, the decay of a moving average of the weights (such as 0.999).
            The average is then what is validated and saved. None averages nothing.
        average_checkpoints: Positive int, number of last checkpoints whose mean becomes the final
            weights, in place of the best epoch. None averages nothing.
        label_smoothing: From 0 to below 1, of the head; None leaves the model's own.
        scheduled_sampling: From 0 to 1, the final share of a decoder's inputs that are its own
            samples; see `seqzoo.training.ScheduledSampling`.
        sampling_schedule: How the share rises.
        sampling_steps: Positive int, the time scale of the rise, in steps.
        sampling_per: Whether each token or each sequence is drawn by itself.
        monitor: Name of a column of the history. The weights of its best epoch are
            restored.
        mode: Whether the smallest ("min") or the largest ("max") value is the best.
        patience: Positive int, the epochs without a better value after which training stops.
            None trains through all epochs.

    Raises:
        ValueError: if a number is out of range, or two options exclude each other.
    """

    epochs: int = 10
    batch_size: int = 64
    accumulation_steps: int = 1
    checkpoint_steps: int = 500
    learning_rate: float = 1e-3
    schedule: Schedule = "constant"
    warmup_steps: int = 0
    plateau_patience: int = 1
    clipnorm: float | None = 1.0
    clip: Literal["global", "layer", "variable", "value"] = "global"
    ema: float | None = None
    average_checkpoints: int | None = None
    label_smoothing: float | None = None
    scheduled_sampling: float = 0.0
    sampling_schedule: Literal["constant", "linear", "exponential", "inverse_sigmoid"] = "linear"
    sampling_steps: int = 1000
    sampling_per: Literal["token", "sequence"] = "token"
    monitor: str = "val_loss"
    mode: Literal["min", "max"] = "min"
    patience: int | None = None

    def __post_init__(self):
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"`{name}` must be positive. Received: {name}={value}.")
        for name in ("ema", "label_smoothing"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise ValueError(
                    f"`{name}` must be at least 0 and below 1. Received: {name}={value}."
                )
        if not 0 <= self.scheduled_sampling <= 1:
            raise ValueError(
                "`scheduled_sampling` must be from 0 to 1. Received: "
                f"scheduled_sampling={self.scheduled_sampling}."
            )
        self._check_warmup()
        if self.ema is not None and self.average_checkpoints is not None:
            raise ValueError(
                "Only one of `ema` and `average_checkpoints` may be set. Received: "
                f"ema={self.ema}, average_checkpoints={self.average_checkpoints}."
            )

    def _check_warmup(self):
        minimum = int(self.schedule == "inverse_sqrt")
        if self.warmup_steps < minimum:
            raise ValueError(
                f"`warmup_steps` must be at least {minimum}. Received: "
                f"warmup_steps={self.warmup_steps}, schedule={self.schedule!r}."
            )
        if self.warmup_steps and self.schedule == "plateau":
            raise ValueError(
                '`warmup_steps` must be 0 with the schedule "plateau". '
                f"Received: warmup_steps={self.warmup_steps}."
            )


_POSITIVE = (
    "epochs",
    "batch_size",
    "accumulation_steps",
    "checkpoint_steps",
    "learning_rate",
    "plateau_patience",
    "clipnorm",
    "average_checkpoints",
    "sampling_steps",
    "patience",
)
