"""A run: a recipe with its settings, a folder and options."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqzoo.files.atomic_write import recover_folder
from seqzoo.recipe.fields import set_fields
from seqzoo.recipe.folder import RunFolder, RunOptions
from seqzoo.recipe.recipe import Recipe, Splits, load_recipe
from seqzoo.tasks import from_preset

# Settings that may change when a run is resumed.
_MAY_CHANGE = {"training.epochs", "training.patience", "training.checkpoint_steps"}


@dataclasses.dataclass(frozen=True)
class Run:
    """A recipe with the settings of a run, and the run's folder.

    Args:
        recipe: The recipe, its fields set as the options say.
        folder: The folder of the run.
        options: The options of the run.
    """

    recipe: Recipe
    folder: RunFolder
    options: RunOptions

    @classmethod
    def start(
        cls, recipe_file: Path, out: Path | None, given: Mapping[str, Any], resume: bool
    ) -> Run:
        """Returns a new run, or, where `resume` is True, the one in the folder to continue.

        Args:
            recipe_file: Path of a recipe file.
            out: Folder of the run, `runs/<recipe>-<seed>` by default.
            given: Fields of `RunOptions`. The others are as in the run that is continued.
            resume: Whether to continue the run in the folder, if there is one.

        Raises:
            FileExistsError: if the folder is not free for it.
            ValueError: if the run to continue has other settings.
        """
        recipe, options = load_recipe(recipe_file), RunOptions(**given)
        folder = RunFolder(out or Path("runs", f"{recipe.name}-{options.seed}"))
        folder.check_free(resume)
        if not folder.holds_run():
            return cls(set_fields(recipe, options.settings), folder, options)
        before = cls.open(folder.path)
        settings = before.options.settings + options.settings
        options = dataclasses.replace(before.options, **{**given, "settings": settings})
        now = cls(set_fields(recipe, options.settings), folder, options)
        _check_same(before.fixed_settings(), now.fixed_settings(), folder.path)
        return now

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Reads the run in a folder.

        Raises:
            FileNotFoundError: if the folder holds no run.
        """
        folder = RunFolder(Path(path))
        options = folder.options()
        return cls(set_fields(load_recipe(folder.recipe), options.settings), folder, options)

    def load_task(self) -> Any:
        """Returns the trained task.

        Raises:
            FileNotFoundError: if the training has not ended.
        """
        recover_folder(self.folder.preset)
        if not self.folder.preset.is_dir():
            raise FileNotFoundError(
                f"{self.folder.path} holds no trained model yet. Finish its training: "
                "`seqzoo train` with the same recipe and --out, and --resume."
            )
        task = from_preset(self.folder.preset)
        task.compile()  # so that `evaluate` works
        return task

    def load_splits(self, data: str | Path | None = None) -> Splits:
        """Returns the splits of the run's data, or of those in another folder."""
        return self.recipe.load_splits(self.options.data if data is None else data)

    def fixed_settings(self) -> dict[str, Any]:
        """The settings that must not change when a run is resumed, by name."""
        parts = {name: getattr(self.recipe, name) for name in ("data", "model", "training")}
        fields = {
            f"{name}.{field}": value
            for name, part in parts.items()
            for field, value in dataclasses.asdict(part).items()
        }
        fields |= {"recipe": self.recipe.name, "seed": self.options.seed}
        fields |= {"precision": self.options.precision}
        return {name: value for name, value in fields.items() if name not in _MAY_CHANGE}


def _check_same(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    for name in before | now:
        if before.get(name) != now.get(name):
            raise ValueError(
                f"A run must be resumed with the settings that it started with. Received: {name}="
                f"{now.get(name)}, where {folder} has {before.get(name)}. Use its value, or "
                "start another run with --out."
            )
