"""Trained models are found by name, answer as their cards say, and are as good as they say."""

import importlib.util
import io
import os
import sys
from pathlib import Path

import pytest

import seqzoo as sz
from seqzoo import cli, trained

ROOT = Path(__file__).parents[2]


def module(path):
    spec = importlib.util.spec_from_file_location("make", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


MAKE = module(ROOT / "presets/make.py")
CARDS = MAKE.cards()
FOLDERS = {name: MAKE.MODELS / name for name in CARDS} | {"dates": sz.presets()["dates"].folder}
every_model = pytest.mark.parametrize("name", CARDS)


@every_model
@pytest.mark.usefixtures("eagerly")
def test_the_answers_are_those_of_the_card(name):
    inputs, answers = zip(*CARDS[name]["examples"], strict=True)
    assert len(inputs) == 10
    assert MAKE.answers(sz.from_preset(FOLDERS[name]), inputs) == list(answers)


@every_model
def test_a_card_says_all_that_cards_say(name):
    card = CARDS[name]
    assert card.keys() - {"other_figures"} == {*MAKE.FIELDS}
    assert all(card[field] not in ("", [], {}, None) for field in MAKE.FIELDS)
    assert all(each.keys() == card["figures"].keys() for each in card["baselines"].values())
    assert sz.trained.Preset(name, FOLDERS[name], card).card["about"] == card["about"]


def test_the_pages_show_the_cards():
    for path, text in MAKE.pages().items():
        assert path.read_text(encoding="utf-8") == text, "Run: python presets/make.py pages"


def test_the_package_is_small():
    files = [path for path in MAKE.MODELS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000_000


@pytest.mark.slow
@every_model
def test_the_figures_are_those_of_the_card(name):
    """`SEQZOO_DATA` names the folder that holds the folders which commands name by `--data`."""
    card, data = CARDS[name], os.environ.get("SEQZOO_DATA")
    if "--data" in card["command"] and not data:
        pytest.skip("SEQZOO_DATA names no folder with the data of the models")
    found = MAKE.measured(FOLDERS[name], card, Path(data) if data else None)
    wanted = {card["metric"]: card["figures"]} | card.get("other_figures", {})
    for metric, figures in wanted.items():
        for split, figure in figures.items():
            tolerance = 0.05 if figure > 10 else 0.0015
            assert found[split][metric] == pytest.approx(figure, abs=tolerance)


def test_the_package_of_models_offers_them_by_name(tmp_path, monkeypatch):
    entry = (ROOT / "presets/pyproject.toml").read_text(encoding="utf-8")
    assert '[project.entry-points."seqzoo.presets"]\ntrained = "seqzoo_presets"\n' in entry
    (tmp_path / "seqzoo_presets-0.1.0.dist-info").mkdir()
    for file, text in {
        "METADATA": "Name: seqzoo-presets\nVersion: 0.1.0\n",
        "entry_points.txt": "[seqzoo.presets]\ntrained = seqzoo_presets\n",
    }.items():
        (tmp_path / "seqzoo_presets-0.1.0.dist-info" / file).write_text(text, encoding="utf-8")
    for folder in (tmp_path, ROOT / "presets"):
        monkeypatch.syspath_prepend(str(folder))
    assert {name: each.folder for name, each in sz.presets().items()} == FOLDERS


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
    assert known.keys() >= {"dates", "greek"}
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
