"""The rules of the house that can be read from the files: who imports whom, names, lengths.

Every rule takes the folder of a package and returns one line for each breach. Every import
statement counts, wherever it stands: an import inside a function or under `TYPE_CHECKING` binds
two files as one at the top does.
"""

from __future__ import annotations

import ast
import doctest
import graphlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ORDER = (
    "version",
    "registration",
    "extras",
    "amounts",
    "trained",
    "files",
    "ops",
    "search",
    "metrics",
    "datasets",
    "preprocessing",
    "new_recipe",
    "layers.cells",
    "layers.recurrent",
    "layers.attention",
    "layers.positions",
    "layers.mixers",
    "layers",
    "heads",
    "encoders",
    "decoders",
    "training",
    "export",
    "tasks",
    "baselines",
    "backtesting",
    "explain",
    "zoo",
    "importing",
    "tuning",
    "listing",
    "recipe",
    "arguments",
    "cli",
)
"""Parts of the package, lowest first, those of DESIGN.md that are still to come among them.

A module belongs to the longest name that it begins with.
"""

TENSORFLOW_PARTS = {
    "files",
    "datasets",
    "preprocessing",
    "training",
    "export",
    "tasks",
    "baselines",
    "backtesting",
    "explain",
    "importing",
    "tuning",
    "recipe",
    "cli",
}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
MOST_LINES = 350
PARSER = doctest.DocTestParser()

SHARED_NAMES = {
    "attention": "attention weights: tensor functions, layers",
    "mamba": "the mixer, and the tables of its published models",
    "blocks": "stacks of residual blocks: encoder, decoder",
    "buffers": "tensors that a loop writes to in place",
    "captions": "captions: examples, scores",
    "checkpointing": "gradient checkpointing: layers, general path, kernel",
    "classes": "classes of a whole input: head, scores",
    "copying": "tokens that are copied from the source: pairs of texts, head, named models",
    "coverage": "the coverage of a source: attention, score of a search",
    "crf": "conditional random fields: tensor functions, layer",
    "cudnn": "cuDNN: conditions, kernels",
    "fused": "the fused step: general path, kernel",
    "gru": "the GRU: cell, layer",
    "labelled_text": "labelled texts: reader, batches",
    "language": "language models: encoder, decoder, named models",
    "linear": "linear recurrences: cells, tensor functions",
    "lstm": "the LSTM: cell, layer",
    "caches": "shared caches: general path, kernel",
    "gather": "values at indices: general path, kernel",
    "positions": "positions of steps: tensor functions, layers",
    "pooling": "one vector from a sequence",
    "music": "pieces of music: preprocessing, named models",
    "graphs": "graphs of nodes and edges: tensor functions, preprocessing, encoder, named models",
    "monotonic": "alignments that never go back: tensor functions, attention",
    "hard_attention": "hard attention: decoder, named models",
    "min_gru": "the minimal GRU: cell, mixer",
    "recurrent": "recurrence: layers, mixer, encoder, decoder",
    "scan": "the loop over time: general path, kernel",
    "tokens": "a token at every step: head, metrics",
}
"""File names that may stand in several folders, as they name one concept there."""


class Import(NamedTuple):
    """One import statement: `place` is `file:line`, the others are dotted module names."""

    place: str
    importer: str
    imported: str


def upward_imports(package: Path) -> list[str]:
    """Imports of a part that comes later in `ORDER`, and modules that have no place in it."""
    breaches = [
        f"{_shown(path, package)}: the part {_part(name)!r} has no place in the order of imports. "
        "Move the file to the part it belongs to, or give the part a place in ORDER "
        "(tests/architecture.py)."
        for name, path in _modules(package).items()
        if name != package.name and _part(name) not in ORDER
    ]
    for found in _own_imports(package):
        importer, imported = _part(found.importer), _part(found.imported)
        if _rank(importer) < _rank(imported):
            breaches.append(
                f"{found.place}: {importer!r} imports {found.imported}, and {imported!r} comes "
                f"after {importer!r}. Move what is shared down to {importer!r} or below, or pass "
                "it in as an argument."
            )
    return breaches


