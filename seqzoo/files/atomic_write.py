"""Files and folders that are written whole or not at all.

Everything in seqzoo that writes goes through `atomic_file` and `atomic_folder`. They promise:

- Wherever a process is killed, or the machine stops, the path holds the old file or folder or the
  new one, whole. A folder is exchanged in one step where the system can do so (Linux,
  `renameat2`). Elsewhere there is a moment between two renames: a process killed there leaves the
  old folder under another name, and `recover_folder`, which every writer and reader of folders
  calls first, renames it back.
- New files, the folders in new folders, and the folder around them are synced to the disk.
- A file is never written to the path of a folder, nor a folder to that of a file, and a folder
  replaces another only where that is empty or one of the same kind.
- An error leaves the old one whole and removes what was written, and nothing else. It names the
  path that the caller gave. Only an error of the last sync, that of the folder around, comes when
  the new one has its name already.
- A link is followed, as by `open`: what it leads to is replaced.

Names that begin with `.writing-` belong to this module. A process that is killed leaves such
files and folders behind; `remove_leftovers` removes them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator

_PREFIX = ".writing-"
_BACKUP = ".writing-old-"  # of the name that follows; no other temporary name begins so
_CURRENT_FOLDER, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)

_renameat2 = None
if sys.platform == "linux":
    _renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], suffix: str = "") -> Iterator[str]:
    """Yields a path to write a file to, which replaces the file at `path` in the end.

    Args:
        path: Where the file goes; missing folders above it are made.
        suffix: Ending of the yielded path, for writers that need one.

    Raises:
        ValueError: if there is a folder at `path`, or a device.
        OSError: if the file cannot be written.
    """
    given, target = os.fspath(path), os.path.realpath(path)
    temporary = _temporary_name(target)  # a folder: some writers make more files on their way
    new = os.path.join(temporary, "new" + suffix)
    with _errors_name(given, target, temporary, new):
        _check_file(given, target)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            os.mkdir(temporary)
            yield new
            _sync(new)
            os.replace(new, target)
            _sync(os.path.dirname(target))
        finally:
            _remove(temporary)


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes a file that is seen whole or not at all; see `atomic_file`."""
    with atomic_file(path) as written, open(written, "wb") as file:
        file.write(content)


@contextlib.contextmanager
def atomic_folder(
    path: str | os.PathLike[str],
    kind: str = "empty folder",
    may_replace: Callable[[str], bool] = lambda folder: False,
) -> Iterator[str]:
    """Yields the path of an empty folder to fill, which replaces the one at `path` in the end.

    Args:
        path: Where the folder goes; missing folders above it are made.
        kind: What is replaced at `path`, for the message of an error.
        may_replace: Tells of a folder whether it is one of that kind. Empty ones are replaced
            too, and nothing else is.

    Raises:
        ValueError: if there is anything else at `path`.
        OSError: if the folder cannot be written.
    """
    given, target = os.fspath(path), os.path.realpath(path)
    new = _temporary_name(target)

    def check() -> None:
        if _mode(target) is not None and not (_is_empty_folder(target) or may_replace(target)):
            raise ValueError(
                f"{given} exists and is no {kind}. It stays as it is: choose another path."
            )

    with _errors_name(given, target, new):
        _recover(target)
        check()
        os.makedirs(os.path.dirname(target), exist_ok=True)
        try:
            os.mkdir(new)
            yield new
            _sync_folder(new)
            check()  # again: filling it may have taken minutes
            _rename_folder(new, target)
            _sync(os.path.dirname(target))
        finally:
            _remove(new)  # by now the old one, if there was one


