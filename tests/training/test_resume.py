"""Trainings that are killed, and what they go on from."""

import contextlib
import gc
import os
import random
import signal
import subprocess
import sys

import keras
import killed_training
import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import Bigram, make_bigram, reversal_pairs
from worker_processes import free_ports, start, tf_config

from seqzoo.files.folder_lock import locked_folder
from seqzoo.training import Resume
from seqzoo.training.checkpoint_files import Checkpoint, last_checkpoint, write_checkpoint
from seqzoo.training.resume import _random_state

KILLED = -signal.SIGKILL
LONGEST = 900  # seconds


def train(folder, seconds="never", config=None):
    folder.mkdir(exist_ok=True)
    return start([killed_training.__file__, folder, seconds], config)


def end(process):
    """Waits for a process and returns its status and what it wrote to stderr."""
    _, errors = process.communicate(timeout=LONGEST)
    return process.returncode, errors


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a training that never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    status, errors = end(train(folder))
    assert status == 0, errors
    return folder


def losses(folder):
    """What each step gave, at every time that it was taken."""
    found = {}
    for path in folder.glob("losses_*.txt"):
        *lines, _ = path.read_text().split("\n")  # the last one may be cut off
        for line in lines:
            epoch, batch, *values = line.split()
            found.setdefault((int(epoch), int(batch)), set()).add(tuple(values))
    return found


def assert_as_if_never_stopped(folder, whole):
    assert (folder / "history.csv").read_text() == (whole / "history.csv").read_text()
    assert losses(folder) == losses(whole)
    assert_same_weights(folder, whole)


def assert_same_weights(folder, whole):
    with np.load(folder / "weights.npz") as found, np.load(whole / "weights.npz") as wanted:
        assert len(found.files) == len(wanted.files)
        for name in wanted.files:
            np.testing.assert_array_equal(found[name], wanted[name])
    assert len(list((folder / "checkpoints").glob("step-*"))) == 3


def kill_and_resume(folder, kills, seed):
    """Kills so many trainings in a folder at random moments, and lets one end."""
    moments, died = random.Random(seed), 0
    while died < kills:
        status, errors = end(train(folder, f"{moments.uniform(0, 0.7):.3f}"))
        assert status in (KILLED, 0), errors
        if status == 0:
            break  # all was done before the moment came
        died += 1
    status, errors = end(train(folder))
    assert status == 0, errors
    return died


def test_a_training_that_is_killed_ends_as_one_that_never_stopped(whole, tmp_path):
    assert_kills_change_nothing(1, whole, tmp_path)


@pytest.mark.slow
def test_twenty_kills_change_nothing(whole, tmp_path):
    assert_kills_change_nothing(20, whole, tmp_path)


def assert_kills_change_nothing(kills, whole, tmp_path):
    """Kills trainings at random moments, in another folder once one has ended before its moment."""
    died, run = 0, 0
    while died < kills:
        folder = tmp_path / f"run_{run}"
        died += kill_and_resume(folder, kills - died, seed=run)
        assert_as_if_never_stopped(folder, whole)
        run += 1


@pytest.mark.slow
def test_a_worker_that_dies_and_comes_back_rejoins_from_the_last_checkpoint(tmp_path):
    def start_both(folder, seconds="never"):
        ports = free_ports(2)
        limits = ("never", seconds)
        return [train(folder, limits[i], tf_config(ports, i)) for i in range(2)]

    first, second = start_both(tmp_path / "run", 0.2)
    assert end(second)[0] == KILLED
    status, errors = end(first)
    assert status not in (0, KILLED)
    assert "ConnectionError: Another worker has stopped" in errors
    for process in [*start_both(tmp_path / "run"), *start_both(tmp_path / "whole")]:
        assert end(process)[0] == 0
    # Metrics come back as one sum where each worker had its own, so their last bits differ.
    tables = [
        np.genfromtxt(tmp_path / name / "history.csv", delimiter=",", skip_header=1)
        for name in ("run", "whole")
    ]
    np.testing.assert_allclose(*tables, rtol=1e-6)
    assert_same_weights(tmp_path / "run", tmp_path / "whole")


