"""The files of a published model: `config.json` and weights as safetensors."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from seqzoo.ops.option_names import check_known
from seqzoo.tasks.untrusted_config import Size

CONFIG, WEIGHTS = "config.json", "model.safetensors"
INDEX = WEIGHTS + ".index.json"
_MAX_BYTES = 2**27
_REQUIRED = object()


class ModelConfig:
    """The fields of a `config.json`, each checked where it is read.

    Args:
        path: Of the file, which errors name.
        fields: What it holds.
        tensors: The names of the weights beside it.
    """

    def __init__(self, path: str, fields: dict[str, Any], tensors: Container[str] = ()):
        self.path = path
        self.fields = fields
        self.tensors = tensors

    def get(self, name: str, default: Any = None) -> Any:
        """Returns a field as it is; `default` where it is missing or null."""
        value = self.fields.get(name)
        return default if value is None else value

    def error(self, name: str, requirement: str) -> ValueError:
        """Returns an error that names the file, the field and what it should be."""
        return ValueError(
            f"`{name}` in {self.path} must be {requirement}. "
            f"Received: {str(self.fields.get(name))[:80]}."
        )

    def count(self, name: str, default: Any = _REQUIRED) -> int:
        """Returns a positive int."""
        value = self.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self.error(name, "a positive integer")
        return value

    def number(self, name: str, default: Any = _REQUIRED) -> float:
        """Returns a positive number."""
        value = self.get(name, default)
        if (
            not isinstance(value, (int, float))
            or isinstance(value, bool)
            or not 0 < value < math.inf
        ):
            raise self.error(name, "a positive number")
        return float(value)

    def share(self, name: str, default: float = 0.0) -> float:
        """Returns a number from 0 to below 1, such as a rate of dropout."""
        value = self.get(name, default)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1:
            raise self.error(name, "a number from 0 to below 1")
        return float(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """Returns a bool."""
        value = self.get(name, default)
        if not isinstance(value, bool):
            raise self.error(name, "true or false")
        return value

    def token_id(self, name: str) -> int | None:
        """Returns the id of a token, the first where there are several, or None."""
        value = self.get(name)
        value = value[0] if isinstance(value, list) and value else value
        if value is not None and (
            not isinstance(value, int)
            or isinstance(value, bool)
            or not 0 <= value < self.count("vocab_size")
        ):
            raise self.error(name, f"an id below the {self.count('vocab_size')} of `vocab_size`")
        return value

    def required_id(self, name: str) -> int:
        """Returns the id of a token that the model cannot do without."""
        value = self.token_id(name)
        if value is None:
            raise self.error(name, "the id of a token")
        return value

    def among(self, name: str, known: dict[str, Any], default: Any = None) -> Any:
        """Returns what stands for the name in a field."""
        value = self.get(name, default)
        if not isinstance(value, str):
            raise self.error(name, f"one of {', '.join(known)}")
        try:
            check_known(name, value, known)
        except ValueError as error:
            raise ValueError(f"{self.path} has a value that seqzoo cannot read. {error}") from error
        return known[value]

    def require(self, name: str, value: Any, default: Any = None) -> None:
        """Refuses a model with any other value of a field, of which there is no other form here."""
        if self.get(name, default) != value:
            raise self.error(name, f"{json.dumps(value)}: seqzoo has no other form of this model")

    def heads(self, width: str, heads: str) -> int:
        """Returns a number of heads that divides a width."""
        count, units = self.count(heads), self.count(width)
        if units % count:
            raise self.error(heads, f"a divisor of `{width}`, {units}")
        return count


class ModelFolder:
    """A folder with a `config.json` and weights, whose names and shapes alone are read at first.

    Raises:
        ValueError: if a file is missing or damaged.
        OSError: if one cannot be read.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self.path = os.fspath(folder)
        if not os.path.isdir(self.path):
            raise FileNotFoundError(
                f"There is no folder at {self.path}. Give one with {CONFIG} and {WEIGHTS}."
            )
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.config = ModelConfig(self.file(CONFIG), self.json(CONFIG), self.shapes)
        self._files: dict[str, str] = {}
        for name in self._weight_files():
            with self._opened(name) as file:
                for tensor in list(file.keys()):
                    if tensor in self.shapes:
                        raise ValueError(
                            f"{self.path} holds {tensor} in {self._files[tensor]} and in {name}. "
                            "Keep one."
                        )
                    self.shapes[tensor] = tuple(file.get_slice(tensor).get_shape())
                    self._files[tensor] = name

    def file(self, name: str) -> str:
        """Returns the path of a file."""
        return os.path.join(self.path, name)

    def has(self, name: str) -> bool:
        """Tells whether there is a file."""
        return os.path.isfile(self.file(name))

    def bytes(self, name: str) -> bytes:
        """Returns the content of a file beside the weights."""
        path = Path(self.file(name))
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"{path} is larger than {_MAX_BYTES} bytes. Give that of the model.")
        return path.read_bytes()

    def json(self, name: str) -> dict[str, Any]:
        """Returns the JSON object in a file."""
        if not self.has(name):
            raise FileNotFoundError(
                f"{self.path} has no {name}. Give a folder with {CONFIG}, {WEIGHTS} and the files "
                "of the tokenizer."
            )
        try:
            content = json.loads(self.bytes(name).decode())
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self.file(name)} must hold JSON. Received: {error}.") from error
        if not isinstance(content, dict):
            raise ValueError(
                f"{self.file(name)} must hold a JSON object. Received: {str(content)[:80]}."
            )
        return content

    @property
    def size(self) -> Size:
        """How many numbers the weights are, in how many arrays."""
        return Size(sum(map(math.prod, self.shapes.values())), len(self.shapes))

    def tensor(self, name: str) -> np.ndarray:
        """Returns a tensor in float32."""
        with self._opened(self._files[name]) as file:
            return np.asarray(file.get_tensor(name), np.float32)

    def _weight_files(self) -> list[str]:
        if self.has(INDEX):
            shards = self.json(INDEX).get("weight_map")
            names = list(shards.values()) if isinstance(shards, dict) else []
            wrong = [n for n in names if not isinstance(n, str) or os.path.basename(n) != n]
            if not names or wrong:
                raise ValueError(
                    f"`weight_map` in {self.file(INDEX)} must give each tensor a file of the "
                    f"folder. Received: {str(wrong or shards)[:80]}."
                )
            return sorted(set(names))
        if self.has(WEIGHTS):
            return [WEIGHTS]
        pickled = [n for n in ("pytorch_model.bin", "pytorch_model.bin.index.json") if self.has(n)]
        if pickled:
            raise ValueError(
                f"{self.file(pickled[0])} is a pickle, which runs any code that is in it, and is "
                f"not read. Convert it to {WEIGHTS} where you trust it: load it with transformers "
                "and call `save_pretrained`."
            )
        raise FileNotFoundError(f"{self.path} has no {WEIGHTS}. Give a folder that holds it.")

    @contextlib.contextmanager
    def _opened(self, name: str) -> Iterator[Any]:
        from safetensors import SafetensorError, safe_open

        path = self.file(name)
        if not os.path.isfile(path):
            raise FileNotFoundError(f"{self.path} has no {name}, which its index names. Get it.")
        try:
            with safe_open(path, "np") as file:
                yield file
        except (SafetensorError, TypeError) as error:
            raise ValueError(
                f"{path} is damaged, or no file of safetensors: {error}. Get it again."
            ) from error
