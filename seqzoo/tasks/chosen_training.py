"""What `fit(epochs="auto")` chooses by the number and length of the examples."""

from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple

import keras

from seqzoo.amounts import choose_amounts, suited_rate
from seqzoo.preprocessing.data_forms import RawExamples
from seqzoo.training.resume import Resume
from seqzoo.training.schedules import CosineRate
from seqzoo.training.strategies import is_chief


class ChosenTraining(NamedTuple):
    """How a task is trained.

    Attributes:
        batch_size: Examples of a batch; None where `tokens_per_batch` is given.
        epochs: Passes over the examples.
        callbacks: What sets the learning rate, and what keeps the best weights.
    """

    batch_size: int | None
    epochs: int
    callbacks: list[keras.callbacks.Callback]


def check_choosable(
    is_raw: bool, packed: bool | int, steps_per_epoch: int | None, callbacks: Any
) -> None:
    """Raises ValueError for arguments of `fit` that need a number of epochs."""
    if not is_raw:
        wrong = "tensors, whose length in tokens no preprocessor knows"
    elif packed:
        wrong = f"packed={packed}, with rows of any number of examples"
    elif steps_per_epoch is not None:
        wrong = f"steps_per_epoch={steps_per_epoch}, so that an epoch is no pass over the examples"
    elif any(isinstance(each, Resume) for each in callbacks or ()):
        wrong = "a Resume, which goes on with the epochs that a training began with"
    else:
        return
    raise ValueError(f'`epochs="auto"` is for raw examples. Received: {wrong}. Give a number.')


def choose_training(
    task: Any,
    examples: RawExamples,
    batch_size: int | None,
    tokens_per_batch: int | None,
    callbacks: list[keras.callbacks.Callback],
    is_validated: bool,
    verbose: Any,
) -> ChosenTraining:
    """Chooses what a user has left to `fit`, and tells it on stderr in one line.

    The learning rate rises and falls along half a cosine where the task chose its optimizer itself.
    With validation data the weights of the best epoch stay, by the task's `watched` measure, unless
    the callbacks have a `keras.callbacks.EarlyStopping`.

    Args:
        task: Compiled.
        examples: To learn from.
        batch_size: As in `fit`.
        tokens_per_batch: As in `fit`.
        callbacks: Those of the user.
        is_validated: Whether there are validation data.
        verbose: As in `fit`; 0 tells nothing.

    Raises:
        ValueError: if the examples do not end.
    """
    count, tokens = task.count_steps(examples.x, 1), task.mean_length(examples.x, examples.y)
    of_tokens = tokens_per_batch and max(1, round(tokens_per_batch / max(tokens, 1)))
    amounts = choose_amounts(count, tokens, of_tokens or batch_size, task.training_steps)
    size = f"{tokens_per_batch} tokens" if tokens_per_batch else f"{amounts.batch_size}"
    told = [f"{amounts.epochs} epochs in batches of {size}"]
    chosen: list[keras.callbacks.Callback] = []
    if task.chose_optimizer:
        steps = amounts.epochs * math.ceil(count / amounts.batch_size)
        rate = suited_rate(task.learning_rate, steps)
        chosen.append(CosineRate(rate))
        told.append(f"learning rate {rate:.2g}, cosine")
    stops = any(isinstance(each, keras.callbacks.EarlyStopping) for each in callbacks)
    if is_validated and not stops:
        chosen.append(_keep_best(task, amounts.epochs))
        told.append(f"the weights with the best {chosen[-1].monitor} stay")
    if verbose != 0 and is_chief(task.distribute_strategy):
        of = f"{count:,} examples of {tokens:.0f} tokens, {task.count_params():,} parameters"
        print(f"seqzoo: {of}: {', '.join(told)}", file=sys.stderr, flush=True)
    return ChosenTraining(None if tokens_per_batch else amounts.batch_size, amounts.epochs, chosen)


def _keep_best(task: Any, epochs: int) -> keras.callbacks.EarlyStopping:
    known = {metric.name for metric in task.metrics}
    watched = task.watched if task.watched in known else "loss"
    return keras.callbacks.EarlyStopping(
        monitor=f"val_{watched}",
        mode="min" if watched == "loss" else "max",
        patience=epochs,  # it ends no training: the rate falls until the last step
        restore_best_weights=True,
    )
