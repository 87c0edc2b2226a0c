"""Every writer on a disk that takes files up to some size alone, for every such size.

A limit of the system on the length of files (RLIMIT_FSIZE) lets calls of `write` fail wherever
they are made, in HDF5 and TensorFlow too. Where its signal has its default action, the process
ends within that call instead.
"""

from __future__ import annotations

import functools
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from tiny_checkpoints import make_checkpoint
from tiny_tasks import make_language_model, make_translator

import seqzoo as sz
from seqzoo.datasets import streams
from seqzoo.explain.figures import save as save_picture
from seqzoo.export import saved_model
from seqzoo.files.atomic_write import recover_folder, remove_leftovers
from seqzoo.preprocessing import SubwordTokenizer, WordTokenizer, tokenised
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS
from seqzoo.recipe.folder import RunFolder
from seqzoo.recipe.record import Provenance, RunOptions, RunRecord
from seqzoo.training.callbacks import HistoryFile
from seqzoo.training.checkpoint_files import last_checkpoint, write_checkpoint

STEP = 4096  # bytes between two sizes
_LONGEST = 60  # seconds of a process


class Doubler(tf.Module):
    """The smallest model with weights that can be served."""

    def __init__(self):
        super().__init__()
        self.numbers = tf.Variable(tf.ones(150_000))

    def serving_signatures(self, search: Any = None) -> dict[str, Any]:
        signature = [tf.TensorSpec((None,), tf.float32, name="x")]
        double = tf.function(lambda x: {"y": x + self.numbers[0]}, input_signature=signature)
        return {"serving_default": double}


class Writer(NamedTuple):
    """How a file or folder is written and read.

    Attributes:
        name: Of the file or folder.
        write: Takes its path.
        read: Takes its path; raises where it is not whole.
        is_replaced: Whether it replaces one that is there.
    """

    name: str
    write: Callable[[Path], Any]
    read: Callable[[Path], Any]
    is_replaced: bool = True


@functools.cache
def _task() -> Any:
    task = make_language_model(units=96)
    task.compile()
    task.optimizer.build(task.trainable_variables)
    return task


@functools.cache
def _words() -> WordTokenizer:
    return WordTokenizer(vocabulary=[*SPECIAL_TOKENS, *(f"word {n}" for n in range(20_000))])


@functools.cache
def _subwords() -> SubwordTokenizer:
    tokenizer = SubwordTokenizer(20)
    tokenizer.adapt(["hello world", "hell"])
    return tokenizer


@functools.cache
def _pairs() -> Any:
    return make_translator("sutskever_2014").preprocessor


def _write_checkpoint(path: Path) -> None:
    write_checkpoint(path.parent, make_checkpoint(3)._replace(best_weights=[np.ones(250_000)]))


def _read_checkpoint(path: Path) -> None:
    if last_checkpoint(path.parent)[1]:
        raise ValueError(f"{path} is damaged")


def _write_history(path: Path) -> None:
    table = HistoryFile(path)
    table.rows = [{"epoch": number, "loss": 0.5} for number in range(20_000)]
    table.write()


def _stream(path: Path) -> Any:
    raw = path.parent.with_name("raw.tsv")
    if not raw.exists():
        raw.write_text("a b c d\tb a d c\n" * 2000)
    return tokenised(streams.tab_separated(raw), _pairs(), path)


def _read_stream(path: Path) -> None:
    for name in _stream(path).names:
        list(_stream(path).read(name).as_numpy_iterator())


def _write_run(path: Path) -> None:
    made_of = Provenance("tiny", "0" * 64, "generated", False, {})
    settings = tuple(f"training.epochs={number}" for number in range(5000))
    record = RunRecord(RunOptions(settings=settings), made_of)
    RunFolder(path).create(b"# a recipe\n" * 20_000, record)


WRITERS = {
    "checkpoint": Writer("step-000000003.npz", _write_checkpoint, _read_checkpoint),
    ".keras": Writer("task.keras", lambda path: _task().save(path), sz.load),
    "preset": Writer("preset", lambda path: _task().save_preset(path), sz.from_preset),
    "vocabulary": Writer(
        "words.json",
        lambda path: _words().save_vocabulary(path),
        WordTokenizer.load_vocabulary,
    ),
    "subwords": Writer(
        "words.model",
        lambda path: _subwords().save_vocabulary(path),
        SubwordTokenizer.load_vocabulary,
    ),
    "stream": Writer("ids", _stream, _read_stream, is_replaced=False),
    "run": Writer("run", _write_run, lambda path: RunFolder(path).record(), is_replaced=False),
    "history": Writer("history.csv", _write_history, lambda path: path.read_text()),
    "picture": Writer(
        "map.png", lambda path: save_picture(Figure(figsize=(12, 9)), path), lambda path: path
    ),
    "export": Writer(
        "1",
        lambda path: saved_model(Doubler(), path.parent, overwrite=True),
        lambda path: tf.saved_model.load(str(path)),
    ),
}


