"""The recipes of music: their data, a training on the embedded default, and frames that go on."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from seqzoo import cli
from seqzoo.heads import NADE, Bernoulli
from seqzoo.recipe import load_recipe
from seqzoo.recipe.fields import set_fields

FOLDER = Path(__file__).parents[2] / "recipes/music"
FILES = {"chorales": "jsb-chorales-quarter.json", "nottingham": "Nottingham.json"}
PIECES = [[[60, 64], [62]], [[60], [], [65, 69]]]
SMALL = ["model.units=4", "model.key_units=3", "training.epochs=1", "training.warmup_steps=0"]


@pytest.mark.parametrize("name", FILES)
def test_a_recipe_reads_its_split_and_learns_in_all_keys_if_it_is_told_so(name, tmp_path):
    splits = {"train": PIECES, "valid": PIECES[:1], "test": PIECES[1:]}
    (tmp_path / FILES[name]).write_text(json.dumps(splits))
    for all_keys in (True, False):
        recipe = set_fields(load_recipe(FOLDER / f"{name}.py"), [f"model.all_keys={all_keys}"])
        loaded = recipe.load_splits(tmp_path)
        assert loaded["test"] == PIECES[1:]
        task = recipe.build(loaded, recipe.model)
        assert isinstance(task.head, NADE)
        prepared = recipe.prepare(task, loaded, recipe.model)
        assert len(prepared["train"]) == 2 * (12 if all_keys else 1)
        assert prepared["validation"] == PIECES[:1]
    independent = set_fields(recipe, ["model.head=bernoulli"])
    assert isinstance(independent.build(loaded, independent.model).head, Bernoulli)


@pytest.mark.parametrize("name", FILES)
def test_a_recipe_trains_beside_its_baselines_and_goes_on_with_lines(
    name, tmp_path, capsys, monkeypatch
):
    splits = {"train": PIECES * 8, "valid": PIECES, "test": PIECES}
    (tmp_path / FILES[name]).write_text(json.dumps(splits))
    run = str(tmp_path / "run")
    settings = [f"--set={each}" for each in [*SMALL, "model.all_keys=false"]]
    command = ["train", str(FOLDER / f"{name}.py"), "--out", run, "--seed", "0"]
    assert cli.main([*command, "--data", str(tmp_path), *settings]) == 0
    said = capsys.readouterr()
    *shown, last = said.out.splitlines()
    assert {"loss", "loss_after_first", "key_f1", "baseline_loss"} <= json.loads(last).keys()
    assert "baseline, how often each key goes on" in said.err
    assert [line.split(" -> ")[0] for line in shown] == ["60 64 | 62 |", "60 | | 65 69 |"]
    assert (tmp_path / "run/plots/roll.png").is_file()
    assert (tmp_path / "run/export/1/saved_model.pb").is_file()
    lines = "60 64 | 62 |\n\n| |\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert cli.main(["predict", run]) == 0
    first, empty, third = capsys.readouterr().out.splitlines()
    assert empty == ""
    assert [line.count("|") for line in (first, third)] == [64, 64]
    assert cli.main(["explain", run, "60 | 62 |", "--out", str(tmp_path / "roll.png")]) == 0


def test_a_recipe_has_an_embedded_default():
    recipe = load_recipe(FOLDER / "chorales.py")
    splits = recipe.load_splits(None)
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 300,
        "validation": 50,
        "test": 50,
    }
    assert np.mean([len(piece) for piece in splits["train"]]) > 12