def fit(folder, pairs=None, seed=0, task=None, every=2, epochs=1, accept_changes=False, **settings):
    task = make_bigram() if task is None else task
    task.compile(keras.optimizers.SGD(0.5))
    pairs = reversal_pairs(12) if pairs is None else pairs
    resume = Resume(folder, every=every, accept_changes=accept_changes)
    settings = {"batch_size": 4, "epochs": epochs, "seed": seed, "verbose": 0} | settings
    task.fit(pairs, callbacks=[resume], **settings)
    return resume


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pairs": reversal_pairs(13)}, "data examples=13, where the checkpoint has 12; data che"),
        ({"pairs": reversal_pairs(12, seed=1)}, r"data checksum=\d+, where the checkpoint has \d+"),
        ({"seed": 1}, "data seed=1, where the checkpoint has 0"),
        ({"batch_size": 3}, "data batch_size=3, where the checkpoint has 4"),
    ],
)
def test_other_data_are_refused_with_what_differs(tmp_path, changed, message):
    fit(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(ValueError, match=message):
        fit(tmp_path, epochs=2, **changed)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


class Wider(Bigram):
    def build(self, input_shape=None):
        self.hidden = keras.layers.Dense(7, activation="tanh")
        super().build()


def test_another_model_is_refused_with_what_differs(tmp_path):
    fit(tmp_path)
    other = Wider(preprocessor=make_bigram().preprocessor)
    with pytest.raises(ValueError, match=r"kernel \[7, 11\], where the checkpoint has .*\[6, 11\]"):
        fit(tmp_path, task=other)


def test_another_version_of_the_code_is_refused_with_both_versions(tmp_path, monkeypatch):
    fit(tmp_path)
    monkeypatch.setattr("seqzoo.training.resume.__version__", "9.9")
    with pytest.raises(ValueError, match=r"made by seqzoo=9\.9, where the checkpoint has "):
        fit(tmp_path, epochs=2)


@pytest.mark.usefixtures("eagerly")
def test_other_code_of_the_library_is_refused_unless_that_is_accepted(tmp_path, monkeypatch):
    fit(tmp_path)
    monkeypatch.setattr("seqzoo.training.resume.code_digest", lambda package: "other")
    with pytest.raises(ValueError, match=r"seqzoo_code=other, where .*`accept_changes=True`"):
        fit(tmp_path, epochs=2)
    with pytest.raises(ValueError, match=r"data seed=1, where the checkpoint has 0"):
        fit(tmp_path, epochs=2, seed=1)
    fit(tmp_path, epochs=2, seed=1, accept_changes=True)
    with pytest.raises(ValueError, match=r"kernel \[7, 11\]"):  # that no word can help
        fit(tmp_path, task=Wider(preprocessor=make_bigram().preprocessor), accept_changes=True)


def test_values_of_bfloat16_are_written_and_read_exactly(tmp_path):
    carried = tf.Variable([[1.5, -2.25]], dtype=tf.bfloat16)
    state = {"step": 1, "epoch": 0, "batch": 1, "stopped": False, "made_by": {}, "data": {}}
    state |= {"variables": [], "tables": [], "early_stopping": {}, "plateau": {}}
    state["random"] = _random_state()
    write_checkpoint(tmp_path, Checkpoint(state, [], [], [carried.numpy()]))
    checkpoint, damaged = last_checkpoint(tmp_path)
    assert not damaged
    np.testing.assert_array_equal(checkpoint.metrics[0], [[1.5, -2.25]])
    resume = Resume(tmp_path / "other")
    resume._metrics = checkpoint.metrics
    resume._of_epoch = lambda: [carried]
    carried.assign(tf.zeros_like(carried))
    resume.on_epoch_begin(0)
    np.testing.assert_array_equal(tf.cast(carried, "float32"), [[1.5, -2.25]])


def test_a_damaged_checkpoint_gives_way_to_the_one_before_with_a_message(tmp_path, capsys):
    fit(tmp_path, epochs=2)
    last = sorted(tmp_path.glob("step-*"))[-1]
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(bytes(content))

    fit(tmp_path, epochs=3)
    message = capsys.readouterr().err
    assert f"{last} is damaged (it must have the digest at its end)" in message
    assert message.endswith("); continuing from step 4\n")


def test_weights_of_a_checkpoint_that_are_no_numbers_are_told(tmp_path):
    task = make_bigram()
    fit(tmp_path, task=task)
    task.hidden.bias.assign(np.full(6, np.nan))
    fit(tmp_path / "other", task=task)
    with pytest.warns(UserWarning, match=r"other, step 3: \d+ of .* numbers of .* are NaN"):
        fit(tmp_path / "other", epochs=2)


LIMITED = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
import test_resume
class Limit(test_resume.keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
test_resume.Resume.on_epoch_begin = lambda self, epoch, logs=None: (
    setattr(self, "_epoch", epoch), Limit().on_epoch_begin(epoch))
test_resume.fit(Path(sys.argv[1]), epochs=2, every=9)
"""


def test_where_no_checkpoint_can_be_written_one_error_says_so_and_the_older_stay(tmp_path):
    folder = tmp_path / "checkpoints"
    here = os.path.dirname(os.path.abspath(__file__))
    process = start(["-c", LIMITED, folder, here])
    status, errors = end(process)
    assert status == 1
    assert errors.strip().splitlines()[-1] == (
        f"OSError: The checkpoint of step 6 could not be written to {folder}: File too large. "
        "step-000000003.npz and those before it are whole. Free some space, or make the folder "
        "writable, and resume from there."
    )
    assert {path.name for path in folder.iterdir()} == {"step-000000003.npz", "lock"}
    assert Resume(folder).step == 3


def test_a_folder_that_cannot_be_written_to_is_an_error_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"Checkpoints must be written to .*: Not a directory"):
        fit(tmp_path / "file" / "checkpoints")


def test_what_a_killed_writer_left_is_removed(tmp_path):
    (tmp_path / ".writing-x").mkdir()
    (tmp_path / ".writing-x" / "new").write_text("half")
    fit(tmp_path)
    assert not list(tmp_path.glob(".writing-*"))
    assert list(tmp_path.glob("step-*"))


HOLD = """
import sys, time
from pathlib import Path
from seqzoo.files.folder_lock import locked_folder
with locked_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other_process(tmp_path):
    """One that holds the lock on a folder."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_folder_that_another_process_trains_in_is_refused(tmp_path, other_process):
    with pytest.raises(BlockingIOError) as caught:
        fit(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path} is in use by process {other_process.pid} on ")
    assert "\n" not in message
    assert not list(tmp_path.glob("step-*"))


class Failure(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise RuntimeError("in the midst of it")


def fail_in_training(folder):
    """Returns the callback, which holds the folder on."""
    task, resume = make_bigram(), Resume(folder)
    task.compile(keras.optimizers.SGD(0.5))
    with contextlib.suppress(RuntimeError):
        task.fit(reversal_pairs(12), callbacks=[resume, Failure()], batch_size=4, verbose=0)
    assert not list(folder.glob("step-*"))
    return resume


@pytest.mark.usefixtures("eagerly")
def test_a_folder_is_held_until_a_training_ends_or_is_forgotten_and_shared_in_a_process(tmp_path):
    failed = [fail_in_training(tmp_path)]
    with pytest.raises(BlockingIOError), locked_folder(tmp_path):
        pass
    fit(tmp_path)
    failed.clear()
    gc.collect()
    with locked_folder(tmp_path):
        pass
    ended = fit(tmp_path, epochs=2)
    assert ended.step == 6
    with locked_folder(tmp_path):
        pass


@pytest.mark.parametrize("name", ["every", "keep"])
def test_counts_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1. Received: {name}=0."):
        Resume("folder", **{name: 0})
