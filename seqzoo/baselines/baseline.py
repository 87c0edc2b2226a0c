"""The baselines of a task, and what they reach beside it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from seqzoo.baselines.answers import CentralCaption, Copy, MostFrequent, MostFrequentTag
from seqzoo.baselines.keys import KeyChanges, KeyShares
from seqzoo.baselines.ngrams import NGrams
from seqzoo.baselines.words import NearestNeighbour, WeightedWords
from seqzoo.metrics.residues import UNKNOWN_TAG
from seqzoo.preprocessing.labelled_residues import LabelledResidues
from seqzoo.preprocessing.tagged_residues import TaggedResidues
from seqzoo.tasks.captioner import Captioner
from seqzoo.tasks.classifier import Classifier
from seqzoo.tasks.forecaster import Forecaster
from seqzoo.tasks.frame_model import FrameModel
from seqzoo.tasks.language_model import LanguageModel
from seqzoo.tasks.seq2seq import Seq2Seq
from seqzoo.tasks.tagger import Tagger

MOST_EXAMPLES = 100_000  # that a baseline learns from
_LOWER_IS_BETTER = frozenset({"loss", "perplexity", "bits_per_character"})

Metric = Callable[[Sequence[Any], Sequence[Any]], float]


class Baseline(NamedTuple):
    """A trivial model.

    Attributes:
        name: In words.
        scores: Function of examples and of metrics of outputs and references, by name, that
            returns what it reaches.
    """

    name: str
    scores: Callable[[Sequence[Any], Mapping[str, Metric]], dict[str, float]]


def _is_lower_better(metric: str) -> bool:
    return metric in _LOWER_IS_BETTER or metric.endswith("error_rate")


class Comparison(NamedTuple):
    """What the baselines of a task reach on some examples.

    Attributes:
        scores: For each baseline, by its name, its scores.
    """

    scores: dict[str, dict[str, float]]

    def best(self) -> dict[str, float]:
        """Returns the best value of each metric."""
        best: dict[str, float] = {}
        for scores in self.scores.values():
            for name, value in scores.items():
                better = min if _is_lower_better(name) else max
                best[name] = better(best.get(name, value), value)
        return best

    def lines(self, scores: Mapping[str, float | None] | None = None) -> list[str]:
        """Returns a line for each baseline, and one more where a model does not beat them.

        Args:
            scores: Of the model.
        """
        lines = [
            f"baseline, {name}: " + ", ".join(f"{m} {value:.4g}" for m, value in each.items())
            for name, each in self.scores.items()
        ]
        for name, value in self.best().items():
            own = None if scores is None else scores.get(name)
            if own is None:
                continue
            if own >= value if _is_lower_better(name) else own <= value:
                lines.append(
                    f"the model is not better than its baseline: {name} {own:.4g}, baseline "
                    f"{value:.4g}. Train it for longer, on more data, or with other settings."
                )
                break
        return lines


def baselines(task: Any, examples: Sequence[Any], seed: int = 0) -> list[Baseline]:
    """Returns the baselines of a task that have learned from training examples.

    Args:
        task: A classifier, tagger, translator, captioner, language model or model of frames, with a
            preprocessor. A forecaster has none: all of its evaluations have the skill against
            naive forecasts.
        examples: Pairs of a raw input and its reference, texts for a language model, or pieces. Of
            more than 100,000, so many are drawn.
        seed: Of the draw.

    Returns:
        None or more of them.

    Example:
        >>> pairs = [("good film", "pos"), ("bad film", "neg"), ("good", "pos")]
        >>> words = sz.preprocessing.LabelledText(sz.preprocessing.WordTokenizer())
        >>> words.adapt(pairs)
        >>> task = sz.zoo.kim_2014(words, filters=4)
        >>> [each.name for each in sz.baselines.baselines(task, pairs)]
        ['most frequent label', 'TF-IDF with logistic regression']
    """
    if isinstance(task, Forecaster):
        return []
    if len(examples) > MOST_EXAMPLES:
        drawn = set(random.Random(seed).sample(range(len(examples)), MOST_EXAMPLES))
        examples = [each for number, each in enumerate(examples) if number in drawn]
    elif not isinstance(examples, Sequence):  # a stream
        examples = list(examples)
    if isinstance(task, LanguageModel):
        return [_of_sources(NGrams(task.preprocessor, examples))]
    if isinstance(task, FrameModel):
        return [_of_sources(each(task.preprocessor, examples)) for each in (KeyShares, KeyChanges)]
    answering: list[Any] = []
    reads_text = isinstance(examples[0][0], str)
    if isinstance(task, Classifier):
        answering = [MostFrequent(examples)]
        if reads_text and len({str(label) for _, label in examples}) > 1:
            are_residues = isinstance(task.preprocessor, LabelledResidues)
            answering.append(WeightedWords(examples, letters=are_residues))
    elif isinstance(task, Tagger):
        are_residues = isinstance(task.preprocessor, TaggedResidues)
        answering = [MostFrequentTag(examples, UNKNOWN_TAG if are_residues else None)]
    elif isinstance(task, Captioner):
        answering = [CentralCaption(examples)]
    elif isinstance(task, Seq2Seq) and reads_text:
        answering = [Copy(), NearestNeighbour(examples)]
    return [_of_answers(each) for each in answering]


def compare(
    found: Sequence[Baseline], examples: Sequence[Any], metrics: Mapping[str, Metric]
) -> Comparison:
    """Returns what baselines reach on examples.

    Args:
        found: Of `baselines`.
        examples: As those that they have learned from.
        metrics: Functions of the outputs and the references, by name, such as those of
            `metrics.METRICS`. A language model's are its loss and perplexity, a model of frames'
            its loss.

    Example:
        >>> pairs = [("good film", "pos"), ("bad film", "neg"), ("good", "pos")]
        >>> words = sz.preprocessing.LabelledText(sz.preprocessing.WordTokenizer())
        >>> words.adapt(pairs)
        >>> found = sz.baselines.baselines(sz.zoo.kim_2014(words, filters=4), pairs)
        >>> metrics = {"accuracy": sz.metrics.accuracy}
        >>> sz.baselines.compare(found, [("bad", "neg")], metrics).best()
        {'accuracy': 1.0}
    """
    return Comparison({each.name: each.scores(examples, metrics) for each in found})


def skill_lines(scores: Mapping[str, float | None]) -> list[str]:
    """Returns a line that says whether a forecaster is better than naive forecasts.

    Args:
        scores: Of its evaluation; of other tasks, which have no skill among them, there is no line.

    Example:
        >>> scores = {"mae": 1.1, "skill_drift": 0.2, "skill_repeat_last": -0.1}
        >>> sz.baselines.skill_lines(scores)
        ['no skill: the error is 10.0% above that of repeat last; use that in its place']
    """
    skills = {
        name.removeprefix("skill_").replace("_", " "): -math.inf if value is None else value
        for name, value in scores.items()
        if name.startswith("skill_")
    }
    if not skills:
        return []
    name = min(skills, key=skills.__getitem__)
    skill = skills[name]
    if math.isinf(skill):  # a score that is not finite is None
        what = f"{name} makes no error, or the model's is no number"
        return [f"no skill: {what}; use that in its place"]
    if skill > 0:
        return [f"skill: the error is {skill:.1%} below that of {name}, the best naive forecast"]
    return [f"no skill: the error is {-skill:.1%} above that of {name}; use that in its place"]


def _of_answers(model: Any) -> Baseline:
    def scores(examples, metrics):
        inputs, references = zip(*examples, strict=True)
        outputs = model.answers(inputs)
        return {name: float(metric(outputs, references)) for name, metric in metrics.items()}

    return Baseline(model.name, scores)


def _of_sources(model: Any) -> Baseline:
    """Of examples that have no reference, such as texts."""
    return Baseline(model.name, lambda examples, metrics: model.scores(examples))
