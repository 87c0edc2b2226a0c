"""A compiled task trained as a run says."""

from __future__ import annotations

import sys
from typing import Any

import keras

from seqzoo.recipe.plan import Run
from seqzoo.recipe.recipe import Splits
from seqzoo.training.averaging import EvaluateAverage, average_checkpoints
from seqzoo.training.callbacks import DecodingMetric, HistoryFile, TimingFile
from seqzoo.training.resume import Resume
from seqzoo.training.strategies import is_chief
from seqzoo.training.watching import Progress, StopAtBadStep


def fit(run: Run, task: Any, splits: Splits) -> None:
    """Trains a compiled task, or goes on with it, and leaves it with the weights to keep."""
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
        print(f"averaged {count} checkpoints", file=sys.stderr, flush=True)


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
        print(f"resuming from step {resume.step}", file=sys.stderr, flush=True)
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
