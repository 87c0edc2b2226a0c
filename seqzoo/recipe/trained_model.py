"""The trained model of a run and how it answers, from data alone wherever that is possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqzoo.importing import from_preset
from seqzoo.recipe.folder import RunFolder
from seqzoo.recipe.recipe import ANSWERS, Answer, answers_of
from seqzoo.recipe.search_flags import SearchFlags
from seqzoo.recipe.training_run import Run, load_trained
from seqzoo.tasks import (
    Classifier,
    ClassifierEnsemble,
    Ensemble,
    GenerationTask,
    Tagger,
    TaggerEnsemble,
)
from seqzoo.trained import is_address, presets


class TrainedModel(NamedTuple):
    """What `predict`, `explain` and `export` need of a run.

    Attributes:
        name: Of the run's recipe.
        task: The trained task.
        search: The search that the recipe names; None where the task does not search.
        respond: As in `Recipe`.
    """

    name: str
    task: Any
    search: Any
    respond: Callable[..., Sequence[Sequence[Answer]]]

    def search_as(self, flags: SearchFlags) -> Any:
        """Returns the search with the flags of the command line applied.

        Raises:
            ValueError: if the task does not search, or flags contradict each other.
        """
        return flags.applied_to(self.search, f"The model of the recipe {self.name!r}")


def open_trained(path: str | Path, trust: bool = False, answers: bool = False) -> TrainedModel:
    """Reads the trained model of a run, of `sz.presets()` or of a repository of Hugging Face.

    No code of the run is executed, but where the model has classes of its own, the recipe answers
    by a function of its own, or version 0.1.0 made the run.

    Args:
        path: Folder of the run, the name of a trained model, or `hf://owner/name`.
        trust: As in `Run.open`.
        answers: Whether `respond` is needed.

    Raises:
        FileNotFoundError: if the folder holds no run, or its training has not ended.
        ValueError: if code would have to be executed that may not be, or the run is damaged.
    """
    if is_address(str(path)) or (not Path(path).exists() and str(path) in presets()):
        task = from_preset(path)
        return TrainedModel(str(path), task, getattr(task, "search", None), answers_of(task))
    folder = RunFolder(Path(path))
    provenance = folder.record(trust).provenance
    if provenance is None or provenance.own_classes or (answers and not provenance.answers):
        run = Run.open(path, trust)
        task = run.load_task()
        recipe = run.recipe.completed(task)
        respond = recipe.respond or ANSWERS["generated"]
        return TrainedModel(recipe.name, task, recipe.search, respond)
    task = load_trained(folder)
    respond = ANSWERS[provenance.answers or "generated"]
    return TrainedModel(provenance.recipe, task, getattr(task, "search", None), respond)


def as_ensemble(run: Run, task: Any, others: Sequence[str | Path], trust: bool = False) -> Any:
    """Returns an ensemble of the trained task of a run and of those of others, compiled.

    Args:
        run: The run of the first member.
        task: Its trained task.
        others: Folders of further runs.
        trust: As in `Run.open`.

    Raises:
        FileNotFoundError: if a folder holds no run, or its training has not ended.
        ValueError: if a run learned from other examples, which may be among those of the test, or
            does not tell from which; or the tasks do not fit, or no ensemble is for their kind.
    """
    members = [task]
    for path in others:
        folder = RunFolder(Path(path))
        first, other = run.provenance, folder.record(trust).provenance
        if first is None or other is None or first.splits != other.splits:  # None: version 0.1.0
            raise ValueError(
                "The runs of an ensemble must have learned from the same examples. Received: "
                f"{folder.path} tells of other splits than {run.folder.path}. Train it with "
                "the same recipe, data and settings of `data`, and another --seed."
            )
        members.append(load_trained(folder))
    kinds = {GenerationTask: Ensemble, Classifier: ClassifierEnsemble, Tagger: TaggerEnsemble}
    make = next((each for kind, each in kinds.items() if isinstance(task, kind)), None)
    if make is None:
        raise ValueError(
            f"There is no ensemble of a {type(task).__name__}. Evaluate the runs one by one."
        )
    ensemble = make(members)
    ensemble.compile()
    return ensemble
