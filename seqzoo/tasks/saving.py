"""Files of tasks, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator

import keras

from seqzoo.preprocessing.files import aside

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"


def save_preset(task: keras.Model, folder) -> None:
    """Writes a preset, the config and the weights of a task; one that stands there is replaced.

    Raises:
        ValueError: if `folder` exists and holds anything but a preset.
    """
    folder = os.fspath(folder)
    if os.path.exists(folder) and not _may_be_replaced(folder):
        raise ValueError(f"{folder} exists and is no preset. Choose another folder.")
    config = keras.saving.serialize_keras_object(task)
    config.pop("compile_config", None)
    with aside(folder) as path:
        os.mkdir(path)
        with open(os.path.join(path, CONFIG), "w", encoding="utf-8") as file:
            json.dump(config, file, ensure_ascii=False, indent=1)
        with _without_optimizers(task):
            task.save_weights(os.path.join(path, WEIGHTS))


@contextlib.contextmanager
def _without_optimizers(task: keras.Model) -> Iterator[None]:
    """Takes the optimizers off a task and the tasks that it is made of, for a while."""
    models = [task, *(layer for layer in task.layers if isinstance(layer, keras.Model))]
    optimizers = [getattr(model, "optimizer", None) for model in models]
    for model in models:
        model.optimizer = None
    try:
        yield
    finally:
        for model, optimizer in zip(models, optimizers, strict=True):
            model.optimizer = optimizer


def check_path(filepath: str, overwrite: bool) -> None:
    """Raises an error where a `.keras` file cannot be written."""
    if not filepath.endswith(".keras") or os.path.isdir(filepath):
        raise ValueError(
            f"`save` writes a file whose name ends in `.keras`. Received: {filepath}. Choose such "
            "a path, or `save_preset` for a folder."
        )
    if not overwrite and os.path.exists(filepath):
        raise FileExistsError(f"{filepath} exists. Choose another path or overwrite=True.")


def _may_be_replaced(folder: str) -> bool:
    """Tells whether there is nothing at `folder` but a preset, or nothing at all."""
    return os.path.isdir(folder) and set(os.listdir(folder)) in ({CONFIG, WEIGHTS}, set())
