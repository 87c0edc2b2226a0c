"""What `seqzoo list` shows, read from source files without running them.

To import the models and to run the recipes takes seconds, as both import TensorFlow.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

_ZOO = Path(__file__).with_name("zoo")


def model_lines() -> Iterator[str]:
    """Yields a line for each builder in `seqzoo.zoo.ZOO`: its name and what it builds."""
    first_lines = {}
    for path in _ZOO.glob("*.py"):
        for node in _parse(path).body:
            if isinstance(node, ast.FunctionDef):
                first_lines[node.name] = (ast.get_docstring(node) or "").partition("\n")[0]
    table = _parse(_ZOO / "__init__.py")
    (rows,) = (value for name, value in _assignments(table) if name == "ZOO")
    assert isinstance(rows, ast.Dict)
    for key, builder in zip(rows.keys, rows.values, strict=True):
        assert isinstance(key, ast.Constant)
        assert isinstance(builder, ast.Name)
        yield f"{key.value:<24}{first_lines[builder.id]}"


def recipe_lines(folder: str | Path) -> Iterator[str]:
    """Yields a line for each recipe file below a folder, and an indented one for each figure.

    Raises:
        ValueError: if a file is not valid Python.
    """
    for path in sorted(Path(folder).rglob("*.py")):
        for _, value in _assignments(_parse(path)):
            if _is_call(value, "Recipe"):
                yield str(path)
                yield from (f"  {figure}" for figure in _figures(value))


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
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise ValueError(
            f"{path} is not valid Python: {error.msg} in line {error.lineno}. Correct it."
        ) from error
