"""A CNN-LSTM whose sizes the whale optimization algorithm searches, beside random search and TPE.

    seqzoo train tuned_cnn_lstm --data DIR --seed 0
    seqzoo train tuned_cnn_lstm --data DIR --seed 0 --set model.search=random
    seqzoo train tuned_cnn_lstm --data DIR --seed 0 --set model.search=tpe   # seqzoo[tuning]
    python recipes/forecasting/tuned_cnn_lstm.py --seeds 3                   # compares all three

A search trains `trials` networks for `trial_epochs` each and keeps the sizes whose validation error
is least; the network of these sizes is then trained as the recipe says, and the test split is read
once. All searches code the sizes alike, each a number from -1 to 1, the middle of its range at 0.

Source: ETT (Zhou et al., 2021, https://arxiv.org/abs/2012.07436), the oil temperature of `ETTh1`,
in DIR as `ETTh1.csv`, plain or `.gz`, 24 hours ahead, 12 months to learn from, 4 to validate and 4
to test. The network is that of Livieris et al., 2020, https://doi.org/10.1007/s00521-020-04867-x,
the search that of Mirjalili and Lewis, 2016, https://doi.org/10.1016/j.advengsoft.2016.01.008.
Without `--data`, the series is the price of a share on 1,047 days, which matplotlib carries.

Measured without `--data`, 12 trials of 4 epochs each, mean and spread of seeds 0 to 2, 49 minutes
in all on 2 cores that had other work: the error of the best trial in validation, in standard
deviations, its error in the test, and its skill there against the last value.

| search | validation | test | skill |
|---|---|---|---|
| whale | 0.1160 ± 0.0001 | 0.2211 ± 0.0081 | -0.171 ± 0.043 |
| random | 0.1165 ± 0.0002 | 0.2305 ± 0.0274 | -0.221 ± 0.145 |
| TPE | 0.1169 ± 0.0001 | 0.2138 ± 0.0009 | -0.133 ± 0.005 |

The whale wins in validation by less than a hundredth, TPE in the test, and none has skill there:
what a search finds in the price of a share is chance, whichever search it is.
"""

import argparse
import dataclasses
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, Literal

import keras
import matplotlib.cbook
import numpy as np

from seqzoo import zoo
from seqzoo.datasets.lines import find_file
from seqzoo.extras import import_optuna
from seqzoo.preprocessing import Columns, ForecastWindows, read_panel
from seqzoo.recipe import Recipe, TrainingOptions
from seqzoo.training import Adam
from seqzoo.tuning import Float, Int, Space, Whale

MONTH = 30 * 24  # hours
WHALES = 4
BATCH_SIZE, LEARNING_RATE = 64, 3e-3
SPACE = Space(
    {
        "lookback": Int(24, 168, log=True),
        "filters": Int(4, 64, log=True),
        "kernel": Int(2, 7),
        "pool": Int(1, 4),
        "units": Int(8, 96, log=True),
        "dropout": Float(0.0, 0.5),
    }
)

Positions = Generator[np.ndarray, float, None]
"""Yields positions in `SPACE`, and is sent the validation error of each."""


@dataclasses.dataclass(frozen=True)
class Model:
    """Which search, how long, and the steps that are forecast.

    `none` takes the middle of each range.
    """

    search: Literal["whale", "random", "tpe", "none"] = "whale"
    trials: int = 12
    trial_epochs: int = 4
    seed: int = 0
    horizon: int = 24


def load(folder: Path | None, data: Any) -> dict:
    if folder is None:
        table = matplotlib.cbook.get_sample_data("goog.npz")["price_data"]
        prices = {"ds": table["date"], "y": np.log(table["adj_close"])}
        return read_panel(prices, every="row").split(validation=150, test=200)
    panel = read_panel(find_file(folder, ["ETTh1.csv"]), Columns(("OT",), time="date"))
    return panel.parts(0, 20 * MONTH).split(validation=4 * MONTH, test=4 * MONTH)


def whale(trials: int, seed: int) -> Positions:
    swarm = Whale(len(SPACE), WHALES, iterations=max(1, trials // WHALES), seed=seed)
    while True:
        swarm.tell((yield swarm.ask()))


def random(trials: int, seed: int) -> Positions:
    rng = np.random.default_rng(seed)
    while True:
        yield rng.uniform(-1, 1, len(SPACE))


def tpe(trials: int, seed: int) -> Positions:
    optuna = import_optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(n_startup_trials=WHALES, seed=seed)
    study = optuna.create_study(sampler=sampler)
    while True:
        trial = study.ask()
        error = yield np.array([trial.suggest_float(name, -1, 1) for name in SPACE.settings])
        study.tell(trial, error)


SEARCHES = {"whale": whale, "random": random, "tpe": tpe}


def make(splits: dict, horizon: int, sizes: dict[str, Any]):
    """The network of some sizes, not trained."""
    windows = ForecastWindows(sizes["lookback"], horizon)
    windows.adapt(splits["train"])
    named = {name: sizes[name] for name in ("kernel", "pool", "units", "dropout")}
    return zoo.livieris_2020(windows, (sizes["filters"], sizes["filters"]), **named)


def search(splits: dict, model: Model) -> tuple[Any, dict[str, Any], float]:
    """The best network of a search, its sizes and its validation error; the test is not read."""
    positions = SEARCHES[model.search](model.trials, model.seed)
    position, best = next(positions), (None, {}, np.inf)
    for trial in range(model.trials):
        sizes = SPACE.values(position)
        keras.utils.set_random_seed(model.seed)
        task = make(splits, model.horizon, sizes)
        task.compile(Adam(LEARNING_RATE))
        task.fit(splits["train"], batch_size=BATCH_SIZE, epochs=model.trial_epochs, verbose=0)
        error = task.evaluate(splits["validation"], return_dict=True, verbose=0)["mae"]
        print(f"trial {trial}: validation mae {error:.4f}, {sizes}", file=sys.stderr, flush=True)
        if error < best[2]:
            best = task, sizes, error
        position = positions.send(error)
    return best


def build(splits: dict, model: Model):
    middle = SPACE.values(np.zeros(len(SPACE)))
    sizes = middle if model.search == "none" else search(splits, model)[1]
    keras.utils.set_random_seed(model.seed)
    return make(splits, model.horizon, sizes)


recipe = Recipe(
    name="tuned_cnn_lstm",
    load=load,
    build=build,
    model=Model(),
    training=TrainingOptions(
        epochs=8,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        schedule="cosine",
        monitor="val_mae",
        mode="min",
    ),
)


def compare() -> None:
    """Prints the errors of each search with as many trials, the test once for each."""
    parser = argparse.ArgumentParser(description=compare.__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=Model.trials)
    given = parser.parse_args()
    splits, errors = load(given.data, None), {name: [] for name in SEARCHES}
    for seed in range(given.seeds):
        for name, found in errors.items():
            task, _, error = search(splits, Model(name, given.trials, seed=seed))
            tested = task.evaluate(splits["test"], return_dict=True, verbose=0)
            found.append((error, tested["mae"], tested["skill_repeat_last"]))
            print(seed, name, *(f"{each:.4f}" for each in found[-1]), flush=True)
    for name, found in errors.items():
        mean, spread = np.mean(found, axis=0), np.std(found, axis=0, ddof=1)
        cells = (f"{m:.4f} ± {s:.4f}" for m, s in zip(mean, spread, strict=True))
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    compare()
