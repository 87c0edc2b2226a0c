"""What the project costs: minutes and memory of its tests, and how far apart its code stands.

`python tests/budget.py` prints the figures of the code. A run of pytest prints its own figures at
its end; with SEQZOO_BUDGET=strict a default run above its budget fails. Machines differ, so it is
not strict by default.

With SEQZOO_DURATIONS=FILE a run of pytest writes the seconds of each test, and
`python tests/budget.py FILE` writes tests/thorough.txt from them.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "seqzoo"
MAX_MINUTES = 12
MAX_GIGABYTES = 5
MAX_HOPS, MAX_FILES = 15, 8
STEP_FUNCTION = "lstm_step"
MAX_SECONDS = 1.0  # of a default test ...
MAX_SECONDS_ALONE = 3.0  # ... and of the quickest row of its function
THOROUGH = ROOT / "tests/thorough.txt"
SECONDS_BETWEEN_SAMPLES = 5.0  # to look at gigabytes takes part of a second


class Hops(NamedTuple):
    """The seqzoo functions between the call of a layer and its step function.

    A reader who follows the call goes down the stack; the others are conditions and preparations
    beside it.
    """

    stack: list[str]  # those that are running when the step function is entered
    visited: list[str]  # all that were entered before it, each once
    files: list[str]


def hops_of_lstm() -> Hops:
    """Follows one `layers.LSTM` in a train step of a `tf.function` to its step function."""
    import numpy as np
    import tensorflow as tf

    from seqzoo import layers

    layer = layers.LSTM(6, return_sequences=True)
    inputs = np.zeros((3, 4, 7), "float32")
    visited: dict[str, str] = {}
    stack: list[str] = []

    def follow(frame, event, argument):
        if event != "call" or stack or not _is_a_function_of_seqzoo(frame.f_code):
            return
        visited[_name(frame.f_code)] = _file(frame.f_code)
        if frame.f_code.co_name == STEP_FUNCTION:
            stack.extend(_running(frame))

    def train(inputs):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(inputs, training=True))
        return tape.gradient(loss, layer.trainable_variables)

    tf.function(train)(inputs)  # makes the weights, and imports what is imported on first use
    sys.setprofile(follow)
    try:
        tf.function(train)(inputs)
    finally:
        sys.setprofile(None)
    if not stack:
        raise ValueError(
            f"The step function {STEP_FUNCTION!r} was never entered. Entered: {list(visited)}. "
            "Set STEP_FUNCTION in tests/budget.py to the function that computes a step of an LSTM."
        )
    return Hops(stack, list(visited), sorted(set(visited.values())))


def _is_a_function_of_seqzoo(code) -> bool:
    return code.co_filename.startswith(f"{_imported()}{os.sep}") and code.co_name[0] != "<"


@functools.cache
def _imported() -> Path:
    """The folder of the package that is imported, which may be an installed one."""
    import seqzoo

    return Path(seqzoo.__file__).parent


def _running(frame) -> list[str]:
    names = []
    while frame is not None:
        if _is_a_function_of_seqzoo(frame.f_code):
            names.insert(0, _name(frame.f_code))
        frame = frame.f_back
    return names


def _file(code) -> str:
    return Path(code.co_filename).relative_to(_imported()).as_posix()


def _name(code) -> str:
    return f"{_file(code)}: {code.co_qualname}"


def files_of_one_importer() -> list[str]:
    """Modules that exactly one other module of the package imports."""
    from architecture import _modules, _own_imports

    importers: dict[str, set[str]] = defaultdict(set)
    for each in _own_imports(PACKAGE):
        importers[each.imported].add(each.importer)
    modules = {name for name, path in _modules(PACKAGE).items() if path.stem != "__init__"}
    return sorted(name for name in modules if len(importers[name] - {name}) == 1)


def shared_file_names() -> dict[str, list[str]]:
    """File names that stand in several folders, with the folders."""
    folders = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.stem != "__init__":
            folders[path.name].append(path.parent.relative_to(PACKAGE).as_posix())
    return {name: places for name, places in folders.items() if len(places) > 1}


def print_figures_of_the_code() -> None:
    hops = hops_of_lstm()
    print("From layers.LSTM.__call__ to the step function, in training:")
    files_on_the_path = {name.split(":")[0] for name in hops.stack}
    print(
        f"  {len(hops.stack) - 1} hops through {len(files_on_the_path)} files (at most {MAX_HOPS} "
        f"and {MAX_FILES}): the calls, one within the other, marked *"
    )
    print(f"  {len(hops.visited)} functions of {len(hops.files)} files are entered on the way")
    for name in hops.visited:
        print(f"    {'*' if name in hops.stack else ' '} {name}")
    alone = files_of_one_importer()
    files = [path for path in PACKAGE.rglob("*.py") if path.stem != "__init__"]
    lines = sum(len(path.read_text().splitlines()) for path in files)
    print(f"{len(alone)} of {len(files)} files have one importer; {lines} lines in all")
    shared = shared_file_names()
    print(f"{len(shared)} file names stand in several folders:")
    for name, places in shared.items():
        print(f"    {name}: {', '.join(places)}")


def write_thorough(durations: Path) -> None:
    """Writes the list of the tests that a default run leaves out, from the seconds of each."""
    rows: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for line in durations.read_text(encoding="utf-8").splitlines():
        seconds, _, test = line.partition(" ")
        rows[test.partition("[")[0]].append((float(seconds), test))
    left_out = []
    for tests in rows.values():
        quickest, *others = sorted(tests)
        left_out += [test for seconds, test in others if seconds > MAX_SECONDS]
        left_out += [quickest[1]] * (quickest[0] > MAX_SECONDS_ALONE)
    THOROUGH.write_text("".join(f"{test}\n" for test in sorted(left_out)), encoding="utf-8")
    total = sum(seconds for tests in rows.values() for seconds, _ in tests)
    default = total - sum(s for tests in rows.values() for s, test in tests if test in left_out)
    print(f"{len(left_out)} tests are thorough: {total - default:.0f} of {total:.0f} seconds")


class RunBudget:
    """A plugin of pytest: the minutes, the memory and the number of tests of a run."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.peak = 0
        self.passed = 0
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._ended = threading.Event()
        threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_SAMPLES):
            self.peak = max(self.peak, memory_of_processes(os.getpid()))

    def pytest_runtest_logreport(self, report):
        self.passed += report.when == "call" and report.passed
        self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self, session):
        self._ended.set()
        if durations := os.environ.get("SEQZOO_DURATIONS"):
            lines = (f"{seconds:.2f} {test}\n" for test, seconds in sorted(self.seconds.items()))
            Path(durations).write_text("".join(lines), encoding="utf-8")
        strict = os.environ.get("SEQZOO_BUDGET") == "strict"
        if strict and self.is_exceeded and session.exitstatus == 0:
            session.exitstatus = 1

    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.write_line(
            f"budget: {self.minutes:.1f} minutes (at most {MAX_MINUTES}), "
            f"{self.peak / 1e9:.1f} GB at the peak of all processes (at most {MAX_GIGABYTES}), "
            f"{self.passed} tests passed"
        )

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self.start) / 60

    @property
    def is_exceeded(self) -> bool:
        return self.minutes > MAX_MINUTES or self.peak > MAX_GIGABYTES * 1e9


def memory_of_processes(root: int) -> int:
    """Bytes of a process and all below it, what they share once; 0 where there is no /proc."""
    return sum(_memory_of(process) for process in [root, *_processes_below(root)])


def _processes_below(root: int) -> list[int]:
    children = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the process stands in parentheses and may hold anything.
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):  # it has ended
            continue
        children[parent].append(int(path.parent.name))
    below = list(children[root])
    for process in below:
        below += children[process]
    return below


def _memory_of(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) * 1024


def memory_of_this_process() -> int:
    """Bytes that this process has in memory; 0 where there is no /proc."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(ROOT))
    if sys.argv[1:]:
        write_thorough(Path(sys.argv[1]))
    else:
        print_figures_of_the_code()
