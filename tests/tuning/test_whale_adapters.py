"""KerasTuner and Optuna ask for what the whale asks for, and tell it what came."""

import math
import re

import keras_tuner
import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from seqzoo.tuning import Whale, whale_oracle, whale_sampler

SIZES = {"whales": 3, "iterations": 4, "seed": 5}
optuna.logging.set_verbosity(optuna.logging.ERROR)


def error(x, y):
    return (x - 0.3) ** 2 + (y + 0.5) ** 2


def positions_of_the_whale(failed=(), function=error):
    whale, asked = Whale(2, **SIZES), []
    for trial in range(12):
        asked.append(whale.ask())
        whale.tell(math.nan if trial in failed else function(*asked[-1]))
    return np.array(asked)


class Tuner(keras_tuner.Tuner):
    sign, failed = 1, ()

    def run_trial(self, trial, **settings):
        if int(trial.trial_id) in self.failed:
            raise keras_tuner.errors.FailedTrialError("no memory")
        hp = trial.hyperparameters
        return {"error": self.sign * error(hp.get("x"), hp.get("y"))}


def two_numbers(hp):
    hp.Float("x", -1.0, 1.0)
    hp.Fixed("z", 3)
    hp.Float("y", -1.0, 1.0)


def searched(folder, direction="min", failed=(), trials=None, overwrite=True):
    oracle = whale_oracle(keras_tuner.Objective("error", direction), **SIZES)
    tuner = Tuner(oracle, two_numbers, directory=folder, project_name="p", overwrite=overwrite)
    tuner.sign, tuner.failed = (1 if direction == "min" else -1), failed
    oracle.max_trials = trials or oracle.max_trials
    tuner.search(verbose=0)
    values = [oracle.trials[name].hyperparameters.values for name in sorted(oracle.trials, key=int)]
    return tuner, np.array([[each["x"], each["y"]] for each in values])


@pytest.mark.parametrize("direction", ["min", "max"])
def test_an_oracle_makes_the_trials_of_the_whale(direction, tmp_path):
    tuner, asked = searched(tmp_path, direction)
    np.testing.assert_allclose(asked, positions_of_the_whale(), atol=1e-12)
    best = tuner.get_best_hyperparameters()[0]
    errors = [error(*each) for each in asked]
    assert (best.get("x"), best.get("y")) == tuple(asked[np.argmin(errors)])
    assert best.get("z") == 3


def test_a_failed_trial_of_an_oracle_is_the_worst_and_a_search_goes_on_where_it_stopped(tmp_path):
    _, asked = searched(tmp_path, failed=(1, 4))
    np.testing.assert_allclose(asked, positions_of_the_whale(failed=(1, 4)), atol=1e-12)
    searched(tmp_path / "part", trials=7)
    _, asked = searched(tmp_path / "part", overwrite=False)
    np.testing.assert_allclose(asked, positions_of_the_whale(), atol=1e-12)


def test_all_kinds_of_hyperparameters_stay_in_their_ranges(tmp_path):
    def build(hp):
        hp.Int("units", 8, 64, step=8)
        hp.Float("rate", 1e-4, 1e-1, sampling="log")
        if hp.Choice("cell", ["lstm", "gru"]) == "gru":
            hp.Boolean("after")

    class Sum(keras_tuner.Tuner):
        def run_trial(self, trial, **settings):
            values = trial.hyperparameters.values
            assert values["units"] in range(8, 65, 8)
            assert 1e-4 <= values["rate"] <= 1e-1
            return values["units"] + values["rate"]

    tuner = Sum(whale_oracle(whales=4, iterations=5), build, directory=tmp_path)
    tuner.search(verbose=0)
    cells = {trial.hyperparameters.get("cell") for trial in tuner.oracle.trials.values()}
    assert cells == {"lstm", "gru"}
    assert len(tuner.oracle.trials) == 20
    assert tuner.get_best_hyperparameters()[0].get("units") == 8


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_sampler_makes_the_trials_of_the_whale(direction):
    sign, failed = (1 if direction == "minimize" else -1), (1, 4)

    def objective(trial):
        if trial.number == 4:
            raise optuna.TrialPruned
        x, y = trial.suggest_float("x", -1, 1), trial.suggest_float("y", -1, 1)
        return math.nan if trial.number == 1 else sign * error(x, y)

    unit = FloatDistribution(-1, 1)
    study = optuna.create_study(
        direction=direction, sampler=whale_sampler({"x": unit, "y": unit}, **SIZES)
    )
    study.optimize(objective, n_trials=12)
    asked = [[each.params.get("x"), each.params.get("y")] for each in study.trials]
    want = positions_of_the_whale(failed)
    rows = [row for row in range(12) if row != 4]  # it was pruned before it suggested anything
    np.testing.assert_allclose([asked[row] for row in rows], want[rows], atol=1e-12)


def test_a_trial_of_the_user_moves_no_whale():
    unit = FloatDistribution(-1, 1)
    study = optuna.create_study(sampler=whale_sampler({"x": unit, "y": unit}, **SIZES))
    study.enqueue_trial({"x": 0.3, "y": -0.5})
    study.optimize(
        lambda trial: error(trial.suggest_float("x", -1, 1), trial.suggest_float("y", -1, 1)),
        n_trials=13,
    )
    asked = [[each.params["x"], each.params["y"]] for each in study.trials[1:]]
    np.testing.assert_allclose(asked, positions_of_the_whale(), atol=1e-12)
    assert study.best_value == 0


def test_values_are_those_of_the_distribution():
    distributions = {
        "units": IntDistribution(8, 64, step=8),
        "filters": IntDistribution(2, 32, log=True),
        "rate": FloatDistribution(1e-4, 1e-1, log=True),
        "dropout": FloatDistribution(0.0, 0.5, step=0.25),
        "cell": CategoricalDistribution(["lstm", None]),
        "one": IntDistribution(3, 3),
    }
    seen = []

    def objective(trial):
        trial.suggest_int("units", 8, 64, step=8)
        trial.suggest_int("filters", 2, 32, log=True)
        trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        trial.suggest_float("dropout", 0.0, 0.5, step=0.25)
        trial.suggest_categorical("cell", ["lstm", None])
        trial.suggest_int("one", 3, 3)
        seen.append(trial.params)
        return trial.params["rate"]

    study = optuna.create_study(sampler=whale_sampler(distributions, whales=8, iterations=4))
    study.optimize(objective, n_trials=32)
    assert {each["dropout"] for each in seen} <= {0.0, 0.25, 0.5}
    assert {each["cell"] for each in seen} == {"lstm", None}
    assert all(each["units"] in range(8, 65, 8) and each["one"] == 3 for each in seen)
    assert study.best_value < 1e-3


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match="at least one distribution"):
        whale_sampler({})
    with pytest.raises(ValueError, match="`whales` must be at least 2"):
        whale_sampler({"x": FloatDistribution(0, 1)}, whales=1)
    study = optuna.create_study(sampler=whale_sampler({"x": FloatDistribution(0, 1)}))
    with pytest.raises(ValueError, match=re.escape("Received: 'y'. Give its distribution")):
        study.optimize(lambda trial: trial.suggest_float("y", 0, 1), n_trials=1)
