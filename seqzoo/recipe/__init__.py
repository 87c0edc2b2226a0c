"""Recipes: all that a training needs, in one Python file; and the runs that they leave."""

from seqzoo.recipe.answers import classified_answers, tagged_answers
from seqzoo.recipe.files import load_recipe
from seqzoo.recipe.folder import RunFolder
from seqzoo.recipe.plan import Run
from seqzoo.recipe.recipe import Answer, Figure, Recipe
from seqzoo.recipe.run import run
from seqzoo.recipe.training_options import TrainingOptions

__all__ = [
    "Recipe",
    "TrainingOptions",
    "Figure",
    "Answer",
    "load_recipe",
    "classified_answers",
    "tagged_answers",
    "run",
    "Run",
    "RunFolder",
]
