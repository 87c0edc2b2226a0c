"""Files of checkpoints: written whole or not at all, checked when read, the old ones removed."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from seqzoo.files.atomic_write import atomic_file

_NAME = re.compile(r"step-\d{9,}\.npz")
_KINDS = ("variable", "best", "metric")
_DAMAGE = (zipfile.BadZipFile, EOFError, KeyError, ValueError)


class Checkpoint(NamedTuple):
    """The state of a training between two steps.

    Attributes:
        state: Numbers and rows: `step` (in all), `epoch` and `batch` in it (of the next to
            come), `stopped`, and the state of the callbacks.
        variables: Values of the model's and the optimizer's variables, in their order.
        best_weights: What early stopping would restore; empty where there is nothing yet.
        metrics: Values of the variables of the metrics; empty between two epochs.
    """

    state: dict[str, Any]
    variables: list[np.ndarray]
    best_weights: list[np.ndarray]
    metrics: list[np.ndarray]


def checkpointed_variables(model: keras.Model) -> list[keras.Variable]:
    """What a checkpoint holds of a model: all but the metrics, and then the optimizer's."""
    metrics = {id(variable) for variable in model.metrics_variables}
    others = [variable for variable in model.variables if id(variable) not in metrics]
    return others + model.optimizer.variables


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint, which is there as a whole or not at all.

    Raises:
        OSError: if it cannot be written; those that are there stay.
    """
    step = checkpoint.state["step"]
    arrays: dict[str, Any] = {
        f"{kind}_{index}": value
        for kind, values in zip(_KINDS, checkpoint[1:], strict=True)
        for index, value in enumerate(values)
    }
    try:
        with atomic_file(folder / f"step-{step:09d}.npz") as path, open(path, "wb") as file:
            np.savez(file, state=np.array(json.dumps(checkpoint.state)), **arrays)
    except OSError as error:
        raise OSError(
            f"The checkpoint of step {step} could not be written to {folder}: "
            f"{error.strerror or error}. "
            f"{_whole(folder)} Free some space, or make the folder writable, and resume from there."
        ) from error


def _whole(folder: Path) -> str:
    files = _files(folder)
    return f"{files[-1].name} and those before it are whole." if files else "There is none yet."


def remove_old(folder: Path, keep: int) -> None:
    """Removes all but the last checkpoints."""
    for old in _files(folder)[:-keep]:
        old.unlink()


def last_checkpoint(folder: Path) -> tuple[Checkpoint | None, Sequence[tuple[Path, str]]]:
    """Returns the last checkpoint that can be read, and later ones that cannot with the reasons.

    Raises:
        ValueError: if there are checkpoints, but none can be read.
    """
    files, damaged = _files(folder), []
    for path in reversed(files):
        try:
            return _read(path), damaged
        except _DAMAGE as error:
            damaged.append((path, str(error) or type(error).__name__))
    if files:
        raise ValueError(
            f"None of the checkpoints in {folder} can be read: {', '.join(p.name for p in files)}. "
            "Restore them from a copy, or train in another folder."
        )
    return None, damaged


def last_checkpoints(folder: Path, count: int) -> Iterator[Checkpoint]:
    """Yields the last checkpoints, the oldest first.

    Raises:
        ValueError: if one of them cannot be read.
    """
    for path in _files(folder)[-count:]:
        try:
            yield _read(path)
        except _DAMAGE as error:
            raise ValueError(
                f"{path} is damaged ({error}). Leave it out: ask for those before it alone, or "
                "remove it."
            ) from error


def _files(folder: Path) -> list[Path]:
    files = (path for path in folder.glob("step-*.npz") if path.is_file())
    return sorted(path for path in files if _NAME.fullmatch(path.name))


def _read(path: Path) -> Checkpoint:
    with np.load(path) as arrays:
        values = (
            [arrays[f"{kind}_{index}"] for index in range(sum(kind in name for name in arrays))]
            for kind in _KINDS
        )
        return Checkpoint(json.loads(str(arrays["state"])), *values)
