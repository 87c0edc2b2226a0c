"""Digests of the content of files, by a sample where they are large."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

_WHOLE = 4 << 20  # bytes of a file that is read as a whole
_BLOCK, _BLOCKS = 1 << 16, 16  # bytes of a block, and the blocks that are read of a larger file
_FILES = 1000  # files of many that are read


def content_digest(path: str | os.PathLike[str]) -> str:
    """Returns a digest of the size and the content of a file, in hexadecimal digits.

    Of a file above 4 MiB, 16 blocks of 64 KiB count, spread evenly from its start to its end: a
    change between them is not seen. The last bytes of a gzip file, which count, hold a checksum of
    the whole.

    Raises:
        OSError: if the file cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest.update(size.to_bytes(8, "little"))
        if size <= _WHOLE:
            digest.update(file.read())
        else:
            for block in range(_BLOCKS):
                file.seek(block * (size - _BLOCK) // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()


def contents_digest(paths: Sequence[str]) -> str:
    """Returns a digest of the sizes of files and of their content, in hexadecimal digits.

    Of more than 1,000 files, the content of that many counts, spread evenly. What is no file
    counts as one without content.

    Raises:
        OSError: if a file cannot be read.
    """
    digest, sampled = hashlib.sha256(), min(len(paths), _FILES)
    read = {index * (len(paths) - 1) // max(sampled - 1, 1) for index in range(sampled)}
    for index, path in enumerate(paths):
        size = os.path.getsize(path) if os.path.isfile(path) else None
        digest.update(f"{size} ".encode())
        if size is not None and index in read:
            digest.update(content_digest(path).encode())
    return digest.hexdigest()


@functools.cache
def code_digest(package: Path) -> str:
    """A digest of the source files of a package, in hexadecimal digits; read once in a process."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)} ".encode() + content)
    return digest.hexdigest()
