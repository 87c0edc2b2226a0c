"""Checkpoints from which a training continues as if it had never stopped."""

from __future__ import annotations

import os
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.files.atomic_write import remove_leftovers
from seqzoo.files.content_digest import code_digest
from seqzoo.files.folder_lock import ProcessLock, process_lock
from seqzoo.training.callbacks import HistoryFile, strategy_of
from seqzoo.training.checkpoint_files import (
    Checkpoint,
    checkpointed_variables,
    different_variables,
    last_checkpoint,
    remove_old,
    write_checkpoint,
)
from seqzoo.training.finite_values import warn_if_not_finite
from seqzoo.training.strategies import check_agreement, is_chief
from seqzoo.version import __version__

_EARLY_STOPPING = ("wait", "best", "best_epoch", "stopped_epoch")
_PLATEAU = ("wait", "best", "cooldown_counter")


class Resume(keras.callbacks.Callback):
    """Writes checkpoints, and begins at the last one of its folder.

        translator.fit(pairs, epochs=20, callbacks=[sz.training.Resume("checkpoints")])

    A training that was killed at any moment and is started again by the same lines continues with
    the same losses, to the last bit where operations are deterministic. A checkpoint holds the
    weights, the state of the optimizer and of the random generators, the position in the data, the
    metrics of the epoch, and the state of the callbacks given here, which must stand before this
    one in the list. It is one file, which is whole or not there; one that is damaged gives way to
    the one before. Of several workers the chief writes, and all read: the folder must be on a
    file system that they share. The number of replicas may change. Two processes that train in one
    folder would spoil each other's checkpoints: the second is refused.

    Args:
        folder: Folder of the checkpoints.
        tables: Files that go on with the rows that they had.
        early_stopping: Goes on with what it has waited, and with its best weights.
        plateau: Goes on with what it has waited; the rate is the optimizer's.
        every: Positive int, steps between two checkpoints within an epoch. Only a task on raw
            examples can go on there: for others, checkpoints are written at the ends of epochs.
        keep: Positive int, how many checkpoints stay.
        accept_changes: Whether to go on although the data or the code are not those that the
            checkpoint was made with. Its variables must have the same shapes all the same.

    Raises:
        ValueError: at the start of a training, if the checkpoint is that of another model, other
            data, or another version or other files of seqzoo's code, if the model is not built, or
            if there are checkpoints but none can be read.
        BlockingIOError: at the start of a training, if another process trains in the folder.
        OSError: if a checkpoint cannot be written. Those before it stay whole.
    Differs from `keras.callbacks.BackupAndRestore`, which saves no position in the data and no
    state of other callbacks, and deletes what it wrote when the training ends.

    Example:
        >>> callback = sz.training.Resume("checkpoints", every=100, keep=2)
        >>> isinstance(callback, keras.callbacks.Callback)
        True
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        tables: Sequence[HistoryFile] = (),
        early_stopping: keras.callbacks.EarlyStopping | None = None,
        every: int = 500,
        keep: int = 3,
        plateau: keras.callbacks.ReduceLROnPlateau | None = None,
        accept_changes: bool = False,
    ):
        super().__init__()
        for name, value in (("every", every), ("keep", keep)):
            if value < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}.")
        self.folder = Path(folder)
        self.tables = tables
        self.early_stopping = early_stopping
        self.every = every
        self.keep = keep
        self.plateau = plateau
        self.accept_changes = accept_changes
        self.data: Mapping[str, Any] = {}
        """What a checkpoint says of the data, and must find again; `fit` of a task sets it."""
        self._passed_over = 0  # steps of the first epoch that were taken before
        self._unsaved: Checkpoint | None = None  # after the last step of an epoch
        self._position: tuple[int, int] | None = None  # epoch and steps taken, between two steps
        self._lock: ProcessLock | None = None  # while a training goes on, or has failed

    @property
    def step(self) -> int:
        """Steps that were taken until the last checkpoint; 0 where there is none."""
        checkpoint, _ = last_checkpoint(self.folder)
        return checkpoint.state["step"] if checkpoint else 0

    def initial_epoch(self, epochs: int) -> int:
        """The epoch, counted from 0, at which a training of `epochs` continues.

        It is `epochs`, so that nothing is left to do, where early stopping had ended the training.
        """
        checkpoint, _ = last_checkpoint(self.folder)
        if checkpoint is None:
            return 0
        return epochs if checkpoint.state["stopped"] else min(checkpoint.state["epoch"], epochs)

    def on_train_begin(self, logs: Any = None) -> None:
        self._take_folder()
        checkpoint, damaged = last_checkpoint(self.folder)
        check_agreement(
            strategy_of(self.model),
            f"checkpoints in {self.folder}, which must be on a file system that all see",
            checkpoint.state["step"] if checkpoint else 0,
        )
        self._epoch = self._passed_over = 0
        self._metrics: list[np.ndarray] = []
        if checkpoint is None:
            return
        for path, reason in damaged:
            print(
                f"{path} is damaged ({reason}); continuing from step {checkpoint.state['step']}",
                file=sys.stderr,
            )
        self._build()
        self._check_same(checkpoint)
        self._restore(checkpoint)

    def on_train_end(self, logs: Any = None) -> None:
        self._lock = None

    def _take_folder(self) -> None:
        """Takes the lock on the folder, and raises if nothing can be written there."""
        if not is_chief(strategy_of(self.model)):
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = process_lock(self.folder)
            remove_leftovers(self.folder)
            tempfile.TemporaryFile(dir=self.folder).close()
        except BlockingIOError:
            raise
        except OSError as error:
            raise OSError(
                f"Checkpoints must be written to {self.folder}. Received: {error.strerror}. Make "
                "the folder writable, or choose another one."
            ) from error

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch
        variables = self._of_epoch() or []
        if len(self._metrics) == len(variables):  # those that the first step makes begin anew
            for variable, value in zip(variables, self._metrics, strict=True):
                variable.assign(tf.cast(value, variable.dtype))  # bfloat16 is kept as float32
        self._metrics = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        done = batch + 1
        if not self.data or self._of_epoch() is None or done <= self._passed_over:
            return
        self._position = self._epoch, done
        if done == self.params["steps"]:
            self._unsaved = self._state(*self._position)  # the validation changes metrics
            return
        now = self._step(*self._position)
        if now // self.every > (now - self.model.steps_per_execution) // self.every:
            self._write(self._state(*self._position))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._position = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._passed_over = 0
        self._write(self._state(epoch + 1, 0))

    def write_unsaved(self) -> None:
        """Writes what was learned since the last checkpoint, if no step is under way.

        For a training that ends early, between two steps or in a validation. The weights must be
        those that the last step left. Of several workers none may be training on.

        Raises:
            OSError: if it cannot be written.
        """
        if self._unsaved is not None:
            self._write(self._unsaved)
        elif self._position is not None:
            self._write(self._state(*self._position))

    def _write(self, state: Checkpoint) -> None:
        """Writes a checkpoint, with the variables as they are now."""
        variables = [np.asarray(variable) for variable in self._variables()]
        if is_chief(strategy_of(self.model)):
            write_checkpoint(self.folder, state._replace(variables=variables))
            remove_old(self.folder, self.keep)
        self._unsaved = self._position = None

    def _state(self, epoch: int, batch: int) -> Checkpoint:
        """The state before step `batch` of an epoch, without the variables.

        All workers take part in reading it.
        """
        metrics = [np.asarray(variable) for variable in (self._of_epoch() or []) if batch]
        stopping = self.early_stopping
        state = {
            "step": self._step(epoch, batch),
            "epoch": epoch,
            "batch": batch,
            "stopped": self.model.stop_training,
            "made_by": _versions(),
            "data": dict(self.data),
            "variables": [[v.path, list(v.shape)] for v in self._variables()],
            "random": _random_state(),
            "tables": [list(table.rows) for table in self.tables],
            "early_stopping": _state_of(stopping, _EARLY_STOPPING),
            "plateau": _state_of(self.plateau, _PLATEAU),
        }
        best_weights = (stopping.best_weights if stopping else None) or []
        return Checkpoint(state, [], best_weights, metrics)

    def _step(self, epoch: int, batch: int) -> int:
        """The number of the step in all; an epoch of other models may have no fixed length."""
        if self.data:
            return epoch * self.params["steps"] + batch
        return int(self.model.optimizer.iterations.numpy())

    def _build(self) -> None:
        """Makes the variables that the first step would make."""
        if not self.model.built:
            raise ValueError(
                "A model must have its weights before they are restored. Call `build` before `fit`."
            )
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)

    def _of_epoch(self) -> list | None:
        """The variables that begin anew in each epoch; None where some cannot be saved."""
        carried = getattr(self.model, "between_batches", [])
        return None if carried is None else [*self.model.metrics_variables, *carried]

    def _variables(self) -> list[keras.Variable]:
        return checkpointed_variables(self.model)

    def _check_same(self, checkpoint: Checkpoint) -> None:
        """Raises ValueError with all that is not as the checkpoint has it."""
        pairs = [("made by", _versions(), checkpoint.state["made_by"])]
        pairs += [("data", dict(self.data), checkpoint.state["data"])] if self.data else []
        different = [
            f"{kind} {name}={now.get(name)}, where the checkpoint has {before[name]}"
            for kind, now, before in pairs
            for name in before  # earlier versions wrote fewer
            if now.get(name) != before[name]
        ]
        different = [] if self.accept_changes else different
        different += different_variables(self.model, checkpoint)
        if different:
            raise ValueError(
                f"The checkpoint must be one of this training. Received in {self.folder}: "
                f"{'; '.join(different)}. Use the settings, the data and the version of the code "
                "that it was trained with, train in another folder, or go on with other data or "
                "code by `accept_changes=True` (--accept-changes)."
            )

    def _restore(self, checkpoint: Checkpoint) -> None:
        paths = (path for path, _ in checkpoint.state["variables"])
        values = zip(paths, checkpoint.variables, strict=True)
        warn_if_not_finite(f"{self.folder}, step {checkpoint.state['step']}", values)
        for variable, value in zip(self._variables(), checkpoint.variables, strict=True):
            variable.assign(tf.cast(value, variable.dtype))
        _set_random_state(checkpoint.state["random"])
        for table, rows in zip(self.tables, checkpoint.state["tables"], strict=True):
            table.rows = rows
            table.write()
        if self.early_stopping is not None:
            vars(self.early_stopping).update(checkpoint.state["early_stopping"])
            self.early_stopping.best_weights = checkpoint.best_weights or None
        if self.plateau is not None:
            vars(self.plateau).update(checkpoint.state["plateau"])
        self._metrics = checkpoint.metrics
        self._pass_over(checkpoint.state["batch"])

    def _pass_over(self, steps: int) -> None:
        """Lets the first steps of `fit` do nothing: they were taken before.

        `fit` begins with whole epochs only.
        """
        self._passed_over = left = steps
        train = self.model.train_function

        def pass_over(iterator: Any) -> dict[str, Any]:
            nonlocal left
            if left <= 0:
                self.model.train_function = train
                return train(iterator)
            left -= self.model.steps_per_execution
            return {}

        if steps:
            self.model.train_function = pass_over


def _state_of(callback: keras.callbacks.Callback | None, names: Sequence[str]) -> dict[str, Any]:
    return {} if callback is None else {name: getattr(callback, name) for name in names}


def _versions() -> dict[str, str]:
    return {
        "seqzoo": __version__,
        "seqzoo_code": code_digest(Path(__file__).parents[1]),
        "keras": keras.version(),
        "tensorflow": tf.__version__,
    }


def _random_state() -> dict[str, Any]:
    """The state of Python's and NumPy's generators, as JSON can hold it."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    return {"python": random.getstate(), "numpy": [kind, keys.tolist(), *rest]}


def _set_random_state(state: dict[str, Any]) -> None:
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(state["numpy"]))
