"""Recipes of forecasters for a stranger's own series: what is found, what is refused, and a run."""

import csv
import json
import re

import numpy as np
import pytest

from seqzoo import cli
from seqzoo.baselines import skill_lines
from seqzoo.new_recipe import new_recipe
from seqzoo.recipe import load_recipe

DAYS = [str(np.datetime64("2024-01-01") + i) for i in range(60)]
HOURS = [str(np.datetime64("2024-01-01T00") + i) for i in range(60)]
WEEKDAYS = [day for day in DAYS if np.is_busday(np.datetime64(day))]
VALUES = [round(float(v), 3) for v in np.random.default_rng(0).normal(size=60)]


def table(head, *columns):
    rows = [head.split(","), *zip(*columns, strict=True)]
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def made(content, folder, columns=None):
    """The recipe for a table, and what was told about it."""
    path, told = folder / "d.csv", []
    path.write_text(content)
    recipe = new_recipe("forecaster", [path], folder / "r.py", columns, tell=told.append)
    return load_recipe(recipe), told, recipe.read_text()


TWO_SHOPS = table("shop,day,price,sales", ["a"] * 30 + ["b"] * 30, DAYS[:30] * 2, range(60), VALUES)
FOUND = {
    "days": (table("when,amount", DAYS, VALUES), {}, ("when", ("amount",), ()), (14, 9, 7)),
    "hours": (table("a,b,time", VALUES, VALUES, HOURS), {}, ("time", ("a", "b"), ()), (24, 9, 24)),
    "weekdays": (
        table("ds,y,z", WEEKDAYS, VALUES[:44], VALUES[:44]),
        {},
        ("ds", ("y",), ()),
        (10, 6, 5),
    ),
    "year first": (
        table("date,0,OT", [f"1990/1/{i} 0:00" for i in range(1, 31)], VALUES[:30], VALUES[:30]),
        {},
        ("date", ("0", "OT"), ()),
        (7, 4, 7),
    ),
    "rows": (
        table("ds,y", [f"2024-01-01 {i:02}:{i * 7 % 60:02}" for i in range(20)], VALUES[:20]),
        {"every": "row"},
        ("ds", ("y",), ()),
        (5, 3, 1),
    ),
    "shops": (TWO_SHOPS, {}, ("day", ("sales",), ()), (7, 4, 7)),
    "named": (
        TWO_SHOPS,
        {"target": "price, sales", "time": "day", "series": "shop"},
        ("day", ("price", "sales"), ()),
        (7, 4, 7),
    ),
    "past": (TWO_SHOPS, {"past": "price"}, ("day", ("sales",), ("price",)), (7, 4, 7)),
}


@pytest.mark.parametrize("case", FOUND)
def test_columns_and_windows_are_guessed_or_as_the_user_says(case, tmp_path):
    content, named, (time, targets, past), windows = FOUND[case]
    recipe, told, _ = made(content, tmp_path, named)
    splits = recipe.load_splits(None)
    columns = splits["train"].columns
    assert (columns.time, tuple(columns.targets), tuple(columns.past)) == (time, targets, past)
    model = recipe.model
    assert (model.lookback, model.horizon, model.season) == windows
    assert splits["train"].names == (("a", "b") if "shop" in content else ("0",))
    lengths = [part.lengths.tolist() for part in splits.values()]
    whole = 30 if "shop" in content else len(content.splitlines()) - 1
    assert [each[0] for each in lengths] == [
        whole - 2 * round(0.15 * whole),
        whole - round(0.15 * whole),
        whole,
    ]
    assert told[0].startswith(f"time: column {time!r}")
    assert any("splits, in time: " in line for line in told)


def test_what_is_found_is_told(tmp_path):
    values = ["" if i % 6 == 0 else 3 if i < 30 else VALUES[i] for i in range(60)]
    shops = ["a"] * 30 + ["b"] * 30
    content = table("shop,day,note,sales", shops, DAYS[:30] * 2, ["x"] * 60, values)
    _, told, text = made(content, tmp_path)
    assert told[:-1] == [
        "time: column 'day' (--time names another)",
        "target: 'sales' (--target names others, with commas)",
        "left out: 'note' (--past reads them too, up to the forecast)",
        "series: 2 of 30 to 30 rows, by column 'shop', 2024-01-01 to 2024-01-30, in steps of 1 "
        "days",
        "missing: 16.7% of the values",
        "series that never change: 'a'",
        "reads 7 steps and forecasts 4; a season has 7 (--set model.lookback, model.horizon, "
        "model.season)",
        "splits, in time: 44 train, 8 validation, 8 test",
    ]
    assert max(map(len, text.splitlines())) <= 100


