"""A run: a recipe with its settings, a folder and options."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqzoo.files.atomic_write import recover_folder
from seqzoo.files.digests import sha256
from seqzoo.recipe.fields import set_fields
from seqzoo.recipe.folder import RunFolder
from seqzoo.recipe.provenance import module_digests, module_file
from seqzoo.recipe.recipe import Recipe, Splits, load_recipe, read_recipe
from seqzoo.recipe.record import Provenance, RunOptions
from seqzoo.tasks.saving import load_preset

# Settings that may change when a run is resumed.
_MAY_CHANGE = {"training.epochs", "training.patience", "training.checkpoint_steps"}


@dataclasses.dataclass(frozen=True)
class Run:
    """A recipe with the settings of a run, and the run's folder.

    Args:
        recipe: The recipe, its fields set as the options say.
        folder: The folder of the run.
        options: The options of the run.
        source: Content of the recipe file.
        provenance: What the run was made of, as its record says; None where there is none yet, or
            version 0.1.0 made it.
        modules: The digests of the recipe's own modules, by name; see `module_digests`.
    """

    recipe: Recipe
    folder: RunFolder
    options: RunOptions
    source: bytes
    provenance: Provenance | None = None
    modules: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def start(
        cls,
        recipe_file: Path,
        out: Path | None,
        given: Mapping[str, Any],
        resume: bool,
        accept_changes: bool = False,
        trust: bool = False,
    ) -> Run:
        """Returns a new run, or, where `resume` is True, the one in the folder to continue.

        The copy of the recipe in the folder is read, and not run.

        Args:
            recipe_file: Path of a recipe file.
            out: Folder of the run, `runs/<recipe>-<seed>` by default.
            given: Fields of `RunOptions`. The others are as in the run that is continued.
            resume: Whether to continue the run in the folder, if there is one.
            accept_changes: Whether to continue although the recipe has changed since.
            trust: Whether links in the folder may lead out of it, and `recipe_file` may be the
                copy in the folder, whoever made the run.

        Raises:
            FileExistsError: if the folder is not free for it.
            ValueError: if the run to continue has another recipe or other settings.
        """
        source, options = read_recipe(recipe_file), RunOptions(**given)
        if resume and out is not None and recipe_file.resolve() == RunFolder(out).recipe.resolve():
            source = RunFolder(out).trusted_recipe(RunFolder(out).record(trust), trust)
        recipe = load_recipe(recipe_file, source)
        modules = module_digests(source, recipe_file.parent)
        folder = RunFolder(out or Path("runs", f"{recipe.name}-{options.seed}"))
        folder.check_free(resume)
        if not folder.holds_run():
            recipe = set_fields(recipe, options.settings)
            return cls(recipe, folder, options, source, modules=modules)
        record = folder.record(trust)
        if not accept_changes:
            _check_same_recipe(recipe_file, source, folder)
            _check_same_modules(record.provenance, folder)
        before = cls(set_fields(recipe, record.options.settings), folder, record.options, source)
        settings = record.options.settings + options.settings
        options = dataclasses.replace(record.options, **{**given, "settings": settings})
        recipe = set_fields(recipe, options.settings)
        now = cls(recipe, folder, options, source, record.provenance, modules)
        _check_same(before.fixed_settings(), now.fixed_settings(), folder.path)
        return now

    @classmethod
    def open(cls, path: str | Path, trust: bool = False) -> Run:
        """Reads the run in a folder, and runs the copy of the recipe in it.

        Args:
            path: Path of the folder.
            trust: Whether to do so although somebody else made the run, and its links may lead
                out of the folder. SEQZOO_TRUST=1 in the environment says so too.

        Raises:
            FileNotFoundError: if the folder holds no run.
            ValueError: if its code may not be run, or it is damaged.
        """
        folder = RunFolder(Path(path))
        record = folder.record(trust)
        source = folder.trusted_recipe(record, trust)
        name = record.provenance.recipe if record.provenance else None
        recipe = set_fields(load_recipe(folder.recipe, source, name), record.options.settings)
        return cls(recipe, folder, record.options, source, record.provenance)

    def load_task(self) -> Any:
        """Returns the trained task; see `load_trained`."""
        return load_trained(self.folder)

    def load_splits(self, data: str | Path | None = None) -> Splits:
        """Returns the splits of the run's data, or of those in another folder."""
        return self.recipe.load_splits(self.options.data if data is None else data)

    def check_same_data(self, splits: Mapping[str, str]) -> None:
        """Raises ValueError if a split has other examples than when the run began.

        Args:
            splits: The digests of the splits.
        """
        before = self.provenance.splits if self.provenance else {}
        changed = [name for name in before if splits.get(name) != before[name]]
        if changed:
            raise ValueError(
                "A run must be resumed with the data that it started with. Received: other "
                f"examples in the split {changed[0]!r} than {self.folder.path} was made with. "
                "Restore them, start another run with --out, or go on with the changed data by "
                "--accept-changes."
            )

    def fixed_settings(self) -> dict[str, Any]:
        """The settings that must not change when a run is resumed, by name."""
        parts = {name: getattr(self.recipe, name) for name in ("data", "model", "training")}
        fields = {
            f"{name}.{field}": value
            for name, part in parts.items()
            for field, value in (dataclasses.asdict(part) if part is not None else {}).items()
        }
        fields |= {"recipe": self.recipe.name, "seed": self.options.seed}
        fields |= {"precision": self.options.precision}
        return {name: value for name, value in fields.items() if name not in _MAY_CHANGE}


def load_trained(folder: RunFolder) -> Any:
    """Returns the trained task of a run, compiled, so that `evaluate` works. It runs no code.

    Raises:
        FileNotFoundError: if the training has not ended.
    """
    recover_folder(folder.preset)
    if not folder.preset.is_dir():
        raise FileNotFoundError(
            f"{folder.path} holds no trained model yet. Finish its training: "
            "`seqzoo train` with the same recipe and --out, and --resume."
        )
    task = load_preset(folder.preset)
    task.compile()
    return task


def _check_same_recipe(file: Path, source: bytes, folder: RunFolder) -> None:
    """Raises ValueError unless a recipe file is the one in the folder of the run."""
    before = folder.recipe.read_bytes() if folder.recipe.is_file() else b""
    if source == before:
        return
    pairs = itertools.zip_longest(source.splitlines(), before.splitlines())
    line = next((number for number, (a, b) in enumerate(pairs, 1) if a != b), 1)
    raise ValueError(
        f"A run must be resumed with the recipe that it started with, of which {folder.recipe} is "
        f"a copy. Received: {file}, which differs from line {line} on. Give the copy, change "
        "fields with --set, start another run with --out, or go on with the changed recipe by "
        "--accept-changes."
    )


def _check_same_modules(before: Provenance | None, folder: RunFolder) -> None:
    """Raises ValueError unless the modules of a recipe are those that the run was made with."""
    for name, digest in before.modules.items() if before else ():
        path = module_file(name)
        if path is None or sha256(path.read_bytes()) != digest:
            what = f"{path} has changed" if path else f"the module {name!r} is gone"
            raise ValueError(
                "A run must be resumed with the modules that its recipe imported when it started. "
                f"Received: {what} since {folder.path} was made. Restore it, start another run "
                "with --out, or go on with the changed code by --accept-changes."
            )


def _check_same(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    for name in before | now:
        if before.get(name) != now.get(name):
            raise ValueError(
                f"A run must be resumed with the settings that it started with. Received: {name}="
                f"{now.get(name)}, where {folder} has {before.get(name)}. Use its value, or "
                "start another run with --out."
            )
