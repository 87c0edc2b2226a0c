"""Files that an earlier version wrote load, and the models answer what they answered then."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from saved_answers import INPUTS_AND_ANSWERS

import seqzoo as sz

FOLDER = Path(__file__).parent
ANSWERS = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))


def assert_same(found, wanted, where):
    """Numbers are as close as floats of 32 bits, and all else is equal."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), where
        for name, part in wanted.items():
            assert_same(found[name], part, f"{where}, {name}")
    elif is_numeric(wanted):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5, err_msg=where)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for place, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert_same(one, other, f"{where}[{place}]")
    else:
        assert found == wanted, where


def is_numeric(value):
    """Whether a nest of lists is a full array of numbers."""
    if isinstance(value, list):
        return bool(value) and all(map(is_numeric, value)) and len(set(map(np.shape, value))) == 1
    return isinstance(value, (int, float))


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", ANSWERS)
def test_a_saved_model_answers_what_it_answered_when_it_was_saved(name):
    inputs, answer = INPUTS_AND_ANSWERS[name]
    assert ANSWERS[name]["inputs"] == inputs
    load = keras.models.load_model if name.endswith(".keras") else sz.from_preset
    assert_same(answer(load(FOLDER / name)), ANSWERS[name]["answers"], name)


@pytest.mark.usefixtures("eagerly")
def test_a_saved_task_goes_on_with_the_optimizer_of_then():
    task = sz.load(FOLDER / "translator.keras")
    assert type(task.optimizer).__name__ == "Adam"
    assert int(task.optimizer.iterations) == 40  # 8 epochs of 5 batches
    assert task.optimizer.global_clipnorm is None
    moments = [np.abs(each.numpy()).max() for each in task.optimizer._momentums]
    assert len(moments) == len(task.trainable_variables)
    assert min(moments) > 0
    task.fit([("a b", "b a")], verbose=0)
    assert int(task.optimizer.iterations) == 41


def test_the_saved_files_are_small():
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 400_000
