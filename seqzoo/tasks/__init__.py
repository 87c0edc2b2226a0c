"""Tasks: models that are trained on raw examples and answer raw inputs."""

from seqzoo.tasks.answers import Generated
from seqzoo.tasks.ensemble import Ensemble
from seqzoo.tasks.generation import GenerationTask
from seqzoo.tasks.language_model import LanguageModel
from seqzoo.tasks.loading import from_preset, load
from seqzoo.tasks.scoring import Scored
from seqzoo.tasks.seq2seq import Seq2Seq
from seqzoo.tasks.task import Task

TASKS = {"seq2seq": Seq2Seq, "language_model": LanguageModel}
"""The tasks by name."""

__all__ = [
    "TASKS",
    "Ensemble",
    "Generated",
    "GenerationTask",
    "LanguageModel",
    "Scored",
    "Seq2Seq",
    "Task",
    "from_preset",
    "load",
]
