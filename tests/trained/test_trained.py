"""Trained models are found by name, answer as their cards say, and are as good as they say."""

import io
import sys
from pathlib import Path

import pytest

import seqzoo as sz
from seqzoo import cli, trained
from seqzoo.listing import find_recipe
from seqzoo.recipe import load_recipe

PAGE = Path(__file__).parents[2] / "docs/trained_models.md"
NAMES = sorted(sz.presets())


@pytest.fixture(scope="module")
def tasks():
    return {name: sz.from_preset(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_answers_are_those_of_the_card(name, tasks):
    inputs, answers = zip(*sz.presets()[name].card["examples"], strict=True)
    assert len(inputs) == 10
    assert tasks[name].generate(list(inputs)) == list(answers)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_the_figures_of_the_card(name):
    card, page = sz.presets()[name].card, PAGE.read_text(encoding="utf-8")
    section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
    assert card["about"] in section
    assert card["command"] in section
    assert all(f"{figure:.3f}" in section for figure in card["figures"].values())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_figures_are_those_of_the_card(name, tasks):
    card = sz.presets()[name].card
    recipe = load_recipe(find_recipe(card["recipe"]))
    splits = recipe.load_splits(None)
    metric = recipe.metrics[card["metric"]]
    for split, figure in card["figures"].items():
        inputs, targets = zip(*splits[split], strict=True)
        outputs = recipe.outputs(tasks[name], inputs, recipe.search)
        assert metric(outputs, targets) == pytest.approx(figure, abs=0.0015)


def test_a_name_that_is_unknown_is_told_with_those_that_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no folder 'date'.*Did you mean 'dates'\? Known"):
        sz.from_preset("date")


def test_other_packages_offer_models_by_an_entry_point(tmp_path, monkeypatch):
    files = {
        "ours/__init__.py": "raise ImportError('nothing of it needs to run')",
        "ours/greek/card.json": '{"about": "Greek"}',
        "ours/no_model/notes.txt": "",
        "ours-1.0.dist-info/METADATA": "Name: ours\nVersion: 1.0\n",
        "ours-1.0.dist-info/entry_points.txt": (
            "[seqzoo.presets]\nours = ours\ngone = no_such.package\n"
        ),
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    known = trained.presets()
    assert known.keys() == {*NAMES, "greek"}
    assert known["greek"].folder == tmp_path / "ours/greek"

    (tmp_path / "ours/greek/card.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ValueError, match=r"greek/card.json must be a JSON object with `about`"):
        trained.presets()


def test_the_command_line_lists_them_and_answers_by_name(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["list"]) == 0
    assert f"dates{' ' * 19}Dates as people write them" in capsys.readouterr().out
    lines = io.TextIOWrapper(io.BytesIO(b"3 avril 2021\n"))
    monkeypatch.setattr(sys, "stdin", lines)
    assert cli.main(["predict", "dates"]) == 0
    assert capsys.readouterr().out == "2021-04-03\n"


def test_half_of_the_bytes_hold_the_same_weights_to_three_digits(tmp_path):
    import numpy as np

    task = sz.zoo.gu_2023(sz.preprocessing.ByteTokenizer(), units=16, layers=1)
    task.save_preset(tmp_path / "whole")
    task.save_preset(tmp_path / "half", half=True)
    sizes = [(tmp_path / name / "model.weights.h5").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.8 * sizes[0]
    loaded = sz.from_preset(tmp_path / "half")
    for saved, again in zip(task.get_weights(), loaded.get_weights(), strict=True):
        assert again.dtype == saved.dtype
        np.testing.assert_array_equal(again, saved.astype("float16").astype(saved.dtype))
    task.weights[0].assign(task.weights[0] * 0 + 1e6)
    with pytest.raises(ValueError, match="`half` needs weights below 65,504"):
        task.save_preset(tmp_path / "half", half=True)
    assert sz.from_preset(tmp_path / "half").count_params() == task.count_params()
