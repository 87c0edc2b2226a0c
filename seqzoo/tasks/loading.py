"""Tasks from files that `save` and `save_preset` wrote."""

from __future__ import annotations

import json
import os
import zipfile

import h5py
import keras

# Keras finds the parts of a task by names that they register when they are imported.
import seqzoo.decoders
import seqzoo.encoders
import seqzoo.heads
import seqzoo.preprocessing  # noqa: F401
from seqzoo.tasks.saving import CONFIG, WEIGHTS
from seqzoo.tasks.task import Task


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
    task = _task_of(os.path.join(folder, CONFIG))
    weights = os.path.join(folder, WEIGHTS)
    try:
        count = _count_numbers(weights)
        if count != task.count_params():
            raise ValueError(f"It holds {count} numbers, the model {task.count_params()}.")
        task.load_weights(weights)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{folder}/{WEIGHTS} does not fit the model of {folder}/{CONFIG}. They must come "
            f"from one `save_preset`. ({_first_line(error)})"
        ) from error
    return task


def _task_of(config_file: str) -> Task:
    try:
        with open(config_file, encoding="utf-8") as file:
            task = keras.saving.deserialize_keras_object(json.load(file))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{config_file} cannot be read. Give a folder that `save_preset` wrote. "
            f"({_first_line(error)})"
        ) from error
    if not isinstance(task, Task):
        raise ValueError(
            f"{config_file} describes no task. Give a folder that `save_preset` wrote."
        )
    return task


def _count_numbers(weights_file: str) -> int:
    """Counts all of a file: Keras leaves what a smaller model has no place for."""
    sizes = []
    with h5py.File(weights_file) as file:
        file.visititems(lambda _, item: sizes.append(getattr(item, "size", 0)))
    return sum(sizes)


def load(path) -> Task:
    """Loads what `task.save` wrote, with its optimizer.

    Raises:
        ValueError: if there is no `.keras` file at `path`, or it holds no task.
    """
    path = os.fspath(path)
    if not path.endswith(".keras") or not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is no `.keras` file. Give a file that `save` wrote; folders that "
            "`save_preset` wrote are read by `from_preset`."
        )
    try:
        task = keras.saving.load_model(path)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} cannot be read as a task. ({_first_line(error)})") from error
    if not isinstance(task, Task):
        raise ValueError(
            f"{path} holds no task but a {type(task).__name__}. Load it with "
            "`keras.saving.load_model`."
        )
    return task


def _first_line(error: BaseException) -> str:
    """What was wrong at first, of an error that others may stand around."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().split("\n")[0]
