"""What `seqzoo list` shows, read from source files without running them.

To import the models and to run the recipes takes seconds, as both import TensorFlow.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

_ZOO = Path(__file__).with_name("zoo")
_LARGEST = 1_000_000  # bytes of a recipe file


def model_lines() -> Iterator[str]:
    """Yields a line for each builder of `seqzoo.zoo`: its name and what it builds."""
    first_lines = {}
    for path in _ZOO.glob("*.py"):
        for node in _parse(path).body:
            if isinstance(node, ast.FunctionDef):
                first_lines[node.name] = (ast.get_docstring(node) or "").partition("\n")[0]
    table = _parse(_ZOO / "__init__.py")
    for name, rows in _assignments(table):
        if name not in ("ZOO", "FORECASTERS"):
            continue
        assert isinstance(rows, ast.Dict)
        for key, builder in zip(rows.keys, rows.values, strict=True):
            assert isinstance(key, ast.Constant)
            assert isinstance(builder, ast.Name)
            yield f"{key.value:<24}{first_lines[builder.id]}"


def own_recipes() -> Path | None:
    """The folder of the recipes of seqzoo itself: in the package, or beside it in a checkout."""
    folders = (_ZOO.with_name("recipes"), _ZOO.parents[1] / "recipes")
    return next((folder for folder in folders if folder.is_dir()), None)


def find_recipe(name: str) -> Path:
    """Returns the file of a recipe: a path, or the name of one in ./recipes or of seqzoo's own.

    Raises:
        FileNotFoundError: if there is none.
    """
    if Path(name).exists():
        return Path(name)
    named = {
        path.stem: path
        for folder in (own_recipes(), Path("recipes"))
        if folder
        for path in sorted(folder.rglob("*.py"))
    }
    if name in named:
        return named[name]
    close = difflib.get_close_matches(name, named, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise FileNotFoundError(
        f"No file or folder, and no recipe, {name!r}.{hint} `seqzoo list` shows the recipes; "
        "`seqzoo new KIND DATA` writes one."
    )


def recipe_lines(folder: str | Path, by_name: bool = False) -> Iterator[str]:
    """Yields a line for each recipe file below a folder, and an indented one for each figure.

    The line is the path of the file, or, with `by_name`, its name and what the recipe is.

    The files are read and never run, so they may be anybody's. What they say is shown without
    characters that a terminal would obey.

    Raises:
        ValueError: if a file is not valid Python, or is too large or too deeply nested to be read.
        OSError: if it cannot be read.
    """
    for path in sorted(Path(folder).rglob("*.py")):
        if path.is_file():  # and no folder or pipe of such a name
            yield from map(_printable, _lines_of(path, by_name))


def _lines_of(path: Path, by_name: bool) -> Iterator[str]:
    module = _parse(path)
    try:
        for _, value in _assignments(module):
            if _is_call(value, "Recipe"):
                about = (ast.get_docstring(module) or "").partition("\n")[0]
                yield f"{path.stem:<24}{about}" if by_name else str(path)
                yield from (f"  {figure}" for figure in _figures(value))
    except RecursionError as error:
        raise _unreadable(path, "it is too deeply nested") from error


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)


def _figures(recipe: ast.Call) -> Iterator[str]:
    for node in ast.walk(recipe):
        if _is_call(node, "Figure"):
            given = dict(zip(("metric", "published", "measured"), node.args, strict=False))
            given |= {keyword.arg: keyword.value for keyword in node.keywords}
            texts = {name: _text(value) for name, value in given.items()}
            yield "{metric}: published {published}; measured {measured}".format_map(texts)


def _text(value: ast.expr) -> str:
    """A literal text, or the expression that makes it."""
    return str(value.value) if isinstance(value, ast.Constant) else ast.unparse(value)


def _is_call(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    """Whether a node calls a name, as itself or as a module's attribute."""
    called = node.func if isinstance(node, ast.Call) else None
    return getattr(called, "id", getattr(called, "attr", None)) == name


def _assignments(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The names that a module sets at its top level, with their values."""
    for node in module.body:
        if isinstance(node, ast.Assign):
            yield from ((ast.unparse(target), node.value) for target in node.targets)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield ast.unparse(node.target), node.value


def _parse(path: Path) -> ast.Module:
    with open(path, "rb") as file:
        source = file.read(_LARGEST + 1)
    if len(source) > _LARGEST:
        raise _unreadable(path, f"it is larger than {_LARGEST:,} bytes")
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise ValueError(
            f"{path} is not valid Python: {error.msg} in line {error.lineno}. Correct it."
        ) from error
    except (RecursionError, MemoryError) as error:  # of the parser, whose stack is limited
        raise _unreadable(path, "it is too deeply nested") from error
    except ValueError as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, reason: str) -> ValueError:
    return ValueError(f"{path} cannot be read: {reason}. Move it out of this folder.")
