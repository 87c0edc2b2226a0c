"""Tasks in files: `.keras` files and presets, written whole or not at all, and read again."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import textwrap
import zipfile
from collections.abc import Iterator
from typing import Any

import h5py
import keras
import numpy as np

from seqzoo.files.atomic_write import atomic_file, atomic_folder, recover_folder
from seqzoo.files.digests import (
    SUMS,
    check_digests,
    is_whole_archive,
    seal_archive,
    sha256,
    write_digests,
)
from seqzoo.preprocessing.limits import Limits
from seqzoo.tasks.untrusted_config import Size, bounded_by, read_config, size_of_weights
from seqzoo.training.finite_values import warn_if_not_finite

_CONFIG = "config.json"
PRESET_WEIGHTS = "model.weights.h5"


class SavedAsFiles:
    """The part of a task that writes it to a `.keras` file or to a preset, and its config."""

    def save(self, filepath, overwrite: bool = True, **kwargs):
        """Saves the whole task to a `.keras` file, which is whole or not there."""
        filepath = os.fspath(filepath)
        if not filepath.endswith(".keras") or os.path.isdir(filepath):
            raise ValueError(
                f"`save` writes a file whose name ends in `.keras`. Received: {filepath}. Choose "
                "such a path, or `save_preset` for a folder."
            )
        if not overwrite and os.path.exists(filepath):
            raise FileExistsError(f"{filepath} exists. Choose another path or overwrite=True.")
        with atomic_file(filepath) as path:
            archive = _MemoryFile(os.path.basename(filepath))
            super().save(archive, **kwargs)  # type: ignore[misc]
            with open(path, "wb") as file:
                file.write(archive.getbuffer())
            seal_archive(path)

    def save_preset(self, folder, half: bool = False) -> None:
        """Saves config and weights, without the optimizer, to a folder that `from_preset` reads.

        An existing preset is replaced.

        Args:
            folder: Path.
            half: Whether weights are written as float16, in half the bytes and with 3 digits. The
                model that is loaded has the weights of its own type.

        Raises:
            ValueError: if `folder` exists and holds anything but a preset, or a weight is too large
                for float16.
            OSError: if it cannot be written. An existing preset stays whole.
        """
        task = _as_model(self)
        with atomic_folder(folder, "preset", _is_preset) as path:
            config = keras.saving.serialize_keras_object(task)
            config.pop("compile_config", None)
            contents = {
                _CONFIG: json.dumps(config, ensure_ascii=False, indent=1).encode(),
                PRESET_WEIGHTS: _halved(_weights_of(task)) if half else _weights_of(task),
            }
            for name, content in contents.items():
                with open(os.path.join(path, name), "wb") as file:
                    file.write(content)
            write_digests(path, {name: sha256(each) for name, each in contents.items()})

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            "head": serialize(self.head),
            "preprocessor": serialize(self.preprocessor),
            "limits": dataclasses.asdict(self.limits),
            "frozen": _frozen(self),
            "quantization": self.quantized_layers() or None,
        }

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        limits = Limits.from_config(config.get("limits", {}))
        config = {**config, "limits": limits}
        parts = {k: deserialize(v) if isinstance(v, dict) else v for k, v in config.items()}
        frozen, quantized = parts.pop("frozen", []), parts.pop("quantization", None)
        task = cls(**parts)
        # Keras saves these of no layer that is a part of another.
        task.quantize_again(quantized or [])
        for index in frozen:
            task.weights[index].trainable = False
        return task


def _frozen(task: Any) -> list[int]:
    """The indices of the weights that are not trained, in the task that is loaded from its files.

    It has no LoRA: what that has learned is added to the weights in files, and they train again.
    """
    layers = [each for each in task._flatten_layers() if getattr(each, "lora_enabled", False)]
    names = "_kernel", "_embeddings"
    adapted = {id(getattr(each, name, None)) for each in layers for name in names}
    weights = [each for each in task.weights if not each.name.startswith("lora_")]
    return [i for i, each in enumerate(weights) if not (each.trainable or id(each) in adapted)]


def _as_model(task: Any) -> keras.Model:
    return task


class _MemoryFile(io.BytesIO):
    """A file in memory that Keras knows by its name.

    On a full disk, HDF5 ends the process, and Keras leaves its temporary folders.
    """

    def __init__(self, name: str):
        super().__init__()
        self._name = name

    def __str__(self) -> str:
        return self._name


def _weights_of(task: keras.Model) -> memoryview:
    """Makes the content of a file of weights in memory."""
    file = _MemoryFile(PRESET_WEIGHTS)
    with _without_optimizers(task):
        task.save_weights(file)
    return file.getbuffer()


def _halved(content: memoryview) -> memoryview:
    """The same file of weights, whose float32 arrays are float16."""
    source, target = io.BytesIO(content), io.BytesIO()
    with h5py.File(source, "r") as old, h5py.File(target, "w") as new:

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Group):
                new.require_group(name).attrs.update(item.attrs)
                return
            values = item[()]
            if values.dtype == np.float32:
                with np.errstate(over="ignore"):
                    values = values.astype(np.float16)
                if not np.isfinite(values).all():
                    raise ValueError(
                        f"`half` needs weights below 65,504, the largest of float16. {name} has a "
                        "larger one. Leave it out."
                    )
            new.create_dataset(name, data=values).attrs.update(item.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy)
    return target.getbuffer()


@contextlib.contextmanager
def _without_optimizers(task: keras.Model) -> Iterator[None]:
    """Removes the optimizers of a task and of the tasks in it until the context is left."""
    models = [task, *(layer for layer in task.layers if isinstance(layer, keras.Model))]
    optimizers = [getattr(model, "optimizer", None) for model in models]
    for model in models:
        model.optimizer = None
    try:
        yield
    finally:
        for model, optimizer in zip(models, optimizers, strict=True):
            model.optimizer = optimizer


def _is_preset(path: str) -> bool:
    """Tells whether a path is that of a preset, with nothing else in it."""
    return os.path.isdir(path) and set(os.listdir(path)) - {SUMS} == {_CONFIG, PRESET_WEIGHTS}


def load(path) -> Any:
    """Loads what `task.save` wrote, with its optimizer.

    The digest of the file is checked, and the config is that of somebody else: it may name parts
    of models alone, and ask for no more weights than the file has. `keras.saving.load_model`
    loads the file too, and checks neither, but the checksums of zip.

    Returns:
        The `Task`.

    Raises:
        FileNotFoundError: if there is nothing at `path`.
        ValueError: if `path` is no `.keras` file, is damaged, or holds no task.

    Example:
        >>> model = sz.zoo.gu_2023(sz.preprocessing.ByteTokenizer(), units=8, layers=1)
        >>> model.save("model.keras")
        >>> type(sz.load("model.keras")).__name__
        'LanguageModel'
    """
    path = os.fspath(path)
    _require(path, "a `.keras` file that `save` wrote")
    if os.path.isdir(path):
        what = f"`load` reads a `.keras` file. Received a folder: {path}."
        if os.path.isfile(os.path.join(path, _CONFIG)):
            raise ValueError(f"{what} It is a preset: load it with `from_preset`.")
        raise ValueError(f"{what} Give a file that `save` wrote.")
    if not path.endswith(".keras") or not zipfile.is_zipfile(path):
        wrong = "its name must end in `.keras`" if not path.endswith(".keras") else "it is no zip"
        raise ValueError(f"{path} is no `.keras` file: {wrong}. Give a file that `save` wrote.")
    if not is_whole_archive(path):
        raise ValueError(
            f"{path} is damaged: it must have the digest at its end. Restore it from a copy."
        )
    try:
        with bounded_by(_size_in_archive(path)):
            task = keras.saving.load_model(path)
    except Exception as error:  # what classes raise for wrong configs is of any kind
        raise ValueError(f"{path} cannot be read as a task. ({_first_line(error)})") from error
    if not isinstance(task, SavedAsFiles):
        raise ValueError(
            f"{path} holds no task but a {type(task).__name__}. Load it with "
            "`keras.saving.load_model`."
        )
    warn_if_not_finite(path, ((each.path, each) for each in task.variables))
    return task


def load_preset(folder: str | os.PathLike[str]) -> Any:
    """Loads the task of a folder that `save_preset` wrote, with the checks of `load`.

    Returns:
        The `Task`, not compiled.

    Raises:
        ValueError: if there is no preset, it is damaged, or its files do not belong together.
    """
    folder = os.fspath(folder)
    recover_folder(folder)
    if os.path.isfile(folder):
        raise ValueError(
            f"`from_preset` reads a folder. Received a file: {folder}. Give a folder that "
            "`save_preset` wrote, or load a `.keras` file with `load`."
        )
    for name in (_CONFIG, PRESET_WEIGHTS):
        if not os.path.isfile(os.path.join(folder, name)):
            raise ValueError(
                f"{folder} is no preset: it has no {name}. Give a folder that `save_preset` wrote."
            )
    check_digests(folder, (_CONFIG, PRESET_WEIGHTS))
    config, weights = (os.path.join(folder, name) for name in (_CONFIG, PRESET_WEIGHTS))
    wrong_weights = (
        f"{weights} does not fit the model of {config}. They must come from one `save_preset`."
    )
    try:
        size = size_of_weights(weights)
    except Exception as error:  # h5py and Keras raise many kinds of errors for wrong bytes
        raise ValueError(f"{wrong_weights} ({_first_line(error)})") from error
    task = _task_of(config, size)
    try:
        if size.numbers != task.count_params():
            raise ValueError(f"It holds {size.numbers} numbers, the model {task.count_params()}.")
        task.load_weights(weights)
    except Exception as error:
        raise ValueError(f"{wrong_weights} ({_first_line(error)})") from error
    warn_if_not_finite(weights, ((each.path, each) for each in task.variables))
    return task


def _require(path: str, kind: str) -> None:
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is nothing at {path}. Check the path; give {kind}.")


def _task_of(config_file: str, size: Size) -> Any:
    try:
        with open(config_file, "rb") as file:
            config = read_config(file.read())
        with bounded_by(size):
            task = keras.saving.deserialize_keras_object(config)
    except Exception as error:  # what classes raise for wrong configs is of any kind
        raise ValueError(
            f"{config_file} cannot be read. Give a folder that `save_preset` wrote. "
            f"({_first_line(error)})"
        ) from error
    if not isinstance(task, SavedAsFiles):
        raise ValueError(
            f"{config_file} describes no task. Give a folder that `save_preset` wrote."
        )
    return task


def _size_in_archive(path: str) -> Size:
    """The size of the weights in a `.keras` file, whose config is checked."""
    with zipfile.ZipFile(path) as archive:
        length = sum(member.file_size for member in archive.infolist())
        if length > 10 * os.path.getsize(path) + 2**26:
            raise ValueError(f"Its members would unpack to {length} bytes.")
        read_config(archive.read(_CONFIG))
        return size_of_weights(io.BytesIO(archive.read(PRESET_WEIGHTS)))


def _first_line(error: BaseException) -> str:
    """The message of the first error in a chain of causes, of a length that can be read."""
    while error.__cause__ is not None:
        error = error.__cause__
    innermost = str(error).rpartition("Exception encountered: ")[2]  # as Keras nests them
    line = innermost.strip().split("\n")[0]
    return textwrap.shorten(line, 300, placeholder=" …") or type(error).__name__
