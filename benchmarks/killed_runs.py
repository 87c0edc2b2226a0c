"""Runs that are killed at random moments of a whole run, from their start to the export.

Trainings of a tiny recipe are stopped by SIGKILL and SIGTERM and resumed. The history, the metrics
and the weights of those that end are compared with those of an unbroken run, to the bit.
"""

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import seqzoo

# isort: split
import h5py
import numpy as np
import tensorflow as tf  # noqa: F401  once, for all the processes that are forked

import seqzoo.recipe  # noqa: F401
from seqzoo import cli

RECIPE = Path(__file__).parents[1] / "tests/tiny_recipe.py"
SETTINGS = ("data.size=240", "training.epochs=5", "training.checkpoint_steps=7")
CHECKED = ("history.csv", "metrics.json")


def kill_runs(count: int, seed: int) -> dict[str, Any]:
    """Kills so many processes.

    Returns:
        `kills` by signal and phase, the `runs` they were of, `slowest_sigterm`, the longest time
        from a SIGTERM to the end of the process in seconds, and `wrong`, what differs in runs that
        did not end as the unbroken one.
    """
    moments, phases, slowest = random.Random(seed), Counter(), 0.0
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place, "whole")
        status, seconds = _wait(_start_training(whole))
        assert status == 0, f"the unbroken run ended with status {status}"
        runs, wrong = 0, []
        while phases.total() < count:
            folder, runs = Path(place, f"run-{runs}"), runs + 1
            while True:
                process, left = _start_training(folder), count - phases.total()
                if left:
                    _sleep(process, moments.uniform(0, seconds))
                if not left or _has_ended(process):
                    status, _ = _wait(process)
                    break
                number, phase = moments.choice([signal.SIGKILL, signal.SIGTERM]), _phase(folder)
                os.kill(process, number)
                status, took = _wait(process)
                if status not in (-number, 128 + number):
                    break  # it ended just before
                phases[f"{number.name} {phase}"] += 1
                slowest = max(slowest, took if number == signal.SIGTERM else 0.0)
                print(f"{phases.total()}: {number.name} {phase}, status {status}", file=sys.stderr)
            if status != 0 or _differences(folder, whole):
                wrong.append(f"{folder.name}: status {status}, {_differences(folder, whole)}")
    kills = dict(sorted(phases.items()))
    return {"kills": kills, "runs": runs, "slowest_sigterm": round(slowest, 1), "wrong": wrong}


def _start_training(folder: Path) -> int:
    """Forks a process that trains in a folder, or goes on, and returns its id."""
    process = os.fork()
    if process:
        return process
    with open(folder.with_suffix(".log"), "a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    fresh = [*settings, "--seed", "0"] if not (folder / "run.json").is_file() else []
    status = 1
    try:
        status = cli.main(["train", str(RECIPE), "--out", str(folder), "--resume", *fresh])
    finally:
        os._exit(status)


def _wait(process: int) -> tuple[int, float]:
    """Waits for a process; returns its status, below 0 for a signal, and the seconds waited."""
    begin = time.monotonic()
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - begin


def _has_ended(process: int) -> bool:
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _sleep(process: int, seconds: float) -> None:
    """Sleeps, or until the process has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not _has_ended(process):
        time.sleep(0.01)


def _phase(folder: Path) -> str:
    """Where a run is, by what its folder holds."""
    for pattern, phase in (
        ("export/1", "behind the export"),
        ("metrics.json", "in the pictures or the export"),
        ("preset", "in the evaluation"),
        ("checkpoints/step-*", "behind the first checkpoint"),
        ("run.json", "in the first steps"),
    ):
        if any(folder.glob(pattern)):
            return phase
    return "before the first step"


def _differences(folder: Path, whole: Path) -> list[str]:
    names = [
        name
        for name in CHECKED
        if not (folder / name).is_file()
        or (folder / name).read_bytes() != (whole / name).read_bytes()
    ]
    one, other = (_weights(each / "preset/model.weights.h5") for each in (folder, whole))
    same = one.keys() == other.keys() and all(map(np.array_equal, one.values(), other.values()))
    return names if same else [*names, "weights"]


def _weights(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a file of weights, by their paths."""
    if not path.is_file():
        return {}
    arrays = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with h5py.File(path) as file:
        file.visititems(add)
    return arrays
