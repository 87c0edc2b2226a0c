"""Tasks: models that are trained on raw examples and answer raw inputs."""

from seqzoo.tasks.captioner import Captioner
from seqzoo.tasks.generation import Generated, GenerationTask
from seqzoo.tasks.loading import from_preset, load
from seqzoo.tasks.seq2seq import Seq2Seq
from seqzoo.tasks.task import Task

TASKS = {"captioner": Captioner, "seq2seq": Seq2Seq}
"""The tasks by name."""

__all__ = [
    "TASKS",
    "Captioner",
    "Generated",
    "GenerationTask",
    "Seq2Seq",
    "Task",
    "from_preset",
    "load",
]
