"""A share of the bars of `benchmarks/faults.py`, by its command line."""

import importlib
import json
import signal
import subprocess
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


needs_file_limits = pytest.mark.skipif(
    not hasattr(signal, "SIGXFSZ"), reason="needs a limit on the length of files"
)


@needs_file_limits
@pytest.mark.parametrize("writer", ["checkpoint", "vocabulary", "history", "run"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(writer, faults, tmp_path):
    sweep = importlib.import_module("full_disks").sweep
    outcomes = sweep(writer, tmp_path, count=3, seed=1)
    assert outcomes["wrong"] == []
    assert outcomes["refused"] > 0
    assert outcomes["refused"] == outcomes["killed"]


@pytest.mark.slow
@needs_file_limits
def test_no_writer_leaves_anything_on_a_full_disk(faults):
    # In a process of its own: it sets TensorFlow's threads before their first use.
    command = [sys.executable, faults.__file__, "disk", "--count", "6"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-2000:]


@pytest.mark.slow
def test_many_clients_get_the_same_answers_and_no_errors(faults):
    command = [sys.executable, faults.__file__, "load", "--minutes", "0.5"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(ended.stdout)
    assert found["different"] == 0
    assert found["unexpected"] == {}
    assert found["rows"] > 100


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
