"""What a recipe is."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqzoo.recipe.search_flags import SearchFlags
from seqzoo.recipe.training_options import TrainingOptions
from seqzoo.training.callbacks import Metric

Splits = dict[str, Sequence[Any]]


class Answer(NamedTuple):
    """One answer of a task to an input: what metrics compare, and its score."""

    output: Any
    score: float


def as_they_are(task: Any, splits: Splits, model: Any) -> Splits:
    """Returns the splits: nothing is done ahead of the training."""
    return splits


def generated_answers(
    task: Any, inputs: Sequence[Any], search: Any, **request: Any
) -> list[list[Answer]]:
    """What `task.generate` finds for each input, best first; `request` are further arguments."""
    hypotheses = task.generate(list(inputs), search=search, return_hypotheses=True, **request)
    return [[Answer(each.text, each.score) for each in found] for found in hypotheses]


class Figure(NamedTuple):
    """A figure of a recipe: the name of the metric, and its value elsewhere and here."""

    metric: str
    published: str
    measured: str


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All that a training needs, from the data to the figures that it should reach.

    `data`, `model`, `training` and `search` are frozen dataclasses whose fields may be set by
    name, `--set model.units=64`.

    Args:
        name: Short name, the first part of the folder of a run.
        load: Function of a folder, or None for the embedded default, and of `data`. Returns the
            splits: "train", "validation" and any number whose names begin with "test", each a
            sequence of pairs of a raw input and its reference, or of texts for a language model.
        build: Function of the splits and of `model`. Adapts the preprocessing to the training
            split and returns a task, not compiled.
        data: Settings of the data.
        model: Settings of the model.
        training: How the task is trained.
        search: The default search of `predict`, `evaluate` and `export`; None for a task that
            searches nothing. Validation during training uses the task's own.
        metrics: Functions of the outputs and the references, by name.
        examples: Inputs whose outputs are shown after the training, or a function of the splits
            that returns them.
        figures: What the recipe reaches.
        respond: Function of the task, inputs and a search that returns each input's answers,
            best first.
        prepare: Function of the task, not compiled, of the splits and of `model`. It is called
            ahead of the training, of one that is resumed too, such as to train a part of the task
            in another way. Returns what "train" and "validation" are in the training.
    """

    name: str
    load: Callable[[Path | None, Any], Splits]
    build: Callable[[Splits, Any], Any]
    data: Any
    model: Any
    training: TrainingOptions
    search: Any
    metrics: Mapping[str, Metric]
    examples: Sequence[Any] | Callable[[Splits], Sequence[Any]]
    figures: Sequence[Figure]
    respond: Callable[[Any, Sequence[Any], Any], list[list[Answer]]] = generated_answers
    prepare: Callable[[Any, Splits, Any], Splits] = as_they_are

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
        return self.examples(splits) if callable(self.examples) else self.examples

    def outputs(self, task: Any, inputs: Sequence[Any], search: Any = None) -> list[Any]:
        """Returns the best output for each input; "" where a search found none."""
        answers = self.respond(task, inputs, search)
        return [found[0].output if found else "" for found in answers]

    def scores(self, task: Any, examples: Sequence[Any], search: Any) -> dict[str, float | None]:
        """Returns the task's loss and metrics and the recipe's; None for one that is not finite.

        Raises:
            ValueError: if there are no examples.
        """
        if not examples:
            raise ValueError("There must be at least one example to score. Received: none.")
        scores = dict(task.evaluate(examples, return_dict=True, verbose=0))
        if self.metrics:
            inputs, references = zip(*examples, strict=True)
            outputs = self.outputs(task, inputs, search)
            scores |= {name: metric(outputs, references) for name, metric in self.metrics.items()}
        return {name: float(v) if math.isfinite(v) else None for name, v in scores.items()}

    def search_as(self, flags: SearchFlags) -> Any:
        """Returns the search with what the command line asks for, or as it is.

        Raises:
            ValueError: if a task that searches nothing should search so, or flags contradict each
                other.
        """
        if self.search is None:
            asked = flags.asked()
            if asked - {"n_best"}:
                name = min(asked - {"n_best"}).replace("_", "-")
                raise ValueError(f"The recipe {self.name!r} searches nothing. Leave out --{name}.")
            return None
        return flags.applied_to(self.search)
