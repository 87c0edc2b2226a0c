"""Runs: a recipe carried out, and what it left in its folder."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from seqzoo.explain import attention_map
from seqzoo.preprocessing.files import write_aside
from seqzoo.recipe.fields import set_fields
from seqzoo.recipe.files import load_recipe
from seqzoo.recipe.folder import RunFolder, RunOptions
from seqzoo.recipe.recipe import Recipe, Splits
from seqzoo.recipe.training_options import make_optimizer
from seqzoo.tasks import from_preset
from seqzoo.training.callbacks import DecodingMetric, HistoryFile, TimingFile
from seqzoo.training.environment import (
    Precision,
    Strategy,
    make_strategy,
    set_seed,
    use_precision,
)
from seqzoo.training.learning_curves import draw_learning_curves
from seqzoo.training.resume import Resume

# What may differ between a run and its resumption.
_MAY_CHANGE = {"training.epochs", "training.patience"}


@dataclasses.dataclass(frozen=True)
class Run:
    """A recipe with the settings of a run, and the run's folder.

    Args:
        recipe: The recipe, its fields set as the options say.
        folder: Where the run lies.
        options: What the run was asked for.
    """

    recipe: Recipe
    folder: RunFolder
    options: RunOptions

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Reads a run of the past.

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
        if not self.folder.preset.is_dir():
            raise FileNotFoundError(
                f"{self.folder.path} holds no trained model yet. Finish its training: "
                "`seqzoo train` with the same recipe and --out, and --resume."
            )
        return from_preset(self.folder.preset)

    def load_splits(self, data: str | Path | None = None) -> Splits:
        """Returns the splits of the run's data, or of those in another folder."""
        return self.recipe.load_splits(self.options.data if data is None else data)


def run(
    recipe: str | Path,
    out: str | Path | None = None,
    data: str | Path | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
    resume: bool = False,
    strategy: Strategy | None = None,
    precision: Precision | None = None,
) -> dict[str, float | None]:
    """Trains a recipe, evaluates it on its test splits, and leaves a run's folder behind.

    The outputs for the recipe's examples and, as the last line, the metrics as JSON go to
    stdout; progress goes to stderr.

    Args:
        recipe: Path of a recipe file.
        out: Folder of the run, `runs/<recipe>-<seed>` by default.
        data: Folder of the data; None for the recipe's embedded default.
        settings: Assignments such as `"training.epochs=3"`.
        seed: Int, 0 by default. If given, the ops are deterministic too.
        resume: Whether to go on with the run in the folder, if there is one. What is not given
            then is as it was in that run.
        strategy: "auto" (the default), "mirrored", "multiworker" or "tpu".
        precision: "float32" (the default), "mixed_bfloat16" or "mixed_float16".

    Returns:
        The metrics of the test splits; those of splits other than "test" begin with the split's
        name.

    Raises:
        ValueError: if something given is wrong. Nothing is written then.
        OSError: likewise.
    """
    given: dict[str, Any] = {
        "data": None if data is None else str(Path(data).absolute()),
        "settings": tuple(settings),
        "seed": seed,
        "deterministic": None if seed is None else True,
        "strategy": strategy,
        "precision": precision,
    }
    this = _plan(Path(recipe), out, {k: v for k, v in given.items() if v is not None}, resume)
    set_seed(this.options.seed, this.options.deterministic)
    splits = this.load_splits()
    with use_precision(this.options.precision), make_strategy(this.options.strategy).scope():
        task = _build(this.recipe, splits)
        if not this.folder.holds_run():
            this.folder.create(Path(recipe), this.options)
        with contextlib.redirect_stdout(sys.stderr):
            rows = _fit(this, task, splits)
    task.save_preset(this.folder.preset)
    draw_learning_curves(rows, this.folder.plots / "learning_curves.png")
    return _report(this, task, splits)


def _plan(recipe_file: Path, out: str | Path | None, given: dict[str, Any], resume: bool) -> Run:
    recipe = load_recipe(recipe_file)
    options = RunOptions(**given)
    folder = RunFolder(Path(out or Path("runs", f"{recipe.name}-{options.seed}")))
    folder.check_free(resume)
    if not folder.holds_run():
        return Run(set_fields(recipe, options.settings), folder, options)
    before = Run.open(folder.path)
    given["settings"] = before.options.settings + options.settings
    options = dataclasses.replace(before.options, **given)
    now = Run(set_fields(recipe, options.settings), folder, options)
    _check_same(_fixed_settings(before), _fixed_settings(now), folder.path)
    return now


