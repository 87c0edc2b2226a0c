"""Presets: a folder that holds the config and the weights of a task."""

from __future__ import annotations

import json
import os
import zipfile

import keras

from seqzoo.preprocessing.files import aside
from seqzoo.tasks.task import Task

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"


def save_preset(task: Task, folder) -> None:
    """Writes a preset, whole or not at all; one that stands at `folder` is replaced.

    Raises:
        ValueError: if `folder` exists and is no preset.
    """
    folder = os.fspath(folder)
    if os.path.exists(folder) and not os.path.exists(os.path.join(folder, CONFIG)):
        raise ValueError(f"{folder} exists and holds no preset. Choose another folder.")
    config = {name: value for name, value in _config(task).items() if name != "compile_config"}
    with aside(folder) as path:
        os.mkdir(path)
        with open(os.path.join(path, CONFIG), "w", encoding="utf-8") as file:
            json.dump(config, file, ensure_ascii=False, indent=1)
        optimizer, task.optimizer = task.optimizer, None
        try:
            task.save_weights(os.path.join(path, WEIGHTS))
        finally:
            task.optimizer = optimizer


def from_preset(folder) -> Task:
    """Loads the task of a preset.

    Raises:
        ValueError: if there is no preset, or its files do not belong together.
    """
    folder = os.fspath(folder)
    for name in (CONFIG, WEIGHTS):
        if not os.path.isfile(os.path.join(folder, name)):
            raise ValueError(
                f"{folder} is no preset: it has no {name}. Give a folder that `save_preset` wrote."
            )
    with open(os.path.join(folder, CONFIG), encoding="utf-8") as file:
        config = json.load(file)
    task = keras.saving.deserialize_keras_object(config)
    try:
        task.load_weights(os.path.join(folder, WEIGHTS))
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"{folder}/{WEIGHTS} does not fit the model of {folder}/{CONFIG}. They must come "
            f"from one `save_preset`. ({reason})"
        ) from error
    return task


def load(path) -> Task:
    """Loads what `task.save` wrote, with its optimizer.

    Raises:
        ValueError: if there is no `.keras` file at `path`.
    """
    path = os.fspath(path)
    if os.path.isdir(path) or not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is no `.keras` file. Give a file that `save` wrote; folders that "
            "`save_preset` wrote are read by `from_preset`."
        )
    return keras.saving.load_model(path)


def _config(task: Task) -> dict:
    return keras.saving.serialize_keras_object(task)
