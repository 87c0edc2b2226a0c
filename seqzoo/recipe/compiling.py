"""A task compiled as the options of a recipe say."""

from __future__ import annotations

from typing import Any

import keras

from seqzoo.recipe.training_options import TrainingOptions
from seqzoo.tasks.sampled_feeding import SampledFeeding
from seqzoo.training.optimizer import Adam
from seqzoo.training.scheduled_sampling import ScheduledSampling
from seqzoo.training.schedules import make_schedule

_CLIPPINGS = {
    "global": "global_clipnorm",
    "layer": "layer_clipnorm",
    "variable": "clipnorm",
    "value": "clipvalue",
}


def make_optimizer(options: TrainingOptions, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Returns Adam with the schedule, the clipping and the average of the options.

    Raises:
        ValueError: if the warm-up of a cosine is as long as the training or longer.
    """
    steps = options.epochs * steps_per_epoch
    rate = make_schedule(options.schedule, options.learning_rate, options.warmup_steps, steps)
    average = {} if options.ema is None else {"use_ema": True, "ema_momentum": options.ema}
    return Adam(rate, **{_CLIPPINGS[options.clip]: options.clipnorm}, **average)


def compile_task(task: Any, options: TrainingOptions, steps_per_epoch: int, seed: int) -> None:
    """Compiles a task that has just been built.

    Raises:
        ValueError: if the task has nothing that an option is about.
    """
    sampling: dict[str, Any] = {}
    if options.scheduled_sampling:
        if not isinstance(task, SampledFeeding):
            raise ValueError(
                "`training.scheduled_sampling` is for translators and captioners, whose decoder is "
                f"fed the text so far. Received: a {type(task).__name__}. Leave it out."
            )
        sampling["scheduled_sampling"] = ScheduledSampling(
            options.scheduled_sampling,
            options.sampling_schedule,
            options.sampling_steps,
            options.sampling_per,
            seed,
        )
    if options.label_smoothing is not None:
        _smooth_labels(task.head, options.label_smoothing)
    task.compile(
        optimizer=make_optimizer(options, steps_per_epoch),
        accumulation_steps=options.accumulation_steps,
        **sampling,
    )


def _smooth_labels(head: Any, share: float) -> None:
    has_crf = getattr(head, "crf", False)
    if has_crf or not hasattr(head, "label_smoothing"):
        raise ValueError(
            "`training.label_smoothing` is for heads that score each label for itself. Received: "
            f"a {type(head).__name__} head{' with a CRF' if has_crf else ''}. Leave it out."
        )
    head.label_smoothing = share