def recover_folder(path: str | os.PathLike[str]) -> None:
    """Renames the old folder back where a writer was killed between two renames.

    Every reader of a folder that `atomic_folder` writes calls it first.
    """
    given, target = os.fspath(path), os.path.realpath(path)
    with _errors_name(given, target, _backup_name(target)):
        _recover(target)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Removes what writers that were killed left in a folder. Nobody may write there meanwhile.

    An old folder that has no successor yet gets its name back.
    """
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name.startswith(_BACKUP):
            _recover(os.path.join(folder, name.removeprefix(_BACKUP)))
            if os.path.lexists(path):
                _discard(path)
        elif name.startswith(_PREFIX):
            _remove(path)


def _temporary_name(target: str) -> str:
    return os.path.join(os.path.dirname(target), _PREFIX + secrets.token_hex(8))


def _backup_name(target: str) -> str:
    return os.path.join(os.path.dirname(target), _BACKUP + os.path.basename(target))


def _mode(path: str) -> int | None:
    """The mode of what stands at a path; None where there is nothing."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _check_file(given: str, target: str) -> None:
    mode = _mode(target)
    if mode is not None and not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "neither a file nor a folder"
        raise ValueError(
            f"A file must be written to a path of its own. Received: {given}, which is {what}. It "
            "stays as it is: choose another path."
        )


def _is_empty_folder(path: str) -> bool:
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode) and not os.listdir(path)


def _rename_folder(new: str, target: str) -> None:
    """Gives a new folder its name. An old one of that name is called `new` then."""
    if not os.path.lexists(target):
        os.rename(new, target)
    elif not _exchange(new, target):
        backup = _backup_name(target)
        if os.path.lexists(backup):  # of a killed writer, whose new folder is `target`
            _discard(backup)
        os.rename(target, backup)
        try:
            os.rename(new, target)
        except BaseException:
            with contextlib.suppress(OSError):  # else `recover_folder` does it
                os.rename(backup, target)
            raise
        with contextlib.suppress(OSError):  # else `remove_leftovers` removes it
            os.rename(backup, new)


def _exchange(one: str, other: str) -> bool:
    """Exchanges the names of two folders in one step; False where the system cannot."""
    if _renameat2 is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    if _renameat2(_CURRENT_FOLDER, names[0], _CURRENT_FOLDER, names[1], _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), other)


def _recover(target: str) -> None:
    backup = _backup_name(target)
    if not os.path.isdir(backup):
        return
    if _mode(target) is None or _is_empty_folder(target):
        if os.name == "nt" and _mode(target) is not None:
            os.rmdir(target)  # there, `rename` replaces no empty folder
        os.rename(backup, target)
        _sync(os.path.dirname(target))


def _discard(backup: str) -> None:
    """Removes a backup that has a successor. While it bears its name it is whole."""
    leftover = _temporary_name(backup)
    os.rename(backup, leftover)
    _remove(leftover)


def _remove(path: str) -> None:
    """Removes a file or folder as far as that is possible."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _sync(path: str) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    is_folder = os.path.isdir(path)
    if is_folder and os.name == "nt":
        return  # there, folders cannot be opened
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not is_folder or error.errno not in _UNSUPPORTED:  # some file systems sync no folders
            raise
    finally:
        os.close(descriptor)


def _sync_folder(folder: str) -> None:
    """Syncs a folder and all in it."""

    def stop(error: OSError) -> None:
        raise error

    for path, _, names in os.walk(folder, topdown=False, onerror=stop):
        for name in names:
            _sync(os.path.join(path, name))
        _sync(path)


@contextlib.contextmanager
def _errors_name(given: str, target: str, *temporary: str) -> Iterator[None]:
    """Lets errors of writing name the path that the caller gave; others pass as they are.

    Others are those that name a file elsewhere, which was read. TensorFlow's errors of writing
    become OSErrors. The first temporary path is the folder of the others.
    """

    def with_given(text: str) -> str:
        for path in reversed(temporary):
            text = text.replace(path, given)
        return text

    try:
        yield
    except OSError as error:
        file = error.filename
        if isinstance(file, str) and not (
            temporary[0] in file or os.path.join(target, "").startswith(os.path.join(file, ""))
        ):
            raise
        text = with_given(error.strerror or str(error) or type(error).__name__)
        if error.errno is None:
            raise OSError(f"{given} cannot be written: {text}") from error
        raise OSError(error.errno, text, given) from error
    except Exception as error:
        tensorflow = sys.modules.get("tensorflow")  # who writes without it has none of its errors
        if tensorflow is None or not isinstance(error, tensorflow.errors.OpError):
            raise
        if temporary[0] not in str(error):
            raise
        raise OSError(f"{given} cannot be written: {with_given(str(error.message))}") from error
