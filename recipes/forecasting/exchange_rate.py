"""The exchange rates of eight currencies, forecast from their own past.

    seqzoo train exchange_rate --data DIR --seed 0
    seqzoo train exchange_rate --data DIR --seed 0 --set model.horizon=720

Source: Lai et al., 2018, https://arxiv.org/abs/1703.07015: DIR holds `exchange_rate.txt` of
https://github.com/laiguokun/multivariate-time-series-data, plain or `.gz`: 7,588 days. The split is
that of published figures: 70 % to learn from, 10 to validate and 20 to test, errors in standard
deviations of what is learned from. Without `--data`, what is forecast are random walks.

Rates are nearly random walks: the last value is hard to beat, and most published models are worse
than it. `skill_repeat_last` in the metrics says so of this one: at 0 or below there is no skill.
The MSE of the last value is `mse_repeat_last`: 0.0811, 0.1671, 0.3057 and 0.8101 at 96, 192, 336
and 720 days, on the test split.

Expected, test split, seed 0, half a minute of processor time: at 96 days MSE 0.0856, MAE 0.2029 and
a skill against the last value of -0.033; at 720 days 0.9166, 0.7239 and -0.070. There is no skill.
"""

import dataclasses
from pathlib import Path

import numpy as np

from seqzoo import metrics, zoo
from seqzoo.datasets.series import exchange_rates
from seqzoo.preprocessing import ForecastWindows, read_panel
from seqzoo.recipe import Figure, Recipe, TrainingOptions


@dataclasses.dataclass(frozen=True)
class Model:
    """NLinear, and the days that it reads and forecasts."""

    lookback: int = 96
    horizon: int = 96


def load(folder: Path | None, data: None) -> dict:
    if folder is None:
        rates = 1 + 0.01 * np.random.default_rng(0).normal(size=(2500, 3)).cumsum(axis=0)
    else:
        rates = exchange_rates(folder)
    learned, tested = int(0.7 * len(rates)), int(0.2 * len(rates))
    return read_panel(rates).split(len(rates) - learned - tested, tested)


def build(splits: dict, model: Model):
    windows = ForecastWindows(model.lookback, model.horizon)
    windows.adapt(splits["train"])
    return zoo.zeng_2023(windows)


def scores(forecaster, panel) -> dict[str, float]:
    """Returns the squared error of the last value, in standard deviations of what was learned."""
    tested = forecaster.backtest(panel)
    spread = forecaster.preprocessor.fitted.scale[0, : panel.targets.shape[1]]
    last = tested.naive["repeat_last"] / spread
    return {"mse_repeat_last": metrics.mse(last, tested.actual / spread)}


recipe = Recipe(
    name="exchange_rate",
    load=load,
    build=build,
    report=scores,
    model=Model(),
    training=TrainingOptions(
        epochs=10,
        batch_size=64,
        learning_rate=1e-3,
        schedule="cosine",
        monitor="val_mse",
        mode="min",
    ),
    figures=(Figure("mse", "0.081 (the last value)", "0.086 (96 days, seed 0): no skill"),),
)
