"""Averages of weights: a moving one along the steps, and a plain one of checkpoints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

from seqzoo.training.checkpoint_files import (
    checkpointed_variables,
    different_variables,
    last_checkpoints,
)


class EvaluateAverage(keras.callbacks.Callback):
    """Replaces the weights by their moving average while an epoch is evaluated.

    The optimizer keeps the average (`Adam(use_ema=True, ema_momentum=0.999)`), and the model has
    it when `fit` ends. With this callback validation measures it too, as do the callbacks before
    this one in the list: `DecodingMetric`, or `EarlyStopping`, which then keeps the average of the
    best epoch. Those behind it, such as `Resume`, find the weights themselves. It needs
    `validation_data`.

    Raises:
        ValueError: when the training begins, if the optimizer keeps no average.
    Differs from `keras.callbacks.SwapEMAWeights`, which measures by the weights themselves what
    comes after the validation, or leaves the average to a checkpoint of the epoch.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> model.compile(sz.training.Adam(use_ema=True, ema_momentum=0.9), "mse")
        >>> x, y = np.ones((4, 3)), np.ones((4, 1))
        >>> callbacks = [sz.training.EvaluateAverage()]
        >>> history = model.fit(x, y, validation_data=(x, y), callbacks=callbacks, verbose=0)
        >>> sorted(history.history)
        ['loss', 'val_loss']
    """

    _is_average = False

    def on_train_begin(self, logs: Any = None) -> None:
        self._optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if not self._optimizer.use_ema:
            raise ValueError(
                "There must be an average to evaluate. Received: an optimizer with use_ema=False. "
                "Give it use_ema=True, or leave out `EvaluateAverage`."
            )

    def on_test_begin(self, logs: Any = None) -> None:
        if not self._is_average:
            self._swap()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.restore_weights()

    def restore_weights(self) -> None:
        """Gives the model its own weights again, if it has the average."""
        if self._is_average:
            self._swap()

    def _swap(self) -> None:
        weights = self._optimizer._trainable_variables
        averages = self._optimizer._model_variables_moving_average
        for weight, average in zip(weights, averages, strict=True):
            value = np.asarray(weight)
            weight.assign(np.asarray(average))
            average.assign(value)
        self._is_average = not self._is_average


def average_checkpoints(model: keras.Model, folder: str | os.PathLike[str], last: int) -> int:
    """Gives a model the mean of the weights that its last checkpoints hold.

    Args:
        model: That which `Resume` wrote the checkpoints of, compiled as it was.
        folder: The folder of the checkpoints.
        last: Positive int, how many of them count. `Resume` keeps as many as its `keep` says.

    Returns:
        How many there were.

    Raises:
        ValueError: if `last` is not positive, or a checkpoint is that of another model.
        FileNotFoundError: if there is no checkpoint.
    Reference: Vaswani et al., 2017, section 6.1, https://arxiv.org/abs/1706.03762
    """
    if last < 1:
        raise ValueError(f"`last` must be at least 1. Received: last={last}.")
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    weights = {id(weight) for weight in model.weights}
    indices = [
        (index, variable)
        for index, variable in enumerate(checkpointed_variables(model))
        if id(variable) in weights and "float" in str(variable.dtype)
    ]
    sums, count = [np.zeros(variable.shape) for _, variable in indices], 0
    for path, checkpoint in last_checkpoints(Path(folder), last):
        different = different_variables(model, checkpoint)
        if different:
            raise ValueError(
                f"{path} must be a checkpoint of this model. Received: {'; '.join(different)}. "
                "Give the model that was trained, compiled with the same optimizer."
            )
        count += 1
        for total, (index, _) in zip(sums, indices, strict=True):
            total += checkpoint.variables[index]
    if not count:
        raise FileNotFoundError(
            f"There must be a checkpoint to average. Received: none in {folder}."
        )
    for total, (_, variable) in zip(sums, indices, strict=True):
        variable.assign(total / count)
    return count
