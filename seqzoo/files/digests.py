"""Digests: bytes that changed after they were written are seen before they are used.

They are SHA-256 and tell of damage: who can write a file can write its digest too.

- A zip archive (a checkpoint, a `.keras` file) ends with `sha256:` and the digest of all the bytes
  before. That is its comment, which every reader of archives passes over.
- A folder (a preset, the ids of a stream) has a file `SHA256SUMS`, which `sha256sum -c` reads.

What was written without a digest, by an earlier version or another program, is read without one.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Iterable, Mapping

from seqzoo.files.atomic_write import write_atomically

SUMS = "SHA256SUMS"

_MARK = b"sha256:"
_COMMENT = len(_MARK) + 64  # bytes; a digest has 64 digits
_END_OF_ARCHIVE, _END_LENGTH = b"PK\x05\x06", 22  # the last record, where there is no comment
_CHUNK = 2**20  # bytes read at once
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n/]+)\n")


def sha256(content: bytes | memoryview) -> str:
    """The 64 digits of the digest of bytes."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: str | os.PathLike[str], length: int | None = None) -> str:
    """The 64 digits of the digest of a file, or of its first `length` bytes."""
    digest = hashlib.sha256()
    left = os.path.getsize(path) if length is None else length
    with open(path, "rb") as file:
        while left and (chunk := file.read(min(left, _CHUNK))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def seal_archive(path: str | os.PathLike[str]) -> None:
    """Writes the digest of a zip archive into its comment."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = _MARK + bytes(_COMMENT - len(_MARK))
    length = os.path.getsize(path) - _COMMENT
    with open(path, "rb+") as file:
        file.seek(length)
        file.write(_MARK + sha256_of_file(path, length).encode())


def is_whole_archive(path: str | os.PathLike[str]) -> bool:
    """Tells whether the bytes of a zip archive are those that were sealed.

    One without a comment has no digest: it counts as whole.
    """
    length = max(0, os.path.getsize(path) - _COMMENT)
    with open(path, "rb") as file:
        file.seek(length)
        end = file.read()
    last = end[-_END_LENGTH:]
    if last.startswith(_END_OF_ARCHIVE) and last.endswith(bytes(2)):
        return True
    return end == _MARK + sha256_of_file(path, length).encode()


def read_digests(folder: str | os.PathLike[str]) -> dict[str, str]:
    """The digests of the files of a folder by their names; none where it has no `SHA256SUMS`.

    Raises:
        ValueError: if it is damaged.
    """
    path = os.path.join(folder, SUMS)
    if not os.path.isfile(path):
        return {}
    with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
        lines = [(_LINE.fullmatch(line), line) for line in file]
    wrong = next((line for match, line in lines if match is None), None)
    if wrong is not None or not lines:
        raise ValueError(
            f"{path} is damaged: a line must hold a digest, two spaces and a name. Received: "
            f"{wrong or 'no line'!r}."
        )
    return {match[2]: match[1] for match, _ in lines if match}


def write_digests(folder: str | os.PathLike[str], digests: Mapping[str, str]) -> None:
    """Writes `SHA256SUMS`, with the digests of files of the folder by their names."""
    lines = [f"{digest}  {name}\n" for name, digest in digests.items()]
    write_atomically(os.path.join(folder, SUMS), "".join(lines).encode())


def check_digests(folder: str | os.PathLike[str], names: Iterable[str]) -> None:
    """Raises ValueError if a file of a folder that has a `SHA256SUMS` is not as it was written.

    Args:
        folder: Without a `SHA256SUMS` it passes.
        names: Of the files that have a digest there.
    """
    digests = read_digests(folder)
    for name in names if digests else ():
        path = os.path.join(folder, name)
        if digests.get(name) != sha256_of_file(path):
            raise ValueError(
                f"{path} is damaged: it must have the digest that {SUMS} beside it says. Restore "
                f"it from a copy; if it was changed on purpose, remove {SUMS}."
            )
