"""Runs: a recipe carried out."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from seqzoo.explain import learning_curves, run_pictures
from seqzoo.preprocessing.files import remove_leftovers, write_aside
from seqzoo.recipe.compiling import compile_task
from seqzoo.recipe.plan import Run
from seqzoo.recipe.recipe import Splits
from seqzoo.training.averaging import EvaluateAverage, average_checkpoints
from seqzoo.training.callbacks import DecodingMetric, HistoryFile, TimingFile
from seqzoo.training.environment import Precision, devices, set_seed, use_precision
from seqzoo.training.resume import Resume
from seqzoo.training.strategies import (
    Strategy,
    check_agreement,
    has_several_workers,
    is_chief,
    wait_for_workers,
)
from seqzoo.training.strategies import strategy as make_strategy
from seqzoo.training.watching import Progress, StopAtBadStep


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
        strategy: "auto" (the default), "mirrored", "multiworker" or "tpu"; see
            `seqzoo.training.strategy`. Of several workers, which see one file system, the chief
            alone writes and reports.
        precision: "float32" (the default), "mixed_bfloat16" or "mixed_float16".

    Returns:
        The metrics of the test splits; those of splits other than "test" begin with the split's
        name. Nothing at a worker that is not the chief.

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
    given = {name: value for name, value in given.items() if value is not None}
    this = Run.begin(Path(recipe), None if out is None else Path(out), given, resume)
    replicas = make_strategy(this.options.strategy)  # before TensorFlow computes anything
    set_seed(this.options.seed, this.options.deterministic)
    splits = this.load_splits()
    with use_precision(this.options.precision), replicas.scope():
        task = _build(this, splits)
        check_agreement(replicas, "settings", this.fixed_settings())
        if is_chief(replicas):
            if this.folder.holds_run():
                remove_leftovers(this.folder.path)  # of a run that was killed
            else:
                this.folder.create(Path(recipe), this.options)
        with contextlib.redirect_stdout(sys.stderr):
            _fit(this, task, splits)
    scores = _finish(this, task, splits) if is_chief(replicas) else {}
    wait_for_workers(replicas)
    return scores


def _finish(run: Run, task: Any, splits: Splits) -> dict[str, float | None]:
    """Saves the trained task and reports what it can do."""
    if run.recipe.search is not None:
        task.search = run.recipe.search  # the preset keeps it
    task.save_preset(run.folder.preset)
    if has_several_workers(task.distribute_strategy):
        task = run.load_task()  # its own, as the others take no part in what follows
    return _report(run, task, splits)


def _build(run: Run, splits: Splits) -> Any:
    recipe, options = run.recipe, run.recipe.training
    task = recipe.build(splits, recipe.model)
    count = len(splits["train"])
    steps_per_epoch = task.count_steps(splits["train"], options.batch_size)
    compile_task(task, options, steps_per_epoch, run.options.seed)
    known = {"loss", *(metric.name for metric in task.metrics), *recipe.metrics}
    known -= {"gradient_norm", "tokens", "padding"}  # there are none in validation
    if options.monitor.removeprefix("val_") not in known:
        raise ValueError(
            f"`training.monitor` must be a column of the history. Received: {options.monitor!r}. "
            f"Known: {', '.join(sorted(f'val_{name}' for name in known))}."
        )
    _say(f"{count} training examples, {steps_per_epoch} steps in an epoch, on {devices()}")
    return task


def _fit(run: Run, task: Any, splits: Splits) -> None:
    folder, options = run.folder, run.recipe.training
    callbacks = _callbacks(run, is_chief(task.distribute_strategy))
    if run.recipe.metrics:
        decoding = DecodingMetric(splits["validation"], run.recipe.metrics, run.recipe.outputs)
        callbacks.insert(0, decoding)
    task.fit(
        splits["train"],
        validation_data=splits["validation"],
        batch_size=options.batch_size,
        epochs=options.epochs,
        seed=run.options.seed,
        verbose=_verbosity(task),
        callbacks=callbacks,
    )
    if options.average_checkpoints is not None:
        count = average_checkpoints(task, folder.checkpoints, options.average_checkpoints)
        _say(f"averaged {count} checkpoints")


def _verbosity(task: Any) -> int:
    if not is_chief(task.distribute_strategy):
        return 0
    return 1 if sys.stderr.isatty() else 2


def _callbacks(run: Run, chief: bool) -> list[keras.callbacks.Callback]:
    """All but the decoding; what adds to the logs of an epoch stands before what reads them."""
    folder, options = run.folder, run.recipe.training
    history, timing = HistoryFile(folder.history), TimingFile(folder.timing)
    watched: dict[str, Any] = {"monitor": options.monitor, "mode": options.mode}
    best = keras.callbacks.EarlyStopping(
        **watched, patience=options.patience or options.epochs, restore_best_weights=True
    )
    plateau = None
    if options.schedule == "plateau":
        patience = options.plateau_patience
        plateau = keras.callbacks.ReduceLROnPlateau(**watched, factor=0.5, patience=patience)
    keep = max(3, options.average_checkpoints or 1)
    every = options.checkpoint_steps
    resume = Resume(folder.checkpoints, [history, timing], best, every, keep, plateau)
    if resume.step:
        _say(f"resuming from step {resume.step}")
    return [
        best,
        *([plateau] if plateau else []),
        *([EvaluateAverage()] if options.ema is not None else []),
        history,
        timing,
        Progress(),
        *([keras.callbacks.TensorBoard(folder.logs, write_graph=False)] if chief else []),
        StopAtBadStep(resume=resume),
        resume,
    ]


def _report(run: Run, task: Any, splits: Splits) -> dict[str, float | None]:
    """Shows and writes what the trained task can do."""
    recipe, folder = run.recipe, run.folder
    examples = recipe.examples_of(splits)
    outputs = recipe.outputs(task, examples, recipe.search)
    for place, (example, output) in enumerate(zip(examples, outputs, strict=True)):
        print(f"{example if isinstance(example, str) else place} -> {output}")
    scores = {}
    tests = sorted(split for split in splits if split.startswith("test"))
    for name in tests or ["validation"]:  # of a text without a published test split
        _say(f"evaluating {name}: {len(splits[name])} examples")
        of_split = recipe.scores(task, splits[name], recipe.search)
        prefix = "" if name == "test" else f"{name}_"
        scores |= {f"{prefix}{metric}": value for metric, value in of_split.items()}
    write_aside(str(folder.metrics), (json.dumps(scores, indent=2) + "\n").encode())
    learning_curves(folder.history, folder.plots / "learning_curves.png")
    run_pictures(task, examples, outputs, splits.get("test", ()), folder.plots, _say)
    shutil.rmtree(folder.export, ignore_errors=True)  # of a run that was resumed
    with contextlib.redirect_stdout(sys.stderr):
        task.export(folder.export, search=recipe.search)
    _say(f"the run is in {folder.path}")
    print(json.dumps(scores))
    return scores


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