def fill_disks(names: list[str], count: int | None, seed: int) -> dict[str, Any]:
    """Writes with each limit in steps of 4 KB up to the size of the largest file, in both ways.

    Args:
        names: Of the writers.
        count: How many of the limits are tried, drawn at random; all where it is None.
        seed: Of these.

    Returns:
        For each writer the `largest` file in bytes, the numbers of `limits`, of processes that
        `refused` to write with an error, were `killed`, or have `written`, and `wrong`, what
        broke the promise.
    """
    # With one thread of each kind, operations run in the thread that calls them, and so in a
    # process that was forked, too.
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            found[name] = sweep(name, Path(folder, name), count, seed)
            print(f"{name}: {found[name]}", file=sys.stderr, flush=True)
    return found


def sweep(name: str, folder: Path, count: int | None, seed: int) -> dict[str, Any]:
    """Tries one writer in a folder; see `fill_disks`."""
    return _Sweep(WRITERS[name], folder).run(count, seed)


class _Sweep:
    def __init__(self, writer: Writer, folder: Path):
        self.writer, self.temporary = writer, folder / "temporary"
        self.path = folder / "files" / writer.name
        for each in (self.path.parent, self.temporary):
            each.mkdir(parents=True)
        (self.path.parent / "neighbour").write_text("mine")
        self.empty = _tree(self.path.parent)
        writer.write(self.path)
        self.new = _tree(self.path.parent)
        self.old = self.new if writer.is_replaced else self.empty

    def run(self, count: int | None, seed: int) -> dict[str, Any]:
        largest = max(len(content) for content in self.new.values() if content is not None)
        limits = range(0, largest + STEP, STEP)
        if count is not None:
            limits = random.Random(seed).sample(limits, min(count, len(limits)))
        outcomes = {"largest": largest, "limits": len(limits)}
        outcomes |= {"refused": 0, "killed": 0, "written": 0}
        wrong: list[str] = []
        _restore(self.path.parent, self.old)
        for limit in limits:
            for kills in (False, True):
                outcome, fault = self._try(limit, kills)
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
                if fault:
                    wrong.append(f"{limit} bytes, {'killed' if kills else 'refused'}: {fault}")
        return {**outcomes, "wrong": wrong}

    def _try(self, limit: int, kills: bool) -> tuple[str, str | None]:
        """Writes in another process; returns what came of it, and what is wrong with that."""
        status, text = _in_process(lambda: self._write(limit, kills))
        folder, error = self.path.parent, text.partition(": ")[2]
        if kills:
            recover_folder(self.path)
            for each in (folder, *([self.path] if self.writer.name == "ids" else [])):
                remove_leftovers(each)
        now = _tree(folder)
        if status == 0 and text == "written":
            outcome, fault = "written", self._fault_of_new(now)
        elif kills and status == -signal.SIGXFSZ:
            outcome = "killed"
            fault = (
                None
                if now == self.old or self._is_stopped_stream(now)
                else (self._fault_of_new(now))
            )
        elif status == 0 and text.startswith("OSError: ") and not kills:
            outcome, fault = "refused", self._fault_of_refusal(now, error)
        else:
            outcome, fault = f"status {status}", text or "no answer"
        if now != self.old:
            _restore(folder, self.old)
        if not kills and os.listdir(self.temporary):
            fault = fault or f"left {os.listdir(self.temporary)}"
        _restore(self.temporary, {})
        return outcome, fault

    def _write(self, limit: int, kills: bool) -> str:
        tempfile.tempdir = str(self.temporary)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kills else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            self.writer.write(self.path)
        except OSError as error:
            return f"OSError: {error}"
        except BaseException as error:
            return f"{type(error).__name__}: {error}"
        return "written"

    def _fault_of_new(self, now: dict[str, Any]) -> str | None:
        if now.keys() != self.new.keys():
            return f"left {sorted(now.keys() ^ self.new.keys())}"
        try:
            self.writer.read(self.path)
        except Exception as error:
            return f"what was written cannot be read: {error}"
        return None

    def _fault_of_refusal(self, now: dict[str, Any], error: str) -> str | None:
        if now != self.old and not self._is_stopped_stream(now):
            changed = [name for name in now | self.old if now.get(name) != self.old.get(name)]
            return f"changed {sorted(changed)}"
        if str(self.path) not in error and str(self.path.parent) not in error:
            return f"the error does not name {self.path}: {error}"
        return f"the error names a temporary file: {error}" if ".writing-" in error else None

    def _is_stopped_stream(self, now: dict[str, Any]) -> bool:
        """Whether these are the first files of a stream, each whole, which the next call ends."""
        return self.writer.name == "ids" and now.items() <= self.new.items()


def _in_process(work: Callable[[], str]) -> tuple[int, str]:
    """Forks a process; returns its status, below 0 for a signal, and what the work returns."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        try:
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            os.write(writer, work().encode("utf-8", "replace")[:4000])
        finally:
            os._exit(0)
    os.close(writer)
    end = time.monotonic() + _LONGEST
    while not os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        if time.monotonic() > end:
            os.kill(process, signal.SIGKILL)
            break
        time.sleep(0.001)
    _, status = os.waitpid(process, 0)
    with open(reader, "rb") as answer:
        return os.waitstatus_to_exitcode(status), answer.read().decode()


def _tree(folder: Path) -> dict[str, bytes | None]:
    """The bytes of each file below a folder, None for a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def _restore(folder: Path, tree: dict[str, bytes | None]) -> None:
    """Makes a folder hold these files and no others."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for name, content in sorted(tree.items()):
        if content is None:
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(content)
