"""The benchmark on long memory runs all of its tasks, and says when a training breaks off."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def long_memory():
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("long_memory")
    sys.path.remove(str(FOLDER))


def test_a_quick_run_prints_a_line_for_each_task(long_memory, capsys):
    long_memory.main(["--quick", "--seeds", "3"])

    lines = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    header, _, *rows = lines
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert {row["task"] for row in found} == {f"{row.task} 10" for row in long_memory.ROWS}
    assert len(found) == 4
    for row in found:
        assert row["seed"] == "3"
        assert np.isfinite(float(row["value"]))


def test_every_row_makes_a_model_of_its_task(long_memory):
    for row in {(row.task, row.remedy): row for row in long_memory.ROWS}.values():
        task = long_memory.make_task(row.task, 10)
        model = long_memory.make_model(task, row._replace(units=3))
        time = (task.steps,) if task.every_step else ()
        assert model.output_shape == (None, *time, task.classes or 1), row


def test_only_takes_the_rows_whose_names_hold_it(long_memory, capsys):
    long_memory.main(["--quick", "--only", "order 50 GRU"])

    _, _, row = capsys.readouterr().out.splitlines()
    assert row.startswith("| order 10 | GRU; adam")


def test_a_training_that_explodes_says_at_which_update(long_memory):
    row = long_memory.Row(
        "adding", 5, "IRNN", updates=9, optimizer="sgd", learning_rate=1e30, clip=None, units=3
    )

    value, _ = long_memory.measure(row, seed=0, run_eagerly=True)
    clipped, _ = long_memory.measure(
        row._replace(learning_rate=0.1, clip=1.0), seed=0, run_eagerly=True
    )

    assert value in ("nan at 2", "nan at 3")
    assert np.isfinite(float(clipped))


def test_each_batch_is_fresh_and_is_that_of_its_seed(long_memory):
    row = long_memory.ROWS[0]._replace(length=10, batch=3)
    task = long_memory.make_task(row.task, row.length)
    batches, same, other = (long_memory.FreshBatches(task, row, seed) for seed in (0, 0, 1))

    np.testing.assert_array_equal(batches[1][0], same[1][0])
    assert (batches[1][0] != batches[2][0]).any()
    assert (batches[1][0] != other[1][0]).any()
    assert (batches[0][0] != task.draw(3, "test", [0])[0]).any()
