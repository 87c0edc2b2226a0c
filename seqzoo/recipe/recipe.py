"""Recipes, their answers to inputs, and recipe files."""

from __future__ import annotations

import dataclasses
import math
import sys
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqzoo.listing import find_recipe
from seqzoo.metrics import CAPTION_METRICS, METRICS
from seqzoo.preprocessing.music import piece_as_text
from seqzoo.recipe.search_flags import SearchFlags
from seqzoo.recipe.training_options import TrainingOptions
from seqzoo.recipe.unknown_lines import unknown_lines
from seqzoo.tasks import Captioner, Classifier, Forecaster, FrameModel, Seq2Seq, Tagger
from seqzoo.training.callbacks import Metric

Splits = dict[str, Sequence[Any]]

_SHOWN = 5  # inputs


class Answer(NamedTuple):
    """One answer of a task to an input: the output, which metrics compare, and its score."""

    output: Any
    score: float


def unchanged(task: Any, splits: Splits, model: Any) -> Splits:
    """Returns the splits unchanged."""
    return splits


def generated_answers(
    task: Any, inputs: Sequence[Any], search: Any, **request: Any
) -> list[list[Answer]]:
    """Returns what `task.generate` returns for each input, best first.

    `request` holds further arguments of `generate`.
    """
    hypotheses = task.generate(list(inputs), search=search, return_hypotheses=True, **request)
    return [[Answer(each.text, each.score) for each in n_best] for n_best in hypotheses]


def classified_answers(task: Any, inputs: Sequence[Any], search: Any) -> list[list[Answer]]:
    """Returns the labels of each input with their probabilities, the most probable first.

    A multi-label task gives one answer: the list of its labels, and the probability of the least
    probable of them (1 where there is none).
    """
    probabilities = task.probabilities(list(inputs))
    names = task.preprocessor.labels.names
    if not task.head.multi_label:
        order = np.argsort(-probabilities, axis=1, kind="stable")
        return [
            [Answer(names[index], float(row[index])) for index in indices]
            for row, indices in zip(probabilities, order, strict=True)
        ]
    chosen = probabilities >= task.head.thresholds.numpy()
    return [
        [
            Answer(
                [name for name, is_chosen in zip(names, mask, strict=True) if is_chosen],
                float(row[mask].min(initial=1.0)),
            )
        ]
        for row, mask in zip(probabilities, chosen, strict=True)
    ]


def tagged_answers(task: Any, inputs: Sequence[Any], search: Any) -> list[list[Answer]]:
    """Returns the most probable tags of each input and their log-probability.

    An input is a list of tokens, or a text of tokens separated by spaces or tabs.
    """
    preprocessor = task.preprocessor
    sentences = [preprocessor.tokens(each) if isinstance(each, str) else each for each in inputs]
    best = task.tag_n_best(sentences, n=1)
    return [[Answer(path.tags, path.log_prob) for path in paths] for paths in best]


def filled_answers(task: Any, inputs: Sequence[Any], search: Any) -> list[list[Answer]]:
    """Returns each text with its hidden tokens filled in, and the log-probability of these."""
    inputs = list(inputs)
    best = [[each[0].probability for each in filled] for filled in task.fill(inputs)]
    return [
        [Answer(text, math.fsum(map(math.log, probabilities)))]
        for text, probabilities in zip(task.fill_texts(inputs), best, strict=True)
    ]


def forecast_answers(task: Any, inputs: Any, search: Any) -> list[list[Answer]]:
    """Returns the forecast of each series `(H, C)`; `inputs` are series in any form."""
    if isinstance(inputs, Sequence) and not inputs:
        return []
    return [[Answer(forecast, math.nan)] for forecast in task.forecast(inputs)]


def continued_answers(task: Any, inputs: Sequence[Any], search: Any) -> list[list[Answer]]:
    """Returns the frames that follow each piece, as a text; see `preprocessing.piece_as_text`."""
    return [[Answer(piece_as_text(piece), math.nan)] for piece in task.generate(list(inputs))]


ANSWERS: dict[str, Callable[..., list[list[Answer]]]] = {
    "generated": generated_answers,
    "classified": classified_answers,
    "tagged": tagged_answers,
    "filled": filled_answers,
    "forecast": forecast_answers,
    "continued": continued_answers,
}
"""The functions that answer inputs from a task alone, by the names that records of runs have."""


