"""The recipes of forecasting: their data, a training on the embedded default, and its forecasts."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from seqzoo import cli
from seqzoo.recipe import load_recipe
from seqzoo.recipe.fields import set_fields

RECIPES = Path(__file__).parents[2] / "recipes/forecasting"
ELECTRICITY, M4 = RECIPES / "electricity.py", RECIPES / "m4_hourly.py"
EXCHANGE, CLASSIC = RECIPES / "exchange_rate.py", RECIPES / "classic_series.py"


def test_months_of_electricity_are_split_as_in_all_published_figures(tmp_path):
    hours = np.arange("2016-07", "2018-05", dtype="datetime64[h]")
    names = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    rows = [
        f"{hour},{','.join(str(i + column) for column in range(7))}" for i, hour in enumerate(hours)
    ]
    (tmp_path / "ETTh2.csv").write_text("\n".join([f"date,{','.join(names)}", *rows]))
    recipe = set_fields(load_recipe(ELECTRICITY), ["data.name=ETTh2"])
    splits = recipe.load_splits(tmp_path)
    assert len(splits["train"].stamps) == 8640
    assert splits["validation"].context.tolist() == [8640]
    assert splits["test"].context.tolist() == [11520]
    assert len(splits["test"].stamps) == 14400
    task = recipe.build(splits, recipe.model)
    assert task.count_steps(splits["test"], 1) == 2880 - 95


def test_a_recipe_trains_tells_its_skill_and_forecasts_a_csv(tmp_path, capsys, monkeypatch):
    small = ["model.units=4", "model.segment=3", "model.lookback=12", "model.horizon=6"]
    settings = [f"--set={each}" for each in [*small, "training.epochs=1"]]
    run = str(tmp_path / "run")
    assert cli.main(["train", str(ELECTRICITY), "--out", run, "--seed", "0", *settings]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert {"mse", "skill_repeat_last", "skill_drift"} <= json.loads(last).keys()
    lines = "ds,y\n2024-01-05,3\n2024-01-08,4\n2024-01-09,5\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    assert cli.main(["predict", run]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "unique_id,ds,y"
    assert len(rows) == 6
    assert rows[0].startswith("0,2024-01-10,")


@pytest.mark.parametrize("name", ["wen_2017", "zeng_2023", "kuznetsov_2018", "salinas_2020"])
def test_other_models_are_built(name):
    recipe = set_fields(load_recipe(ELECTRICITY), [f"model.architecture={name}", "model.units=4"])
    task = recipe.build(recipe.load_splits(None), recipe.model)
    assert task.horizon == 96


def test_a_recipe_of_m4_tells_the_scores_of_the_competition(tmp_path, capsys):
    small = ["model.units=4", "model.lookback=48", "training.batch_size=512"]
    run = str(tmp_path / "run")
    settings = [f"--set={each}" for each in small]
    assert cli.main(["train", str(M4), "--out", run, "--seed", "0", *settings]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    scores = json.loads(last)
    want = scores["smape"] / scores["naive2_smape"] + scores["mase"] / scores["naive2_mase"]
    assert scores["owa"] == pytest.approx(want / 2)
    assert {"msis", "coverage_95", "coverage_80", "seasonal_naive_mase"} <= scores.keys()
    assert all(value is not None for value in scores.values())


def test_hours_are_held_out_of_m4_where_settings_are_chosen():
    recipe = load_recipe(M4)
    whole = recipe.load_splits(None)
    held = set_fields(recipe, ["data.held_out=48"]).load_splits(None)
    assert (whole["train"].lengths - held["train"].lengths == 48).all()
    assert (whole["test"].lengths - whole["train"].lengths == 48).all()
    assert (whole["test"].context == whole["train"].lengths).all()


def test_a_recipe_of_exchange_rates_tells_the_error_of_the_last_value(tmp_path):
    rates = np.random.default_rng(0).normal(size=(200, 8)).cumsum(axis=0)
    np.savetxt(tmp_path / "exchange_rate.txt", rates, delimiter=",")
    recipe = set_fields(load_recipe(EXCHANGE), ["model.horizon=5", "model.lookback=7"])
    splits = recipe.load_splits(tmp_path)
    task = recipe.build(splits, recipe.model)
    task.compile()
    scaled = (rates - rates[:140].mean(axis=0)) / rates[:140].std(axis=0)
    future = np.lib.stride_tricks.sliding_window_view(scaled[160:], 5, axis=0)
    error = np.mean((future - scaled[159 : 159 + len(future), :, None]) ** 2)
    found = recipe.scores(task, splits["test"], None)
    assert found["mse_repeat_last"] == pytest.approx(error, rel=1e-5)
    assert {"mse", "skill_repeat_last"} <= found.keys()
    assert recipe.load_splits(None)["train"].lengths == [1750]


def test_a_classic_series_is_scored_in_its_units_beside_seasonal_growth(tmp_path):
    values = np.random.default_rng(0).integers(50, 99, 60)
    rows = [f'"{2000 + i // 12}-{i % 12 + 1:02}",{value}' for i, value in enumerate(values)]
    (tmp_path / "airline-passengers.csv").write_text("\n".join(['"Month","Passengers"', *rows]))
    recipe = load_recipe(CLASSIC)
    splits = recipe.load_splits(tmp_path)
    assert [int(splits[name].lengths[0]) for name in ("train", "validation", "test")] == [
        36,
        40,
        60,
    ]
    task = recipe.build(splits, recipe.model)
    task.compile()
    found = recipe.scores(task, splits["test"], None)
    steps, y = np.arange(40, 60), values.astype(float)
    growth = y[steps - 12] * y[steps - 1] / y[steps - 13]
    for name, forecast in (
        ("seasonal_growth", growth),
        ("repeat_last", y[steps - 1]),
        ("seasonal_naive", y[steps - 12]),
    ):
        error = np.sqrt(np.mean((forecast - y[steps]) ** 2))
        assert found[f"rmse_{name}"] == pytest.approx(error, rel=1e-4)
    forecasts = task.backtest(splits["test"]).forecasts[:, 0, 0]
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((forecasts - y[steps]) ** 2)), rel=1e-4)
    assert recipe.load_splits(None)["test"].lengths == [144]
    with pytest.raises(ValueError, match=r"data.name.*airline-passengers"):
        set_fields(recipe, ["data.name=gold"]).load_splits(tmp_path)
