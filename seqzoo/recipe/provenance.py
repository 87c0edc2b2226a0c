"""What a run is made of: its recipe, the classes of its model, and its data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from seqzoo.files.content_digest import content_digest
from seqzoo.files.digests import sha256
from seqzoo.recipe.recipe import ANSWERS, Recipe, Splits
from seqzoo.recipe.record import Provenance

_SAMPLED = 10_000  # examples of a split
_LONGEST_PATH = 4096  # characters
_KNOWN_PACKAGES = {"keras", "keras_hub", "seqzoo", "builtins"}


def provenance_of(recipe: Recipe, source: bytes, task: Any, splits: dict[str, str]) -> Provenance:
    """Returns what a run is made of.

    Args:
        recipe: The recipe.
        source: Content of its file.
        task: The task that it has built.
        splits: The digests of the data that it has loaded.
    """
    kinds = [name for name, answers in ANSWERS.items() if answers is recipe.respond]
    return Provenance(
        recipe=recipe.name,
        recipe_digest=sha256(source),
        answers=kinds[0] if kinds else None,  # pyright: ignore[reportArgumentType]
        own_classes=_has_own_classes(keras.saving.serialize_keras_object(task)),
        splits=splits,
    )


def _has_own_classes(config: Any) -> bool:
    """Whether a config has classes that an import of seqzoo does not register."""
    if isinstance(config, Mapping):
        module = config.get("module") if "class_name" in config else None
        if isinstance(module, str) and module.partition(".")[0] not in _KNOWN_PACKAGES:
            return True
        config = list(config.values())
    return isinstance(config, Sequence) and any(
        _has_own_classes(value) for value in config if not isinstance(value, str | bytes)
    )


def split_digests(splits: Splits) -> dict[str, str]:
    """Returns a digest of each split, by name: of its size and of the content of its examples.

    Of a split of more than 10,000 examples, that many count, spread evenly. An example that is the
    path of a file counts by the content of that file, see `content_digest`; a stream by its origin.
    """
    return {name: _split_digest(split) for name, split in splits.items()}


def _split_digest(split: Any) -> str:
    if hasattr(split, "origin"):
        return sha256(repr(sorted(split.origin.items())).encode())
    count, digest = len(split), hashlib.sha256()
    sampled = min(count, _SAMPLED)
    for index in range(sampled):
        _add(digest, split[index * (count - 1) // max(sampled - 1, 1)])
    return f"{count} {digest.hexdigest()}"


def _add(digest: Any, value: Any) -> None:
    """Adds an example, or a part of one, with its kind and length, so that no two look alike."""
    if isinstance(value, Mapping):
        value = list(value.items())
    if isinstance(value, (list, tuple)):
        digest.update(f"list {len(value)} ".encode())
        for part in value:
            _add(digest, part)
        return
    if isinstance(value, (str, os.PathLike)) and _is_file(os.fspath(value)):
        content = content_digest(value).encode()
    elif isinstance(value, str):
        content = value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes):
        content = value
    elif isinstance(value, np.ndarray):
        content = f"{value.dtype} {value.shape} ".encode() + value.tobytes()
    else:
        content = repr(value).encode()
    digest.update(f"{type(value).__name__} {len(content)} ".encode() + content)


def _is_file(path: str | bytes) -> bool:
    """Whether a text is the path of a file, whatever the current folder."""
    return len(path) <= _LONGEST_PATH and os.path.isabs(path) and os.path.isfile(path)