class Figure(NamedTuple):
    """A figure of a recipe: the name of the metric, the published value and the measured one."""

    metric: str
    published: str
    measured: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that a training needs, from the data to the expected figures.

    A recipe needs `load` and `build`; what else is left out suits the task that `build` returns.
    `data`, `model`, `training` and `search` are frozen dataclasses whose fields may be set by
    name, `--set model.units=64`.

    Args:
        load: Function of a folder, or None for the embedded default, and of `data`. Returns the
            splits: "train", "validation" and any number whose names start with "test", each a
            sequence of pairs of a raw input and its reference, of texts for a language model, or
            of pieces for a model of frames.
        build: Function of the splits and of `model`. Adapts the preprocessing to the training
            split and returns a task, not compiled.
        name: Short name, with which the folder of a run starts; "" is the name of the file.
        data: Settings of the data, if any.
        model: Settings of the model, if any.
        training: How the task is trained.
        search: The default search of `predict`, `evaluate` and `export`; None is that of the
            task, if it searches. Validation during training uses the task's own.
        metrics: Functions of the outputs and the references, by name; None is accuracy and macro
            F1 for classes, accuracy (and F1 of entities) for tags, BLEU and chrF for texts, and
            the scores of captions.
        examples: Inputs whose outputs are shown after the training, or a function of the splits
            that returns them; None shows a few of the test split.
        figures: The published and measured figures.
        respond: Function of the task, inputs and a search that returns each input's answers,
            best first; None suits the task.
        prepare: Function of the task, not compiled, of the splits and of `model`. It is called
            before the training, also of a resumed run, for example to pre-train a part of the
            task. Returns the splits that the training uses.
        report: Function of the task and of a split that returns further scores by name, such as
            those of a competition.
    """

    load: Callable[[Path | None, Any], Splits]
    build: Callable[[Splits, Any], Any]
    name: str = ""
    data: Any = None
    model: Any = None
    training: TrainingOptions = dataclasses.field(default_factory=TrainingOptions)
    search: Any = None
    metrics: Mapping[str, Metric] | None = None
    examples: Sequence[Any] | Callable[[Splits], Sequence[Any]] | None = None
    figures: Sequence[Figure] = ()
    respond: Callable[..., list[list[Answer]]] | None = None
    prepare: Callable[[Any, Splits, Any], Splits] = unchanged
    report: Callable[[Any, Any], Mapping[str, float]] | None = None

    def completed(self, task: Any) -> Recipe:
        """Returns the recipe with what suits a task in place of each None."""
        defaults: dict[str, Any] = {
            "search": getattr(task, "search", None),
            "metrics": _metrics_of(task),
            "examples": () if isinstance(task, Forecaster) else first_inputs,
            "respond": answers_of(task),
        }
        missing = {name: it for name, it in defaults.items() if getattr(self, name) is None}
        return dataclasses.replace(self, **missing)

    def load_splits(self, folder: str | Path | None) -> Splits:
        """Returns the splits of the data in a folder, or of the embedded default.

        Raises:
            ValueError: if there is nothing to train on or to validate with.
        """
        splits = self.load(None if folder is None else Path(folder), self.data)
        for name in ("train", "validation"):
            if not splits.get(name):
                raise ValueError(
                    f"The split {name!r} must hold at least one example. Received: none. "
                    "Check the files and the settings of `data`."
                )
        return splits

    def examples_of(self, splits: Splits) -> Sequence[Any]:
        """Returns the inputs whose outputs are shown."""
        return self.examples(splits) if callable(self.examples) else self.examples or ()

    def outputs(self, task: Any, inputs: Sequence[Any], search: Any = None) -> list[Any]:
        """Returns the best output for each input; "" where a search returned none."""
        answers = (self.respond or answers_of(task))(task, inputs, search)
        return [n_best[0].output if n_best else "" for n_best in answers]

    def scores(self, task: Any, examples: Sequence[Any], search: Any) -> dict[str, float | None]:
        """Returns the task's loss and metrics and the recipe's; None for one that is not finite.

        It tells on stderr how many inputs and answers hold an unknown word.

        Raises:
            ValueError: if there are no examples.
        """
        if not examples:
            raise ValueError("There must be at least one example to score. Received: none.")
        scores = dict(task.evaluate(examples, return_dict=True, verbose=0))
        if self.metrics:
            inputs, references = zip(*examples, strict=True)
            outputs = self.outputs(task, inputs, search)
            for line in unknown_lines(task, inputs, outputs):
                print(line, file=sys.stderr, flush=True)
            scores |= {name: metric(outputs, references) for name, metric in self.metrics.items()}
        if self.report is not None:
            scores |= self.report(task, examples)
        return {name: float(v) if math.isfinite(v) else None for name, v in scores.items()}

    def search_as(self, flags: SearchFlags) -> Any:
        """Returns the search with the flags of the command line applied.

        Raises:
            ValueError: if the task does not search, or flags contradict each other.
        """
        return flags.applied_to(self.search, f"The recipe {self.name!r}")


def first_inputs(splits: Splits) -> list[Any]:
    """Returns the first five inputs of the test split, or of the validation split if there is none.

    Of texts alone, which a language model learns from, it returns their first words.
    """
    examples = splits.get("test") or splits["validation"]
    first = [examples[index] for index in range(min(_SHOWN, len(examples)))]
    if all(isinstance(each, str) for each in first):
        return [" ".join(text.split()[:3]) for text in first if text.strip()]
    return [source for source, _ in first]


def _metrics_of(task: Any) -> Mapping[str, Metric]:
    if isinstance(task, Classifier):
        names = ("micro_f1",) if task.head.multi_label else ("accuracy", "macro_f1")
    elif isinstance(task, Tagger):
        has_spans = any(tag.startswith("B-") for tag in task.preprocessor.labels.names)
        names = ("tag_accuracy", "entity_f1") if has_spans else ("tag_accuracy",)
    elif isinstance(task, Captioner):
        return CAPTION_METRICS
    else:
        names = ("bleu", "chrf") if isinstance(task, Seq2Seq) else ()
    return {name: METRICS[name] for name in names}


def answers_of(task: Any) -> Callable[..., list[list[Answer]]]:
    """Returns the function that answers inputs for a kind of task."""
    if isinstance(task, Classifier):
        return classified_answers
    if isinstance(task, Forecaster):
        return forecast_answers
    if isinstance(task, FrameModel):
        return continued_answers
    return tagged_answers if isinstance(task, Tagger) else generated_answers


def load_recipe(path: str | Path, source: bytes | None = None, name: str | None = None) -> Recipe:
    """Runs a recipe file and returns its recipe.

    Args:
        path: Path of the file, or the name of a recipe in ./recipes or of seqzoo's own, such as
            "dates".
        source: Its content, where it has been read already.
        name: Of a recipe that has no name; None is that of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file cannot be run, or holds none or several recipes.
    """
    path = find_recipe(str(path)) if source is None else Path(path)
    recipes = _recipes_in(path, read_recipe(path) if source is None else source)
    if len(recipes) != 1:
        raise ValueError(
            f"A recipe file must hold one `recipe = Recipe(...)`. Received: {path}, which holds "
            f"{len(recipes)}."
        )
    named = {} if recipes[0].name else {"name": name or path.stem}
    return dataclasses.replace(recipes[0], **named)


def read_recipe(path: Path) -> bytes:
    """Returns the content of a recipe file, which is not run.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"No recipe file {str(path)!r}. `seqzoo list` shows the recipes.")
    return path.read_bytes()


def _recipes_in(path: Path, source: bytes) -> list[Recipe]:
    module = types.ModuleType(f"recipe {path.resolve()}")
    module.__file__ = str(path)
    # The type hints of a dataclass are looked up in the module that `sys.modules` holds.
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, str(path), "exec"), vars(module))
    except Exception as error:
        raise ValueError(f"{path} cannot be run: {_described(error, path)}. Correct it.") from error
    return [value for value in vars(module).values() if isinstance(value, Recipe)]


def _described(error: Exception, path: Path) -> str:
    """The error, with the line of the file that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    line = getattr(error, "lineno", None) or (lines[-1] if lines else None)
    return f"{type(error).__name__}{f' in line {line}' if line else ''}: {error}"
