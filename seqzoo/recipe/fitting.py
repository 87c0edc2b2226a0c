"""A task compiled and trained as a run's options say."""

from __future__ import annotations

import sys
from typing import Any

import keras

from seqzoo.recipe.recipe import Splits
from seqzoo.recipe.training_options import TrainingOptions
from seqzoo.recipe.training_run import Run
from seqzoo.tasks.sampled_feeding import SampledFeeding
from seqzoo.training.averaging import EvaluateAverage, average_checkpoints
from seqzoo.training.callbacks import DecodingMetric, HistoryFile, TimingFile
from seqzoo.training.optimizer import Adam
from seqzoo.training.resume import Resume
from seqzoo.training.scheduled_sampling import ScheduledSampling
from seqzoo.training.schedules import make_schedule
from seqzoo.training.stopping import StopAtSignal, Stopped, StopSignals
from seqzoo.training.strategies import has_several_workers, is_chief
from seqzoo.training.watching import Progress, StopAtBadStep

_TELLING = 3  # epochs that tell something
_SMALL_GAIN = 0.01  # of the watched value in an epoch

_CLIPPINGS = {
    "global": "global_clipnorm",
    "layer": "layer_clipnorm",
    "variable": "clipnorm",
    "value": "clipvalue",
}


def make_optimizer(options: TrainingOptions, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Returns Adam with the schedule, clipping and averaging that the options name.

    Raises:
        ValueError: if the warm-up of a cosine is as long as the training or longer.
    """
    steps = options.epochs * steps_per_epoch
    rate = make_schedule(options.schedule, options.learning_rate, options.warmup_steps, steps)
    average = {} if options.ema is None else {"use_ema": True, "ema_momentum": options.ema}
    return Adam(rate, **{_CLIPPINGS[options.clip]: options.clipnorm}, **average)


def compile_task(task: Any, options: TrainingOptions, steps_per_epoch: int, seed: int) -> None:
    """Compiles a task that has just been built.

    Raises:
        ValueError: if an option does not apply to the task.
    """
    sampling: dict[str, Any] = {}
    if options.scheduled_sampling:
        if not isinstance(task, SampledFeeding):
            raise ValueError(
                "`training.scheduled_sampling` is for translators and captioners, whose decoder is "
                f"fed the text so far. Received: a {type(task).__name__}. Leave it out."
            )
        sampling["scheduled_sampling"] = ScheduledSampling(
            options.scheduled_sampling,
            options.sampling_schedule,
            options.sampling_steps,
            options.sampling_per,
            seed,
        )
    if options.label_smoothing is not None:
        _smooth_labels(task.head, options.label_smoothing)
    task.compile(
        optimizer=make_optimizer(options, steps_per_epoch),
        accumulation_steps=options.accumulation_steps,
        **sampling,
    )


def _smooth_labels(head: Any, share: float) -> None:
    has_crf = getattr(head, "crf", False)
    if has_crf or not hasattr(head, "label_smoothing"):
        raise ValueError(
            "`training.label_smoothing` is for heads that score each label for itself. Received: "
            f"a {type(head).__name__} head{' with a CRF' if has_crf else ''}. Leave it out."
        )
    head.label_smoothing = share


def fit(
    run: Run, task: Any, splits: Splits, signals: StopSignals, accept_changes: bool = False
) -> None:
    """Trains a compiled task, or continues, and leaves it with its final weights.

    Args:
        run: The run.
        task: The task.
        splits: The examples to train on and to validate with.
        signals: Those that stop it; what was learned is in a checkpoint then, but of several
            workers, who stop at once.
        accept_changes: As in `training.Resume`.

    Raises:
        Stopped: by a signal.
    """
    folder, options = run.folder, run.recipe.training
    callbacks = _callbacks(run, is_chief(task.distribute_strategy), accept_changes)
    outputs = run.recipe.outputs
    if not has_several_workers(task.distribute_strategy):
        stopping = StopAtSignal(signals)
        callbacks.append(stopping)
        outputs = stopping.interruptible(outputs)
    if run.recipe.metrics:
        callbacks.insert(0, DecodingMetric(splits["validation"], run.recipe.metrics, outputs))
    try:
        history = task.fit(
            splits["train"],
            validation_data=splits["validation"],
            batch_size=options.batch_size,
            epochs=options.epochs,
            seed=run.options.seed,
            verbose=_verbosity(task),
            callbacks=callbacks,
        )
    except Stopped as stopped:
        if not (stopped.at_once or has_several_workers(task.distribute_strategy)):
            _write_unsaved(callbacks)
        raise
    for line in _advice(history.history.get(options.monitor, []), options):
        print(line, file=sys.stderr, flush=True)
    if options.average_checkpoints is not None:
        count = average_checkpoints(task, folder.checkpoints, options.average_checkpoints)
        print(f"averaged {count} checkpoints", file=sys.stderr, flush=True)


def _advice(values: list[float], options: TrainingOptions) -> list[str]:
    """What the watched values of the epochs say about the length of the training, if anything."""
    if len(values) < _TELLING:
        return []
    better = min if options.mode == "min" else max
    best = values.index(better(values))
    name = options.monitor
    gain = abs(values[-1] - values[-2]) / max(abs(values[-2]), 1e-12)
    if best == len(values) - 1 and gain > _SMALL_GAIN:
        return [
            f"{name} was still getting better in the last epoch, by {gain:.1%}: the model has not "
            f"converged. Train longer, --set training.epochs={2 * options.epochs}."
        ]
    if best < len(values) / 3:
        return [
            f"{name} was best in epoch {best + 1} of {len(values)}, whose weights are kept: from "
            "then on the model learned its training examples by heart. More examples, a higher "
            "dropout or a smaller model would do better."
        ]
    return []


def _write_unsaved(callbacks: list[keras.callbacks.Callback]) -> None:
    """Writes a checkpoint of what was learned since the last one, where a training stopped."""
    for callback in callbacks:
        if isinstance(callback, EvaluateAverage):
            callback.restore_weights()
    for callback in callbacks:
        if isinstance(callback, Resume):
            callback.write_unsaved()


def _verbosity(task: Any) -> int:
    if not is_chief(task.distribute_strategy):
        return 0
    return 1 if sys.stderr.isatty() else 2


def _callbacks(run: Run, chief: bool, accept_changes: bool) -> list[keras.callbacks.Callback]:
    """All but the decoding; callbacks that add to an epoch's logs come before their readers."""
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
    tables = [history, timing]
    resume = Resume(folder.checkpoints, tables, best, every, keep, plateau, accept_changes)
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
