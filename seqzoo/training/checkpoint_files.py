"""Files of checkpoints: written whole or not at all, checked when read, the old ones removed."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from seqzoo.files.atomic_write import atomic_file
from seqzoo.files.digests import is_whole_archive, seal_archive

_NAME = re.compile(r"step-([0-9]{9,18})\.npz")
_KINDS = ("variable", "best", "metric")
_STATE = {
    "step": int,
    "epoch": int,
    "batch": int,
    "stopped": bool,
    "made_by": dict,
    "data": dict,
    "variables": list,
    "random": dict,
    "tables": list,
    "early_stopping": dict,
    "plateau": dict,
}


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


def different_variables(model: keras.Model, checkpoint: Checkpoint) -> list[str]:
    """Says in what the shapes of a model's variables differ from a checkpoint's, if they do.

    How many there are, and the first.
    """
    now = [(each.path, list(each.shape)) for each in checkpointed_variables(model)]
    before = checkpoint.state["variables"]
    if [shape for _, shape in now] == [shape for _, shape in before]:
        return []
    differences = []
    if len(now) != len(before):
        differences.append(f"{len(now)} variables, where the checkpoint has {len(before)}")
    for (path, shape), (other, other_shape) in zip(now, before, strict=False):
        if shape != other_shape:
            differences.append(f"{path} {shape}, where the checkpoint has {other} {other_shape}")
            break
    return differences


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint, which is there as a whole or not at all.

    Raises:
        OSError: if it cannot be written; those that are there stay.
    """
    step = checkpoint.state["step"]
    arrays: dict[str, Any] = {
        f"{kind}_{index}": _known_to_numpy(value)
        for kind, values in zip(_KINDS, checkpoint[1:], strict=True)
        for index, value in enumerate(values)
    }
    try:
        with atomic_file(folder / f"step-{step:09d}.npz") as path:
            with open(path, "wb") as file:
                np.savez(file, state=np.array(json.dumps(checkpoint.state)), **arrays)
            seal_archive(path)
    except OSError as error:
        raise OSError(
            f"The checkpoint of step {step} could not be written to {folder}: "
            f"{error.strerror or error}. "
            f"{_whole(folder)} Free some space, or make the folder writable, and resume from there."
        ) from error


def _known_to_numpy(value: Any) -> np.ndarray:
    """Returns an array of a type that files of NumPy know; bfloat16 becomes float32."""
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype.kind == "V" else array


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
        except (ValueError, OSError) as error:
            damaged.append((path, str(error)))
    if files:
        raise ValueError(
            f"None of the checkpoints in {folder} can be read: {', '.join(p.name for p in files)}. "
            f"({damaged[0][1]}) Restore them from a copy, or train in another folder."
        )
    return None, damaged


def last_checkpoints(folder: Path, count: int) -> Iterator[tuple[Path, Checkpoint]]:
    """Yields the last checkpoints and their files, the oldest first.

    Raises:
        ValueError: if one of them cannot be read.
    """
    for path in _files(folder)[-count:]:
        try:
            yield path, _read(path)
        except (ValueError, OSError) as error:
            raise ValueError(
                f"{path} is damaged ({error}). Leave it out: ask for those before it alone, or "
                "remove it."
            ) from error


def _files(folder: Path) -> list[Path]:
    """The checkpoints of a folder, in the order of their steps."""
    named = ((_NAME.fullmatch(path.name), path) for path in folder.glob("step-*.npz"))
    steps = [(int(match[1]), path) for match, path in named if match and path.is_file()]
    return [path for _, path in sorted(steps)]


def _read(path: Path) -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        ValueError: if it is not as it was written, or is none.
        OSError: if the file cannot be read.
    """
    try:
        if not is_whole_archive(path):
            raise ValueError("it must have the digest at its end")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > path.stat().st_size:
                raise ValueError("its members are longer than the file")
            arrays = {member.filename: _array(archive.read(member)) for member in members}
        state = json.loads(str(arrays["state.npy"]))
        values = [
            [arrays[f"{kind}_{i}.npy"] for i in range(sum(kind in name for name in arrays))]
            for kind in _KINDS
        ]
        _check_state(state, values[0])
    except OSError:
        raise
    except Exception as error:  # zip, NumPy and JSON raise many kinds of errors for wrong bytes
        raise ValueError(str(error) or type(error).__name__) from error
    return Checkpoint(state, *values)


def _array(content: bytes) -> np.ndarray:
    """The array of an `.npy` file, with the bytes of the file as its memory."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array has another format")
    shape, in_columns, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("an array holds objects, not numbers")
    order = "F" if in_columns else "C"
    return np.ndarray(shape, dtype, content, file.tell(), order=order)


def _check_state(state: Any, variables: list[np.ndarray]) -> None:
    """Raises if a state is none that `Resume` can go on from."""
    for name, kind in _STATE.items():
        if type(state[name]) is not kind or (kind is int and state[name] < 0):
            raise ValueError(f"its state has {name}={str(state[name])[:50]}")
    if [list(value.shape) for value in variables] != [shape for _, shape in state["variables"]]:
        raise ValueError("its variables have other shapes than its state says")
    version, internal, gauss = state["random"]["python"]
    random.Random().setstate((version, tuple(internal), gauss))
    np.random.RandomState().set_state(tuple(state["random"]["numpy"]))