def circles(package: Path) -> list[str]:
    """A chain of modules that import each other in a circle; the first one found."""
    graph: dict[str, set[str]] = {name: set() for name in _modules(package)}
    for found in _own_imports(package):
        graph[found.importer].add(found.imported)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        chain = " -> ".join(reversed(error.args[1]))
        return [f"{chain}: a circle of imports. Move what they share to a module of its own."]
    return []


def misplaced_tensorflow(package: Path) -> list[str]:
    """Imports of TensorFlow and its add-ons in parts that run on any Keras backend."""
    return [
        f"{found.place}: {found.imported} is imported where any Keras backend must do. Use "
        "keras.ops, or put a kernel that is measured to pay in ops/tensorflow/ with a "
        "keras.ops path beside it."
        for found in _imports(package)
        if found.imported.split(".")[0].startswith("tensorflow")
        and _part(found.importer) not in TENSORFLOW_PARTS
        and not found.importer.startswith(f"{package.name}.ops.tensorflow.")
    ]


def vague_names(folder: Path) -> list[str]:
    """Files and folders whose names say nothing of what they hold."""
    return [
        f"{_shown(path, folder)}: name it after what it holds, not {path.stem!r}."
        for path in sorted(folder.rglob("*"))
        if path.stem.lstrip("_") in VAGUE_NAMES
    ]


def _length(path: Path) -> int:
    """Lines of a module, without the examples in its docstrings and what these print."""
    text = path.read_text(encoding="utf-8")
    documented = ast.Module, ast.ClassDef, ast.FunctionDef
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, documented))
    examples = [e for node in nodes for e in PARSER.get_examples(ast.get_docstring(node) or "")]
    return text.count("\n") - sum((e.source + e.want).count("\n") for e in examples)


def long_files(package: Path) -> list[str]:
    """Modules of more than `MOST_LINES` lines, examples in docstrings left out."""
    lengths = {path: _length(path) for path in _modules(package).values()}
    return [
        f"{_shown(path, package)}: {length} lines, at most {MOST_LINES} fit the house. Split it "
        "where it holds two things."
        for path, length in lengths.items()
        if length > MOST_LINES
    ]


def names_of_several_things(package: Path) -> list[str]:
    """File names in several folders that are not known to name one concept there."""
    folders: dict[str, list[str]] = {}
    for path in _modules(package).values():
        if path.stem != "__init__":
            folders.setdefault(path.stem, []).append(_shown(path, package))
    return [
        f"{name}.py stands for different things in {', '.join(paths)}. Name each file after what "
        "it holds, or add the concept that they share to SHARED_NAMES (tests/architecture.py)."
        for name, paths in folders.items()
        if len(paths) > 1 and name not in SHARED_NAMES
    ]


def _modules(package: Path) -> dict[str, Path]:
    """The files of a package by dotted module name; a folder's `__init__` has the folder's."""
    names = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def _imports(package: Path) -> Iterator[Import]:
    modules = _modules(package)
    for importer, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text())):
            place = f"{_shown(path, package)}:{getattr(node, 'lineno', 0)}"
            for imported in _imported(node, importer, path, modules):
                yield Import(place, importer, imported)


def _own_imports(package: Path) -> Iterator[Import]:
    inside = (package.name, f"{package.name}.")
    return (
        found
        for found in _imports(package)
        if found.imported == inside[0] or found.imported.startswith(inside[1])
    )


def _imported(node: ast.AST, importer: str, path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """The modules that a statement imports; `from folder import module` imports the module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = importer if path.stem == "__init__" else importer.rpartition(".")[0]
        origin = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
        for alias in node.names:
            module = f"{origin}.{alias.name}"
            yield module if module in modules else origin


def _part(module: str) -> str:
    """The part of a module: the longest entry of `ORDER`, else its folder, else the package."""
    inside = module.partition(".")[2]
    fits = [part for part in ORDER if f"{inside}.".startswith(f"{part}.")]
    return max(fits, key=len, default=inside.partition(".")[0] or module)


def _rank(part: str) -> int:
    """The place of a part in `ORDER`; the package itself and unknown parts come last."""
    return ORDER.index(part) if part in ORDER else len(ORDER)


def _shown(path: Path, folder: Path) -> str:
    return path.relative_to(folder.parent).as_posix()
