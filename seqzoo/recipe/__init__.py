"""Recipes: all that a training needs, in one Python file; and the runs that they leave."""

from seqzoo.recipe.folder import RunFolder
from seqzoo.recipe.pretrained import Pretrained, pretrained
from seqzoo.recipe.recipe import (
    Answer,
    Figure,
    Recipe,
    classified_answers,
    filled_answers,
    load_recipe,
    tagged_answers,
)
from seqzoo.recipe.run import run
from seqzoo.recipe.trained_model import TrainedModel, as_ensemble, open_trained
from seqzoo.recipe.training_options import TrainingOptions
from seqzoo.recipe.training_run import Run

__all__ = [
    "Recipe",
    "TrainingOptions",
    "Figure",
    "Answer",
    "load_recipe",
    "classified_answers",
    "filled_answers",
    "tagged_answers",
    "Pretrained",
    "pretrained",
    "run",
    "Run",
    "RunFolder",
    "TrainedModel",
    "open_trained",
    "as_ensemble",
]
