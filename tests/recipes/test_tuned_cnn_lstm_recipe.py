"""The recipe of a CNN-LSTM: sizes are searched on the validation split."""

import re
from pathlib import Path

import pytest

from seqzoo.recipe import load_recipe
from seqzoo.recipe.fields import set_fields

TUNED = Path(__file__).parents[2] / "recipes/forecasting/tuned_cnn_lstm.py"


@pytest.mark.parametrize("search", ["whale", "random", "tpe", "none"])
def test_sizes_are_searched_on_validation_alone(search, capsys):
    recipe = load_recipe(TUNED)
    short = ["model.trials=2", "model.trial_epochs=1", "model.horizon=2"]
    recipe = set_fields(recipe, [*short, f"model.search={search}"])
    splits = recipe.load_splits(None)
    splits["train"] = splits["train"].parts(0, 120)
    splits["validation"] = splits["train"].split(validation=0, test=10)["test"]
    del splits["test"]
    task = recipe.build(splits, recipe.model)
    trials = re.findall(
        r"trial \d: validation mae ([\d.]+), \{'lookback': (\d+),", capsys.readouterr().err
    )
    if search == "none":
        assert (trials, task.preprocessor.lookback) == ([], 63)
        return
    assert len(trials) == 2
    _, lookback = min(trials, key=lambda each: float(each[0]))
    assert task.preprocessor.lookback == int(lookback)
