"""A share of the bars of `benchmarks/faults.py`, by its command line."""

import importlib
import json
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def faults():
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    yield importlib.import_module("faults")
    sys.path.pop(0)


def found(faults, capsys, *arguments):
    status = faults.main([*arguments])
    return status, json.loads(capsys.readouterr().out)


def test_no_flipped_bit_of_a_checkpoint_goes_unseen_and_the_one_before_is_read(faults, capsys):
    status, counts = found(faults, capsys, "flips", "--format", "checkpoint", "--count", "40")
    assert status == 0
    assert counts == {"checkpoint": {"silent": 0, "other errors": 0, "older read": 40}}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Skipping variable loading")
def test_no_flipped_bit_of_any_format_goes_unseen(faults, capsys):
    status, counts = found(faults, capsys, "flips", "--count", "300")
    assert status == 0
    assert all(sum(outcomes.values()) == 300 for outcomes in counts.values())


@pytest.mark.slow
def test_no_hostile_config_does_anything_but_raise_a_value_error(faults, capsys):
    status, outcomes = found(faults, capsys, "hostile", "--count", "300")
    assert status == 0, outcomes
