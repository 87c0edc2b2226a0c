"""A lock on a folder, which the system releases when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
_UNSUPPORTED = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
_FAR = 1 << 30  # on Windows a locked byte cannot be read, so it is one behind the text
_LONGEST = 1000  # bytes that are read of a lock file


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Holds the lock on a folder, a file `lock` in it that names the process and its host.

    The file stays there; what counts is the system's lock on it. On a file system without locks
    nothing is held. On a network file system, all hosts see the lock where its server does locks.

    Raises:
        BlockingIOError: if another process holds it; names that and its host.
        OSError: if the file cannot be written.
    """
    path = folder / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno in _HELD:
                raise BlockingIOError(_held(folder, os.read(descriptor, _LONGEST))) from None
            if error.errno not in _UNSUPPORTED:
                raise
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
        except OSError as error:  # on a full disk
            raise OSError(error.errno, error.strerror, str(path)) from error
        yield
    finally:
        os.close(descriptor)  # which releases it


class ProcessLock:
    """A lock on a folder, held as long as this object exists.

    Raises:
        BlockingIOError, OSError: as `locked_folder`.
    """

    def __init__(self, folder: Path):
        held = contextlib.ExitStack()
        held.enter_context(locked_folder(folder))
        weakref.finalize(self, held.close)


_locks: weakref.WeakValueDictionary[str, ProcessLock] = weakref.WeakValueDictionary()


def process_lock(folder: Path) -> ProcessLock:
    """Returns the lock on a folder that all users of it in this process share."""
    key = os.path.realpath(folder)
    lock = _locks.get(key) or ProcessLock(folder)
    _locks[key] = lock
    return lock


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _held(folder: Path, holder: bytes) -> str:
    name = holder.decode("utf-8", "replace").strip() or "another process"
    return (
        f"{folder} is in use by {name}. Wait until it has ended, stop it, or choose another folder "
        f"(--out). Where no such process runs any more, remove {folder / 'lock'}."
    )
