"""The folder that a training leaves behind."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

from seqzoo.files.atomic_write import atomic_folder, remove_leftovers
from seqzoo.training.environment import Precision
from seqzoo.training.strategies import Strategy


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
class RunFolder:
    """The files and folders of a run. A folder holds a run if it holds `run.json`.

    Args:
        path: Path of the folder.
    """

    path: Path

    @property
    def recipe(self) -> Path:
        """Copy of the recipe file, as it was at the start of the run."""
        return self.path / "recipe.py"

    @property
    def options_file(self) -> Path:
        return self.path / "run.json"

    @property
    def preset(self) -> Path:
        """The trained task, in a folder that is there once the training has ended."""
        return self.path / "preset"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def timing(self) -> Path:
        return self.path / "timing.csv"

    @property
    def logs(self) -> Path:
        """Folder for TensorBoard."""
        return self.path / "logs"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def plots(self) -> Path:
        return self.path / "plots"

    @property
    def export(self) -> Path:
        """Folder of the SavedModel's versions."""
        return self.path / "export"

    def holds_run(self) -> bool:
        return self.options_file.is_file()

    def check_free(self, resume: bool) -> None:
        """Raises FileExistsError unless a run may start here, or continue if `resume` is True."""
        if self.holds_run():
            if not resume:
                raise FileExistsError(
                    f"{self.path} holds a run. Continue it with --resume, or choose another "
                    "folder with --out."
                )
        elif self.path.is_file() or (self.path.is_dir() and any(self.path.iterdir())):
            raise FileExistsError(
                f"A run needs a new or empty folder. Received: {self.path}, which holds other "
                "files. Choose another folder with --out."
            )

    def create(self, recipe: Path, options: RunOptions) -> None:
        """Makes the folder with a copy of the recipe and the options, at once or not at all."""
        text = json.dumps(dataclasses.asdict(options), ensure_ascii=False, indent=2)
        with atomic_folder(self.path) as temporary:
            new = RunFolder(Path(temporary))
            shutil.copyfile(recipe, new.recipe)
            new.options_file.write_text(text + "\n", encoding="utf-8")

    def remove_leftovers(self) -> None:
        """Removes what a killed process of this run left in the midst of writing."""
        for folder in (self.path, self.plots, self.export):
            if folder.is_dir():
                remove_leftovers(folder)

    def options(self) -> RunOptions:
        """Returns the options of the run.

        Raises:
            FileNotFoundError: if the folder holds no run.
            ValueError: if the record cannot be read.
        """
        if not self.holds_run():
            raise FileNotFoundError(
                f"RUN must be a folder made by `seqzoo train`. Received: {str(self.path)!r}, which "
                f"{'holds no run' if self.path.is_dir() else 'is not a folder'}. Check the path."
            )
        try:
            values = json.loads(self.options_file.read_text(encoding="utf-8"))
            return RunOptions(**{**values, "settings": tuple(values["settings"])})
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{self.options_file} cannot be read: {error}. Train again in another folder."
            ) from error
