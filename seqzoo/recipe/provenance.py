"""What a run is made of: its recipe, the classes of its model, and its data."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
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


def provenance_of(
    recipe: Recipe, source: bytes, modules: Mapping[str, str], task: Any, splits: dict[str, str]
) -> Provenance:
    """Returns what a run is made of.

    Args:
        recipe: The recipe.
        source: Content of its file.
        modules: The digests of what it imports, see `module_digests`.
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
        modules=modules,
    )


def module_digests(source: bytes, folder: Path) -> dict[str, str]:
    """Returns a digest of each module in the folder of a recipe that it imports, by name.

    So it does of those that these import, and of imports within functions. Names that a program
    makes, as for `importlib.import_module`, are not seen.

    Args:
        source: Content of the recipe file, which has been run.
        folder: That of the file. Modules below it count, but those of installed packages.
    """
    digests: dict[str, str] = {}
    left = [(source, "")]
    while left:
        source, package = left.pop()
        for name in sorted(_imports(source, package) - digests.keys()):
            path = module_file(name)
            if path is not None and _is_below(path, folder):
                content = path.read_bytes()
                digests[name] = sha256(content)
                is_package = path.name == "__init__.py"
                left.append((content, name if is_package else name.rpartition(".")[0]))
    return digests


def module_file(name: str) -> Path | None:
    """Returns the source file of a module that was imported, or would be. It runs no code."""
    if name in sys.modules:
        file = getattr(sys.modules[name], "__file__", None)
    else:
        spec, where = None, None  # where Python looks for what is in no package
        for end in range(len(name.split("."))):
            spec = PathFinder.find_spec(".".join(name.split(".")[: end + 1]), where)
            if spec is None:
                return None
            where = spec.submodule_search_locations or []
        file = spec.origin if spec else None
    return Path(file) if file and file.endswith(".py") and os.path.isfile(file) else None


def _imports(source: bytes, package: str) -> set[str]:
    """The names of what may be modules in the imports of a file, and of the packages they are in.

    Args:
        source: Its content; nothing is imported by a file that Python cannot parse.
        package: The package of the file, which relative imports begin at; "" for none.
    """
    names: set[str] = set()
    try:
        tree = ast.parse(source)
    except (ValueError, SyntaxError, RecursionError):
        return names
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = [*(above if node.level else ()), *(node.module or "").split(".")]
            start = ".".join(part for part in base if part)
            names |= {start, *(f"{start}.{alias.name}" for alias in node.names)} if start else set()
    parts = [name.split(".") for name in names]
    return {".".join(each[: end + 1]) for each in parts for end in range(len(each))}


def _is_below(path: Path, folder: Path) -> bool:
    path, folder = path.resolve(), folder.resolve()
    return path.is_relative_to(folder) and not {"site-packages", "dist-packages"}.intersection(
        path.relative_to(folder).parts
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
