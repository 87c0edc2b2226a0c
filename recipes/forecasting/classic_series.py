"""Classic series of textbooks, one step ahead: air passengers, sunspots, temperatures, births.

    seqzoo train classic_series --data DIR --seed 0
    seqzoo train classic_series --data DIR --seed 0 --set data.name=monthly-sunspots
    seqzoo train classic_series --data DIR --seed 0 --set model.architecture=hewamalage_2021

Source: https://github.com/jbrownlee/Datasets: DIR holds `airline-passengers.csv`,
`monthly-sunspots.csv`, `daily-min-temperatures.csv` or `daily-total-female-births.csv`. The last
third of a series is the test, the tenth of the rest before it the validation. Without `--data`, the
series is made: 144 months that grow, with a season that grows with them.

The table of a run has the root mean square errors `rmse` in units of the data, of the model, of the
last value, of the last season, and of `seasonal growth`: the value a season before, times how much
the last value has grown in a season.

Expected, airline passengers, test, seed 0, 18 seconds of processor time on a busy machine: `rmse`
16.4, where the last value has 48.0, the last season 41.9, and seasonal growth, with no parameter at
all, 15.6. The two seasons that are read were chosen on the validation, where the model has 7.3 and
seasonal growth 9.8; one season and one step, 8.5.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np

from seqzoo import zoo
from seqzoo.datasets.lines import find_file
from seqzoo.preprocessing import Columns, ForecastWindows, read_panel
from seqzoo.recipe import Figure, Recipe, TrainingOptions

SERIES = {  # the column, the steps of a season, and whether the logarithm is read
    "airline-passengers": ("Passengers", "Month", 12, True),
    "monthly-sunspots": ("Sunspots", "Month", 132, False),
    "daily-min-temperatures": ("Temp", "Date", 365, False),
    "daily-total-female-births": ("Births", "Date", 7, False),
}


@dataclasses.dataclass(frozen=True)
class Data:
    """Which of the series; see `SERIES`."""

    name: str = "airline-passengers"


@dataclasses.dataclass(frozen=True)
class Model:
    """Which model, and the steps that it reads: None is two seasons and one.

    `units` counts for `hewamalage_2021`.
    """

    architecture: Literal["zeng_2023", "hewamalage_2021"] = "zeng_2023"
    lookback: int | None = None
    units: int = 32


def load(folder: Path | None, data: Data) -> dict:
    if data.name not in SERIES:
        raise ValueError(
            f"`data.name` must be one of {', '.join(SERIES)}. Received: {data.name!r}."
        )
    column, time, _, _ = SERIES[data.name]
    columns = Columns([column], time=time)
    if folder is not None:
        panel = read_panel(find_file(folder, [f"{data.name}.csv"]), columns)
    else:
        month = np.arange(144)
        season = 1 + 0.2 * np.sin(np.pi * month / 6) + 0.1 * np.cos(np.pi * month / 3)
        noise = np.random.default_rng(0).normal(1, 0.03, 144)
        stamps = np.datetime64("1949-01") + month
        panel = read_panel({time: stamps, column: 100 * 1.01**month * season * noise}, columns)
    tested = len(panel.stamps) // 3
    return panel.split((len(panel.stamps) - tested) // 10, tested)


def build(splits: dict, model: Model):
    (column,) = splits["train"].columns.targets
    season, grows = next(each[2:] for each in SERIES.values() if each[0] == column)
    transform = "log" if grows else "none"
    windows = ForecastWindows(
        model.lookback or 2 * season + 1, 1, transform=transform, season=season
    )
    windows.adapt(splits["train"])
    if model.architecture == "zeng_2023":
        return zoo.zeng_2023(windows)
    return zoo.hewamalage_2021(windows, units=model.units)


def scores(forecaster, panel) -> dict[str, float]:
    """Root mean square errors in units of the data."""
    tested, season = forecaster.backtest(panel), forecaster.preprocessor.season
    values = panel.targets[:, 0]
    steps = np.searchsorted(panel.stamps, tested.stamps)
    growth = values[steps - season] * values[steps - 1] / values[steps - season - 1]
    forecasts = {"": tested.forecasts[:, 0, 0], "_seasonal_growth": growth}
    forecasts |= {f"_{name}": each[:, 0, 0] for name, each in tested.naive.items()}
    errors = {name: each - tested.actual[:, 0, 0] for name, each in forecasts.items()}
    return {f"rmse{name}": float(np.sqrt(np.nanmean(e**2))) for name, e in errors.items()}


recipe = Recipe(
    name="classic_series",
    load=load,
    build=build,
    report=scores,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=300,
        batch_size=8,
        learning_rate=1e-2,
        schedule="cosine",
        monitor="val_mse",
        mode="min",
        patience=40,
    ),
    figures=(Figure("rmse", "15.6 (seasonal growth)", "16.4 (airline passengers, seed 0)"),),
)
