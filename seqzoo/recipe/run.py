"""`run` trains a recipe, evaluates it and exports it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqzoo.baselines import Baseline, Comparison, baselines, compare, skill_lines
from seqzoo.explain import learning_curves, run_pictures
from seqzoo.files.atomic_write import write_atomically
from seqzoo.files.folder_lock import locked_folder
from seqzoo.recipe.fitting import compile_task, fit
from seqzoo.recipe.provenance import provenance_of, split_digests
from seqzoo.recipe.recipe import Recipe, Splits
from seqzoo.recipe.record import RunRecord
from seqzoo.recipe.training_run import Run
from seqzoo.tasks import Forecaster
from seqzoo.training.environment import Precision, devices, set_seed, use_precision
from seqzoo.training.stopping import Stopped, StopSignals
from seqzoo.training.strategies import (
    Strategy,
    check_agreement,
    has_several_workers,
    is_chief,
    wait_for_workers,
)
from seqzoo.training.strategies import strategy as make_strategy


def run(
    recipe: str | Path,
    out: str | Path | None = None,
    data: str | Path | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
    resume: bool = False,
    strategy: Strategy | None = None,
    precision: Precision | None = None,
    accept_changes: bool = False,
    trust: bool = False,
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
        resume: Whether to continue the run in the folder, if there is one. Arguments that are
            not given are then as in that run.
        strategy: "auto" (the default), "mirrored", "multiworker" or "tpu"; see
            `seqzoo.training.strategy`. Several workers must share a file system; only the chief
            writes and reports.
        precision: "float32" (the default), "mixed_bfloat16" or "mixed_float16".
        accept_changes: Whether to continue although the recipe, the data or the version of the
            code have changed since.
        trust: Whether links in the folder of a run to continue may lead out of it, and the recipe
            may be the copy in it, whoever made the run.

    Returns:
        The metrics of the test splits; those of splits other than "test" start with the split's
        name. Empty on a worker that is not the chief.

    Raises:
        ValueError: if an argument is wrong. Nothing is written then.
        OSError: if a file cannot be read. Nothing is written then.
        Stopped: a KeyboardInterrupt, at SIGTERM or Ctrl-C. What was learned is in a checkpoint
            then, but of several workers, and where a second signal comes before a step has ended.
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
    folder = None if out is None else Path(out)
    this = Run.start(Path(recipe), folder, given, resume, accept_changes, trust)
    resumed = this.folder.holds_run()
    with StopSignals() as signals:
        try:
            return _train(this, resumed, accept_changes, signals)
        except Stopped as stopped:
            way = "; nothing was written"
            if this.folder.holds_run():
                command = shlex.join(
                    ["seqzoo", "train", str(recipe), "--out", str(this.folder.path)]
                )
                way = f"; go on by: {command} --resume"
            raise Stopped(stopped.number, stopped.at_once, way) from None


def _train(
    this: Run, resumed: bool, accept_changes: bool, signals: StopSignals
) -> dict[str, float | None]:
    """Does the work of `run`; `resumed` says whether its folder held a run before."""
    replicas = make_strategy(this.options.strategy)  # before TensorFlow computes anything
    chief = is_chief(replicas)
    with contextlib.ExitStack() as held:
        if chief and resumed:
            held.enter_context(locked_folder(this.folder.path))
        set_seed(this.options.seed, this.options.deterministic)
        splits = this.load_splits()
        digests = split_digests(splits)
        if not accept_changes:
            this.check_same_data(digests)
        with use_precision(this.options.precision), replicas.scope():
            this, task, fitted = _build(this, splits)
            check_agreement(replicas, "settings", this.fixed_settings())
            made_of = provenance_of(this.recipe, this.source, this.modules, task, digests)
            record = RunRecord(this.options, made_of)
            if chief and resumed:
                this.folder.remove_leftovers()
                if accept_changes:
                    this.folder.write(this.source, record)
            elif chief:
                this.folder.create(this.source, record)
                held.enter_context(locked_folder(this.folder.path))
            trivial = baselines(task, splits["train"]) if chief else []
            levels = compare(trivial, splits["validation"], this.recipe.metrics or {})
            for line in levels.lines():
                _say(f"validation {line}")
            with contextlib.redirect_stdout(sys.stderr):
                fit(this, task, fitted, signals, accept_changes)
        scores = _finish(this, task, splits, trivial, levels) if chief else {}
        wait_for_workers(replicas)
    return scores


def _finish(
    run: Run, task: Any, splits: Splits, trivial: list[Baseline], levels: Comparison
) -> dict[str, float | None]:
    """Saves the trained task and reports its metrics; `levels` are the baselines' in validation."""
    if run.recipe.search is not None:
        task.search = run.recipe.search  # it is saved in the preset
    task.save_preset(run.folder.preset)
    if has_several_workers(task.distribute_strategy):
        task = run.load_task()  # without the strategy, as the other workers have ended
    return _report(run, task, splits, trivial, levels)


