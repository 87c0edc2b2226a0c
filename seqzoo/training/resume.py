"""Checkpoints from which a training goes on as if it had never stopped."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from seqzoo.preprocessing.files import write_aside
from seqzoo.training.callbacks import HistoryFile

_KEPT = 2  # if the last one cannot be read, the one before can
_EARLY_STOPPING = ("wait", "best", "best_epoch", "stopped_epoch")


class Checkpoint(NamedTuple):
    """The state of a training at the end of an epoch.

    Attributes:
        state: Numbers and rows: `step`, `epoch` (both of the next to come), `stopped`, and what
            the callbacks keep.
        variables: Values of the model's and the optimizer's variables, in their order.
        best_weights: What early stopping would restore; empty where there is nothing yet.
    """

    state: dict[str, Any]
    variables: list[np.ndarray]
    best_weights: list[np.ndarray]


class Resume(keras.callbacks.Callback):
    """Writes a checkpoint at the end of each epoch, and begins at the last one of its folder.

    A checkpoint holds the weights, the state of the optimizer and of the random generators, the
    step, and the state of the callbacks given here, which must stand before this one in the
    list. It is one file, which is whole or not there; the last two are kept. If `fit` gets the
    same data and `initial_epoch=resume.initial_epoch(epochs)`, a training that was stopped and
    resumed has the history of one that never stopped.

    Args:
        folder: Folder of the checkpoints.
        tables: Files that go on with the rows that they had.
        early_stopping: Goes on with what it has waited, and with its best weights.

    Raises:
        ValueError: at the start of a training, if the checkpoint is that of another model, if
            the model is not built, or if there are checkpoints but none can be read.
    Differs from `keras.callbacks.BackupAndRestore`, which keeps no state of other callbacks, and
    deletes what it wrote when the training ends.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        tables: Sequence[HistoryFile] = (),
        early_stopping: keras.callbacks.EarlyStopping | None = None,
    ):
        super().__init__()
        self.folder = Path(folder)
        self.tables = tables
        self.early_stopping = early_stopping

    @property
    def step(self) -> int:
        """Steps that were taken until the last checkpoint; 0 where there is none."""
        found = _last(self.folder)
        return found.state["step"] if found else 0

    def initial_epoch(self, epochs: int) -> int:
        """The epoch, counted from 0, at which a training of `epochs` goes on.

        It is `epochs`, so that nothing is left to do, where early stopping had ended the training.
        """
        found = _last(self.folder)
        if found is None:
            return 0
        return epochs if found.state["stopped"] else min(found.state["epoch"], epochs)

    def on_train_begin(self, logs: Any = None) -> None:
        found = _last(self.folder)
        if found is None:
            return
        self._build()
        self._restore_variables(found)
        for table, rows in zip(self.tables, found.state["tables"], strict=True):
            table.rows = rows
            table.write()
        if self.early_stopping is not None:
            vars(self.early_stopping).update(found.state["early_stopping"])
            self.early_stopping.best_weights = found.best_weights or None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        stopping = self.early_stopping
        state = {
            "step": int(self.model.optimizer.iterations.numpy()),
            "epoch": epoch + 1,
            "stopped": self.model.stop_training,
            "variables": [[v.path, list(v.shape)] for v in self._variables()],
            "tables": [table.rows for table in self.tables],
            "early_stopping": {name: getattr(stopping, name) for name in _EARLY_STOPPING}
            if stopping
            else {},
        }
        variables = [np.asarray(variable) for variable in self._variables()]
        best_weights = (stopping.best_weights if stopping else None) or []
        path = self.folder / f"step-{state['step']:09d}.npz"
        write_aside(str(path), _pack(Checkpoint(state, variables, best_weights)))
        for old in _files(self.folder)[:-_KEPT]:
            old.unlink()

    def _build(self) -> None:
        """Makes the variables that the first step would make."""
        if not self.model.built:
            raise ValueError(
                "A model must have its weights before they are restored. Call `build` before `fit`."
            )
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)

    def _variables(self) -> list[keras.Variable]:
        metrics = {id(variable) for variable in self.model.metrics_variables}
        kept = [variable for variable in self.model.variables if id(variable) not in metrics]
        return kept + self.model.optimizer.variables

    def _restore_variables(self, checkpoint: Checkpoint) -> None:
        shapes = [list(variable.shape) for variable in self._variables()]
        saved = [shape for _, shape in checkpoint.state["variables"]]
        if shapes != saved:
            raise ValueError(
                f"The checkpoint must be one of this model. Received: {self.folder} with "
                f"{len(saved)} variables and {_total(saved)} numbers, where the model has "
                f"{len(shapes)} and {_total(shapes)}. Use the settings and data that it was "
                "trained with, or train in another folder."
            )
        for variable, value in zip(self._variables(), checkpoint.variables, strict=True):
            variable.assign(value)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.npz"))


def _last(folder: Path) -> Checkpoint | None:
    """The last checkpoint that can be read."""
    files = _files(folder)
    for path in reversed(files):
        try:
            return _unpack(path.read_bytes())
        except (zipfile.BadZipFile, EOFError, KeyError, ValueError):
            continue
    if files:
        raise ValueError(
            f"None of the checkpoints in {folder} can be read: {', '.join(p.name for p in files)}. "
            "Restore them from a copy, or train in another folder."
        )
    return None


def _pack(checkpoint: Checkpoint) -> bytes:
    arrays = {f"variable_{place}": value for place, value in enumerate(checkpoint.variables)}
    arrays |= {f"best_{place}": value for place, value in enumerate(checkpoint.best_weights)}
    content = io.BytesIO()
    np.savez(content, state=np.array(json.dumps(checkpoint.state)), **arrays)
    return content.getvalue()


def _unpack(content: bytes) -> Checkpoint:
    with np.load(io.BytesIO(content)) as arrays:
        variables, best_weights = (
            [arrays[f"{kind}_{place}"] for place in range(sum(kind in name for name in arrays))]
            for kind in ("variable", "best")
        )
        return Checkpoint(json.loads(str(arrays["state"])), variables, best_weights)


def _total(shapes: Sequence[Sequence[int]]) -> int:
    return sum(int(np.prod(shape)) for shape in shapes)
