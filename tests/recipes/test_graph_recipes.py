"""The recipe of graphs: both of its models, and answers to graphs on lines."""

import io
import json
import sys
from pathlib import Path

import pytest

from seqzoo import cli
from seqzoo.datasets.lines import escape
from seqzoo.encoders import GraphEncoder, RecurrentEncoder
from seqzoo.recipe import load_recipe
from seqzoo.recipe.fields import set_fields

PATH = Path(__file__).parents[2] / "recipes/graphs/paths.py"
SMALL = ["data.train_size=12", "data.validation_size=3", "data.test_size=6", "model.namings=2"]
SMALL += ["model.units=6", "model.embedding_dim=5", "model.steps=2"]
SMALL += ["training.epochs=1", "training.warmup_steps=0"]


@pytest.mark.parametrize(("kind", "encoder"), [("graph", GraphEncoder), ("lstm", RecurrentEncoder)])
def test_a_model_of_either_kind_is_built_and_learns_under_several_names(kind, encoder):
    recipe = set_fields(load_recipe(PATH), [*SMALL, f"model.kind={kind}"])
    splits = recipe.load_splits(None)
    task = recipe.build(splits, recipe.model)
    assert isinstance(task.encoder, encoder)
    assert len(recipe.prepare(task, splits, recipe.model)["train"]) == 24
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 12,
        "validation": 3,
        "test": 6,
    }


def test_the_recipe_trains_evaluates_and_answers_a_graph_on_a_line(tmp_path, capsys, monkeypatch):
    run = str(tmp_path / "run")
    settings = [f"--set={each}" for each in SMALL]
    assert cli.main(["train", str(PATH), "--out", run, "--seed", "0", *settings]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert {"loss", "exact_match"} <= json.loads(last).keys()
    assert (tmp_path / "run/export/1/saved_model.pb").is_file()
    graph = "3\tedge\t5\n5\tedge\t9\n3\tstart\t3\n9\tend\t9"
    lines = f"{escape(graph)}\n\n{escape(graph)}\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert cli.main(["predict", run]) == 0
    first, empty, third = capsys.readouterr().out.splitlines()
    assert empty == ""
    assert first == third != ""
