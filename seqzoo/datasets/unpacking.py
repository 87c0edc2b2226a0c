"""Packed files, which may unpack to so much and no more.

A few kilobytes can be packed so that they unpack to gigabytes. What is read from a packed file is
counted, and refused beyond 256 MiB or 100 times the size of the file, whichever is more: text packs
to a third or a tenth. `SEQZOO_UNPACKED_BYTES` sets the first of the two, in bytes.
"""

from __future__ import annotations

import gzip
import io
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, cast

UNPACKED_BYTES = 1 << 28
_VARIABLE = "SEQZOO_UNPACKED_BYTES"
_RATIO = 100


def open_gzip(path: Path) -> io.BufferedReader:
    """Opens a gzip file for reading, as bytes.

    Reading raises a ValueError that names the file where it unpacks to too much.
    """
    reader = cast(Any, _Unpacked(path))  # a raw stream, which types ask to be one of a file
    return io.BufferedReader(reader)


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Returns a file of a zip archive.

    Raises:
        ValueError: if it cannot be read, or unpacks to too much; names both.
    """
    try:
        info = archive.getinfo(name)
        allowed = _allowed_bytes(info.compress_size)
        if info.file_size > allowed:
            _refuse(f"{name} in {archive.filename}", allowed)
        return archive.read(name)
    except (
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        RuntimeError,  # it is encrypted, or packed in an unknown way
    ) as error:
        raise ValueError(f"{name} in {archive.filename} cannot be read: {error}.") from error


class _Unpacked(io.RawIOBase):
    """The content of a gzip file, counted as it is read."""

    def __init__(self, path: Path):
        self._path, self._file = path, gzip.GzipFile(path)  # `close` below closes it
        self._count, self._allowed = 0, _allowed_bytes(os.path.getsize(path))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._file.read1(len(buffer))
        self._count += len(chunk)
        if self._count > self._allowed:
            _refuse(str(self._path), self._allowed)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._file.close()
        super().close()


def _allowed_bytes(packed: int) -> int:
    text = os.environ.get(_VARIABLE, str(UNPACKED_BYTES))
    if not text.isdecimal():
        raise ValueError(f"{_VARIABLE} must be a number of bytes. Received: {text!r}.")
    return max(int(text), _RATIO * packed)


def _refuse(name: str, allowed: int) -> None:
    raise ValueError(
        f"{name} must not unpack to more than {allowed:,} bytes, as it does. If you trust it, set "
        f"{_VARIABLE} to more."
    )