def _build(run: Run, splits: Splits) -> tuple[Run, Any, Splits]:
    """Returns the run with a recipe that is complete, the compiled task, and what it trains on."""
    task = run.recipe.build(splits, run.recipe.model)
    run = dataclasses.replace(run, recipe=run.recipe.completed(task))
    recipe, options = run.recipe, run.recipe.training
    with contextlib.redirect_stdout(sys.stderr):
        splits = recipe.prepare(task, splits, recipe.model)
    train = task.read(splits["train"]).x
    count, steps_per_epoch = (task.count_steps(train, size) for size in (1, options.batch_size))
    compile_task(task, options, steps_per_epoch, run.options.seed)
    _check_labels(task, splits)
    known = {"loss", *(metric.name for metric in task.metrics), *(recipe.metrics or ())}
    known -= {"gradient_norm", "tokens", "padding", "idle_steps"}  # these exist in training only
    if options.monitor.removeprefix("val_") not in known:
        raise ValueError(
            f"`training.monitor` must be a column of the history. Received: {options.monitor!r}. "
            f"Known: {', '.join(sorted(f'val_{name}' for name in known))}."
        )
    _say(f"{count} training examples, {steps_per_epoch} steps in an epoch, on {devices()}")
    _say(
        f"{task.count_params():,} parameters, {options.epochs} epochs in batches of "
        f"{options.batch_size}, learning rate {options.learning_rate:g}, {options.schedule}"
    )
    return run, task, splits


def _check_labels(task: Any, splits: Splits) -> None:
    """Raises ValueError if a validation or test split holds a label that training does not."""
    if hasattr(task.preprocessor, "labels"):
        for name in splits:
            if name.startswith(("validation", "test")):
                try:
                    task.preprocessor.examples(splits[name])
                except ValueError as error:
                    raise ValueError(f"{error} Split: {name!r}.") from error


def _report(
    run: Run, task: Any, splits: Splits, trivial: list[Baseline], levels: Comparison
) -> dict[str, float | None]:
    """Prints and writes outputs, metrics, pictures and the exported model."""
    recipe, folder = run.recipe, run.folder
    examples = recipe.examples_of(splits)
    outputs = recipe.outputs(task, examples, recipe.search)
    for index, (example, output) in enumerate(zip(examples, outputs, strict=True)):
        print(f"{_shown(example, index)} -> {output}")
    scores = {}
    tests = sorted(split for split in splits if split.startswith("test"))
    for name in tests or ["validation"]:  # some corpora publish no test split
        what = "series" if isinstance(task, Forecaster) else "examples"
        _say(f"evaluating {name}: {len(splits[name])} {what}")
        of_split = recipe.scores(task, splits[name], recipe.search)
        of_split |= beside_baselines(trivial, of_split, splits[name], recipe)
        prefix = "" if name == "test" else f"{name}_"
        scores |= {f"{prefix}{metric}": value for metric, value in of_split.items()}
    write_atomically(folder.metrics, (json.dumps(scores, indent=2) + "\n").encode())
    learning_curves(folder.history, folder.plots / "learning_curves.png", levels.best())
    held_out = splits.get("test", splits.get("validation", ()))
    run_pictures(task, examples, outputs, held_out, folder.plots, _say)
    with contextlib.redirect_stdout(sys.stderr):
        task.export(folder.export, search=recipe.search, overwrite=True)  # a resumed run's
    _say(f"the run is in {folder.path}")
    print(json.dumps(scores))
    return scores


def beside_baselines(
    trivial: list[Baseline],
    scores: dict[str, float | None],
    examples: Sequence[Any],
    recipe: Recipe,
) -> dict[str, float]:
    """Tells what baselines reach on examples, and whether a model with these scores is better.

    Returns:
        The best values of the baselines, by the names of the metrics with "baseline_" in front.
    """
    reached = compare(trivial, examples, recipe.metrics or {})
    for line in (*reached.lines(scores), *skill_lines(scores)):
        _say(line)
    return {f"baseline_{name}": value for name, value in reached.best().items()}


def _shown(example: Any, index: int) -> str:
    """An input as a line shows it: its text or tokens, else its index."""
    if isinstance(example, (list, tuple)) and all(isinstance(each, str) for each in example):
        return " ".join(example)
    return example if isinstance(example, str) else str(index)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