REFUSED = [
    (table("y", VALUES), {}, "needs a column of dates or times"),
    (table("a,b", range(60), VALUES), {}, "whose columns are 'a' with '0', 'b' with '0.126'"),
    (table("ds,y", DAYS[:30] + DAYS[29:59], VALUES), {}, "Received: 2024-01-30 twice, series '0'"),
    (
        table("ds,note,y", DAYS[:30] + DAYS[29:59], [f"n{i}" for i in range(60)], VALUES),
        {},
        "Received: 2024-01-30 twice, series '0'",
    ),
    (table("ds,y", [*HOURS[:9], "2024-01-01T08:07"], VALUES[:10]), {}, 'Give `every`; every="row"'),
    (table("ds,y", DAYS, [3] * 60), {}, "must change to be forecast"),
    (table("ds,y", DAYS, [""] * 60), {}, "no column holds numbers such as 3.14: 'y' with ''"),
    (table("ds,y", DAYS, ["dog"] * 60), {}, "no column holds numbers such as 3.14: 'y' with 'dog'"),
    (
        table("ds,y", DAYS, ["dog", *VALUES[1:]]),
        {},
        "Received: 'dog' in column 'y', series '0', ro",
    ),
    (
        table("ds,y", DAYS, ["inf", *VALUES[1:]]),
        {},
        "Received: inf in column 'y', series '0', row ",
    ),
    (table("ds,y", DAYS[:2], VALUES[:2]), {}, "of at least 10 rows"),
    (table("id,ds,y", range(60), DAYS, VALUES), {"series": "id"}, "Received: at most 1"),
    ("ds,y\n", {}, "with a line of names and rows of values below it"),
    ("", {}, "Received: "),
    (table("2023-12-31,1.5", DAYS, VALUES), {}, "whose first line is '2023-12-31,1.5' of 61"),
    (table("Month,y", ["1-01", "1-02"], [1, 2]), {}, "Received: '1-01' in column 'Month', row 0"),
    (table("ds,y", ["0900-01-01", *DAYS[1:]], VALUES), {}, "Received: '0900-01-01' in column"),
    (table("ds,y", DAYS, VALUES), {"target": "Y,"}, "Received: 'Y'. Its columns are y."),
    (table("ds,y", DAYS, VALUES), {"target": "ys"}, "Received: 'ys'. Did you mean 'y'?"),
    (table("ds,y", DAYS, VALUES), {"time": "ds,y"}, "--time must name one column"),
    (table("ds,y", DAYS, VALUES), {"text": "y"}, "--text is not for a forecaster, which takes --t"),
    (table("ds,y", DAYS, VALUES), {"every": "3x"}, "Received: every='3x'"),
]


@pytest.mark.parametrize(("content", "named", "message"), REFUSED)
def test_what_cannot_be_forecast_is_one_line(content, named, message, tmp_path):
    with pytest.raises((ValueError, OSError), match=re.escape(message)) as refused:
        made(content, tmp_path, named)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "r.py").exists()


def test_a_folder_has_one_table_and_tables_are_utf_8(tmp_path):
    content = table("ds,y", DAYS, VALUES)
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a.csv").write_text(content)
    (tmp_path / "d/README.md").write_text("#")
    out = tmp_path / "r.py"
    new_recipe("forecaster", [tmp_path / "d"], out, tell=lambda line: None)
    assert str(tmp_path / "d/a.csv") in out.read_text()
    (tmp_path / "d/b.csv").write_text(content)
    for arguments, message in (
        ({"data": [tmp_path / "d"]}, "one CSV file, which is split in time"),
        ({"data": [tmp_path / "d/a.csv"], "encoding": "cp1252"}, "must be UTF-8"),
    ):
        with pytest.raises(ValueError, match=message):
            new_recipe("forecaster", out=tmp_path / "s.py", tell=lambda line: None, **arguments)
    with pytest.raises(FileNotFoundError, match="No file or folder"):
        new_recipe("forecaster", [tmp_path / "e"], tell=lambda line: None)


def test_a_model_without_skill_is_told_to_have_none():
    scores = {"mae": 1.2, "skill_drift": 0.3, "skill_repeat_last": -0.25}
    assert skill_lines(scores) == [
        "no skill: the error is 25.0% above that of repeat last; use that in its place"
    ]
    assert skill_lines({"skill_drift": 0.3, "skill_seasonal_naive": 0.125}) == [
        "skill: the error is 12.5% below that of seasonal naive, the best naive forecast"
    ]
    assert skill_lines({"skill_drift": None, "skill_seasonal_naive": 0.125}) == [
        "no skill: drift makes no error, or the model's is no number; use that in its place"
    ]
    assert skill_lines({"accuracy": 0.5}) == []


@pytest.mark.slow
def test_series_train_evaluate_predict_and_are_drawn(tmp_path, monkeypatch, capsys):
    (tmp_path / "shops.csv").write_text(TWO_SHOPS)
    monkeypatch.chdir(tmp_path)
    settings = ["--past", "price", "--set", "training.epochs=1", "--out", "run"]
    assert cli.main(["train", "forecaster", "shops.csv", *settings]) == 0
    printed = capsys.readouterr()
    scores = json.loads(printed.out.splitlines()[-1])
    assert {"mae", "skill_repeat_last", "skill_seasonal_naive", "skill_drift"} <= scores.keys()
    assert "skill: the error is" in printed.err
    names = {path.name for path in (tmp_path / "run/plots").iterdir()}
    drawn = {"fan.png", "backtest.png", "skill.png", "calibration.png", "learning_curves.png"}
    assert names == drawn
    assert cli.main(["evaluate", "run"]) == 0
    assert json.loads(capsys.readouterr().out)["mae"] == pytest.approx(scores["mae"])
    with open("shops.csv") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert cli.main(["predict", "run"]) == 0
    header, *rows = csv.reader(capsys.readouterr().out.splitlines())
    assert header[:4] == ["shop", "day", "sales", "sales-0.05"]
    days = ["2024-01-31", "2024-02-01", "2024-02-02", "2024-02-03"]
    assert [row[:2] for row in rows] == [[shop, day] for shop in "ab" for day in days]
    assert cli.main(["explain", "run", "shops.csv", "--out", "fan.png"]) == 0
    assert (tmp_path / "fan.png").stat().st_size > 1000
    assert cli.main(["export", "run", "serving"]) == 0
    assert (tmp_path / "serving/1/saved_model.pb").is_file()
