"""The benchmark of mixers trains on every task, goes on where it stopped, and shows the best."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def mixers():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("mixers")
    sys.path.remove(str(FOLDER))


@pytest.mark.slow
def test_a_quick_run_trains_each_pair_once_and_goes_on_from_its_results(mixers, tmp_path, capsys):
    results = tmp_path / "results.jsonl"
    arguments = ["--quick", "--tasks", "s3", "--results", str(results), "--mixers", "min_gru"]
    mixers.main(arguments)
    mixers.main([*arguments, "attention"])

    found = [json.loads(line) for line in results.read_text().splitlines()]
    assert [(result["task"], result["mixer"]) for result in found] == [
        ("s3", "min_gru"),
        ("s3", "attention"),
    ]
    assert all(0 <= result["test"] <= 1 and result["updates"] == 2 for result in found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:-2] == ["| mixer | s3 (0.17) |", "|---|---|"]
    assert [line.split(" | ")[0] for line in lines[-2:]] == ["| min_gru", "| attention"]


def test_the_best_is_that_of_validation(mixers):
    shared = {"task": "parity", "mixer": "lstm", "seed": 0, "updates": 9, "minutes": 1.0}
    results = [
        shared | {"learning_rate": 1e-3, "validation": 0.9, "test": 0.7},
        shared | {"learning_rate": 1e-2, "validation": 0.8, "test": 0.99},
    ]
    assert mixers.best_of(results, "parity", "lstm") is results[0]
    assert "0.700 (rate 0.001, seed 0, 9 updates, 1.0 min)" in mixers.table(
        results, ["parity"], ["lstm"]
    )


def test_ids_and_answers_of_every_task_fit_its_model(mixers):
    for task in mixers.TASKS.values():
        for testing in (False, True):
            inputs, targets, counted = task.make(50, testing, [0])
            assert inputs.max() == task.symbols - 1
            assert targets.max() == task.classes - 1
            assert counted[:, task.first_step if testing else 0 :].any()


def test_lengths_of_training_are_from_1_to_40(mixers):
    _, _, counted = mixers.TASKS["parity"].make(2000, False, [0])
    lengths = counted.sum(axis=1)
    assert (counted == (np.arange(40) < lengths[:, None])).all()
    assert set(lengths.tolist()) == set(range(1, 41))
    assert np.mean(lengths <= 6) == pytest.approx(np.log(7) / np.log(41), abs=0.04)


def test_a_model_that_answers_the_same_gets_the_chance_of_its_task(mixers):
    class Constant:
        def predict_on_batch(self, inputs):
            return np.eye(6)[np.zeros(inputs.shape, "int32")]

    found = mixers.accuracy(Constant(), mixers.TASKS["s3"], [0], 400)
    assert found == pytest.approx(1 / 6, abs=0.01)
