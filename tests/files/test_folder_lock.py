"""A lock on a folder: one process holds it, and a killed one no more."""

import errno
import gc
import os
import socket
import subprocess
import sys

import pytest

from seqzoo.files import folder_lock
from seqzoo.files.folder_lock import locked_folder, process_lock

HOLD = """
import sys, time
from pathlib import Path
from seqzoo.files.folder_lock import locked_folder
with locked_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def refused(folder):
    with pytest.raises(BlockingIOError) as caught, locked_folder(folder):
        pass
    return str(caught.value)


def test_one_holds_a_folder_and_others_are_told_who(tmp_path):
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    with locked_folder(tmp_path):
        message = refused(tmp_path)
        assert message.startswith(f"{tmp_path} is in use by {holder}. Wait until it has ended")
        (tmp_path / "lock").write_bytes(b"")  # as in the moment before it is written
        assert "is in use by another process." in refused(tmp_path)
    with locked_folder(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{holder}\n"


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"held\n"
        assert f"process {process.pid} on" in refused(tmp_path)
        process.kill()
    with locked_folder(tmp_path):
        pass


def test_a_file_system_without_locks_is_written_to_all_the_same(tmp_path, monkeypatch):
    def unsupported(descriptor):
        raise OSError(folder_lock._UNSUPPORTED[0], "no locks")

    monkeypatch.setattr(folder_lock, "_lock", unsupported)
    with locked_folder(tmp_path), locked_folder(tmp_path):
        assert (tmp_path / "lock").read_bytes().startswith(b"process ")


def test_the_users_of_a_folder_in_one_process_share_its_lock(tmp_path):
    one, other = process_lock(tmp_path), process_lock(tmp_path / ".")
    assert one is other
    del one
    refused(tmp_path)
    del other
    gc.collect()
    with locked_folder(tmp_path):
        pass


def test_a_lock_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def full(descriptor, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left") as caught, locked_folder(tmp_path):
        pass
    assert caught.value.filename == str(tmp_path / "lock")
