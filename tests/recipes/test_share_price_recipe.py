"""The recipe of a share: prices in, a walk forward and a verdict out."""

import re
from pathlib import Path

import numpy as np
import pytest

from seqzoo.recipe import load_recipe
from seqzoo.recipe.fields import set_fields

SHARE_PRICE = Path(__file__).parents[2] / "recipes/finance/share_price.py"


def test_a_share_is_told_to_have_no_skill_or_some(tmp_path, capsys):
    recipe = load_recipe(SHARE_PRICE)
    whole = recipe.load_splits(None)
    assert len(whole["test"].stamps) == 1047
    assert whole["test"].context.tolist() == [1047 - 349]
    days = np.arange("2024-01-01", "2024-04-01", dtype="datetime64[D]")
    days = days[np.is_busday(days)]
    price = 100 * np.exp(np.random.default_rng(0).normal(0, 0.01, len(days)).cumsum())
    rows = [f"{day},{each}" for day, each in zip(days, price, strict=True)]
    (tmp_path / "p.csv").write_text("\n".join(["day,close", *rows]))
    recipe = set_fields(recipe, ["data.time=day", "data.price=close"])
    splits = recipe.load_splits(tmp_path / "p.csv")
    model = set_fields(recipe, ["model.lookback=5", "model.units=4"]).model
    found = recipe.report(recipe.build(splits, model), splits["test"])
    told = capsys.readouterr().err
    assert "a copy of yesterday's price has an R² of" in told
    verdicts = re.findall(r"^(lstm|linear): (no )?skill: ", told, re.MULTILINE)
    assert [name for name, _ in verdicts] == ["lstm", "linear"]
    assert (found["has_skill"] == 1.0) == (verdicts[0][1] == "")
    first = len(days) - len(days) // 3
    copied = 1 - np.square(np.diff(price[first - 1 :])).sum() / (
        np.square(price[first:] - price[first:].mean()).sum()
    )
    assert found["copied_price_r2"] == pytest.approx(copied)
    assert {"r2", "sharpe", "sharpe_low", "deflated_sharpe", "buy_and_hold"} <= found.keys()


def test_prices_that_have_no_logarithm_are_refused(tmp_path):
    recipe = load_recipe(SHARE_PRICE)
    for value in ("0", "-1", ""):
        (tmp_path / "p.csv").write_text(f"Date,Close\n2024-01-02,3\n2024-01-03,{value}\n")
        with pytest.raises(ValueError, match="a price above 0 on each day"):
            recipe.load_splits(tmp_path / "p.csv")
