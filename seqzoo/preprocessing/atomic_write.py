"""Files and folders that are whole or not there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator

_PREFIX = ".writing-"


@contextlib.contextmanager
def atomic_write(path: str, suffix: str = "") -> Iterator[str]:
    """Yields a path to write a file or folder to, which replaces `path` in the end.

    What stood at `path` stays until then, and stays where an error is raised.

    Args:
        path: Where the file or folder goes; missing folders above it are made.
        suffix: Ending of the yielded path, for writers that need one.
    """
    path = os.path.abspath(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    folder = tempfile.mkdtemp(dir=os.path.dirname(path), prefix=_PREFIX)
    try:
        written = os.path.join(folder, "new" + suffix)
        yield written
        if os.path.isdir(path):
            os.replace(path, os.path.join(folder, "old"))
        os.replace(written, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_atomically(path: str, content: bytes) -> None:
    """Writes a file that is seen whole or not at all."""
    with atomic_write(path) as written, open(written, "wb") as file:
        file.write(content)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Removes what writers left in a folder that were killed. Nobody may write there meanwhile."""
    for name in os.listdir(folder):
        if name.startswith(_PREFIX):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
