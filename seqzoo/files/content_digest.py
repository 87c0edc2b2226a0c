"""Digests of the content of files, by a sample where they are large."""

from __future__ import annotations

import hashlib
import os

_WHOLE = 16 << 20  # bytes of a file that is read as a whole
_BLOCK, _BLOCKS = 1 << 16, 64  # bytes of a block, and the blocks that are read of a larger file


def content_digest(path: str | os.PathLike[str]) -> str:
    """Returns a digest of the size and the content of a file, in hexadecimal digits.

    Of a file above 16 MiB, 64 blocks of 64 KiB count, spread evenly from its start to its end: a
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