def _fixed_settings(run: Run) -> dict[str, Any]:
    """All that a resumption must have as the run had it, by name."""
    parts = {name: getattr(run.recipe, name) for name in ("data", "model", "training")}
    fields = {
        f"{name}.{field}": value
        for name, part in parts.items()
        for field, value in dataclasses.asdict(part).items()
    }
    fields |= {"seed": run.options.seed, "precision": run.options.precision}
    return {name: value for name, value in fields.items() if name not in _MAY_CHANGE}


def _check_same(before: dict[str, Any], now: dict[str, Any], folder: Path) -> None:
    for name in before | now:
        if before.get(name) != now.get(name):
            raise ValueError(
                f"A run is resumed with the settings that it began with. Received: {name}="
                f"{now.get(name)}, where {folder} has {before.get(name)}. Use its value, or "
                "begin another run by --out."
            )


def _build(recipe: Recipe, splits: Splits) -> Any:
    task = recipe.build(splits, recipe.model)
    count, options = len(splits["train"]), recipe.training
    steps_per_epoch = math.ceil(count / min(options.batch_size, count))
    task.compile(optimizer=make_optimizer(options, steps_per_epoch))
    known = {"loss", *(metric.name for metric in task.metrics), *recipe.metrics}
    if options.monitor.removeprefix("val_") not in known:
        raise ValueError(
            f"`training.monitor` must be a column of the history. Received: {options.monitor!r}. "
            f"Known: {', '.join(sorted(f'val_{name}' for name in known))}."
        )
    _say(f"{count} training examples, {steps_per_epoch} steps in an epoch")
    return task


def _fit(run: Run, task: Any, splits: Splits) -> list[dict[str, Any]]:
    """Trains the task and returns the rows of the history."""
    folder, options = run.folder, run.recipe.training
    history, timing = HistoryFile(folder.history), TimingFile(folder.timing)
    best = keras.callbacks.EarlyStopping(
        monitor=options.monitor,
        mode=options.mode,
        patience=options.patience or options.epochs,
        restore_best_weights=True,
    )
    resume = Resume(folder.checkpoints, [history, timing], best)
    if resume.step:
        _say(f"resuming from step {resume.step}")
    task.fit(
        splits["train"],
        validation_data=splits["validation"],
        batch_size=options.batch_size,
        epochs=options.epochs,
        initial_epoch=resume.initial_epoch(options.epochs),
        seed=run.options.seed,
        verbose=1 if sys.stderr.isatty() else 2,
        callbacks=[
            DecodingMetric(splits["validation"], run.recipe.metrics, run.recipe.outputs),
            best,
            history,
            timing,
            keras.callbacks.TensorBoard(folder.logs, write_graph=False),
            resume,
        ],
    )
    return history.rows


def _report(run: Run, task: Any, splits: Splits) -> dict[str, float | None]:
    """Shows and writes what the trained task can do."""
    recipe, folder = run.recipe, run.folder
    for example, output in zip(
        recipe.examples, recipe.outputs(task, recipe.examples, recipe.search), strict=True
    ):
        print(f"{example} -> {output}")
    scores = {}
    for name in sorted(split for split in splits if split.startswith("test")):
        _say(f"evaluating {name}: {len(splits[name])} examples")
        of_split = recipe.scores(task, splits[name], recipe.search)
        prefix = "" if name == "test" else f"{name}_"
        scores |= {f"{prefix}{metric}": value for metric, value in of_split.items()}
    write_aside(str(folder.metrics), (json.dumps(scores, indent=2) + "\n").encode())
    try:
        attention_map(task, recipe.examples[0], path=folder.plots / "attention.png")
    except ValueError as error:  # a model without attention has no map
        _say(f"no attention map: {error}")
    with contextlib.redirect_stdout(sys.stderr):
        task.export(folder.export, search=recipe.search)
    _say(f"the run is in {folder.path}")
    print(json.dumps(scores))
    return scores


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
