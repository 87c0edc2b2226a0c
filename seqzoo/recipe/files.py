"""Recipe files."""

from __future__ import annotations

import sys
import traceback
import types
from pathlib import Path

from seqzoo.recipe.recipe import Recipe


def load_recipe(path: str | Path) -> Recipe:
    """Runs a recipe file and returns its recipe.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be run, or holds none or several recipes.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"No recipe file {str(path)!r}. `seqzoo list` shows the recipes in ./recipes."
        )
    recipes = _recipes_in(path)
    if len(recipes) != 1:
        raise ValueError(
            f"A recipe file must hold one `recipe = Recipe(...)`. Received: {path}, which holds "
            f"{len(recipes)}."
        )
    return recipes[0]


def _recipes_in(path: Path) -> list[Recipe]:
    module = types.ModuleType(f"recipe {path.resolve()}")
    module.__file__ = str(path)
    # The type hints of a dataclass are looked up in the module that `sys.modules` holds.
    sys.modules[module.__name__] = module
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except Exception as error:
        raise ValueError(f"{path} cannot be run: {_described(error, path)}. Mend it.") from error
    return [value for value in vars(module).values() if isinstance(value, Recipe)]


def _described(error: Exception, path: Path) -> str:
    """The error, and the line of the file at which it came up."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
    return f"{type(error).__name__}{f' in line {line}' if line else ''}: {error}"
