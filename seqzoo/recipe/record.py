"""The record of a run, `run.json`: its options and what it was made of, checked when it is read."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from seqzoo.files.digests import sha256
from seqzoo.recipe.recipe import ANSWERS
from seqzoo.training.environment import Precision
from seqzoo.training.strategies import STRATEGIES, Strategy

_LARGEST = 1 << 20  # bytes of a record


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """The options of a run, beside its recipe.

    Args:
        data: Absolute path of the folder of the data. None is the recipe's embedded default.
        settings: Assignments of fields of the recipe, such as "training.epochs=3".
        seed: Int.
        deterministic: See `seqzoo.training.environment.set_seed`.
        strategy: See `seqzoo.training.strategy`.
        precision: Name of a Keras dtype policy.
    """

    data: str | None = None
    settings: tuple[str, ...] = ()
    seed: int = 0
    deterministic: bool = False
    strategy: Strategy = "auto"
    precision: Precision = "float32"


@dataclasses.dataclass(frozen=True)
class Provenance:
    """What a run was made of, and how its model answers.

    Args:
        recipe: Name of the recipe.
        recipe_digest: SHA-256 of the recipe file, in hexadecimal digits.
        answers: How inputs are answered, a key of `seqzoo.recipe.recipe.ANSWERS`; None where the
            recipe has a function of its own for it.
        own_classes: Whether the model has classes that are not seqzoo's or Keras's, so that it
            cannot be loaded without the recipe.
        splits: A digest of the examples of each split; see `seqzoo.recipe.split_digests`.
        modules: A digest of each module of its own that the recipe imports, by name.
    """

    recipe: str
    recipe_digest: str
    answers: Literal["generated", "classified", "tagged"] | None
    own_classes: bool
    splits: Mapping[str, str]
    modules: Mapping[str, str] = dataclasses.field(default_factory=dict)


class RunRecord(NamedTuple):
    """What `run.json` holds. Runs of version 0.1.0 have no provenance."""

    options: RunOptions
    provenance: Provenance | None

    def content(self) -> bytes:
        """The record as a file, with a digest of itself."""
        values = dataclasses.asdict(self.options)
        if self.provenance is not None:
            values["provenance"] = dataclasses.asdict(self.provenance)
            if not self.provenance.modules:  # as records were before, so that signatures hold
                del values["provenance"]["modules"]
        values["digest"] = _digest(values)
        text = json.dumps(values, ensure_ascii=False, indent=2)
        return f"{text}\n".encode("utf-8", "surrogatepass")  # as paths may need


def read_record(path: Path) -> RunRecord:
    """Reads `run.json`.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no record, or is damaged.
    """
    with open(path, "rb") as file:
        content = file.read(_LARGEST + 1)
    try:
        if len(content) > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST} bytes")
        return _parsed(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} cannot be read: {error}. Restore it from a copy, or train again in another "
            "folder."
        ) from error


def _parsed(values: Any) -> RunRecord:
    values = _object(values)
    digest = values.pop("digest", None)
    provenance = values.pop("provenance", None)
    if digest is None and provenance is not None:
        raise ValueError("it has no digest")
    if digest is not None:
        signed = values if provenance is None else {**values, "provenance": provenance}
        if digest != _digest(signed):
            raise ValueError("its content does not have its digest, so it was changed or damaged")
    options = _checked(RunOptions, values, _OPTIONS)
    options = dataclasses.replace(options, settings=tuple(options.settings))
    if provenance is None:
        return RunRecord(options, None)
    return RunRecord(options, _checked(Provenance, _object(provenance), _PROVENANCE))


def _object(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ValueError("it holds no JSON object")
    return dict(values)


def _checked(kind: Any, values: dict[str, Any], checks: Mapping[str, Callable[[Any], bool]]) -> Any:
    needed = {"settings"} if kind is RunOptions else checks.keys() - {"modules"}
    if not needed <= values.keys() <= checks.keys():
        wrong = min((values.keys() - checks.keys()) | (needed - values.keys()))
        what = "unknown" if wrong in values else "missing"
        raise ValueError(f"the field {wrong[:40]!r} is {what}")
    for name, value in values.items():
        if not checks[name](value):
            raise ValueError(f"the field {name!r} holds {str(value)[:40]!r}")
    return kind(**values)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _are_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


_OPTIONS: dict[str, Callable[[Any], bool]] = {
    "data": lambda value: value is None or _is_text(value),
    "settings": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "seed": lambda value: type(value) is int and 0 <= value < 2**32,
    "deterministic": _is_flag,
    "strategy": lambda value: _is_text(value) and value in STRATEGIES,
    "precision": lambda value: _is_text(value) and value in typing.get_args(Precision),
}
_PROVENANCE: dict[str, Callable[[Any], bool]] = {
    "recipe": _is_text,
    "recipe_digest": _is_text,
    "answers": lambda value: value is None or (_is_text(value) and value in ANSWERS),
    "own_classes": _is_flag,
    "splits": _are_texts,
    "modules": _are_texts,
}


def _digest(values: Mapping[str, Any]) -> str:
    return sha256(json.dumps(values, sort_keys=True).encode())
