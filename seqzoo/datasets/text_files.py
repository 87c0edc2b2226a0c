"""Files of text, plain or gzipped."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from pathlib import Path


def read_lines(path: Path, encoding: str = "utf-8") -> list[str]:
    """Returns the lines of a file as `read_text` does; only a line feed ends one."""
    return read_text(path, encoding).removesuffix("\n").split("\n")


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Returns the text of a file.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if the file is empty, or not in the encoding.
    """
    content = read_bytes(path)
    if not content:
        raise ValueError(f"A file of sentences must not be empty. Received: {path}.")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"Text must be {encoding.upper()}. Received: the byte {content[error.start]:#04x} in "
            f"line {line} of {path}. Convert the file, for example with iconv."
        ) from error


def iterate_lines(path: str | Path, encoding: str = "utf-8") -> Iterator[str]:
    """Yields the lines of a file, plain or gzipped, without ever holding all of them.

    Raises:
        ValueError: if the file is not in the encoding, or is no whole gzip file.
    """
    opened = gzip.open if os.fspath(path).endswith(".gz") else open
    try:
        with opened(path, "rt", encoding=encoding, newline="\n") as file:
            for line in file:
                yield line.removesuffix("\n")
    except (UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"Text must be {encoding.upper()}, plain or in a whole gzip file. Received: {path}, "
            f"where reading says: {error}. Mend the file."
        ) from error


def find_file(folder: Path, names: list[str]) -> Path:
    """Returns the first of some files that a folder holds, plain or with `.gz` behind its name.

    Raises:
        FileNotFoundError: if it holds none of them.
    """
    for name in names:
        for ending in ("", ".gz"):
            if (folder / f"{name}{ending}").is_file():
                return folder / f"{name}{ending}"
    raise FileNotFoundError(
        f"One of these files is wanted in {folder}, plain or .gz: {', '.join(names)}. None is "
        "there. Check the folder."
    )


def read_bytes(path: Path) -> bytes:
    """Returns the content of a file, unpacked if its name ends in `.gz`."""
    if not path.is_file():
        raise FileNotFoundError(f"No file {str(path)!r}. Check the path.")
    content = path.read_bytes()
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"A file named .gz must be a whole gzip file. Received: {path}, where unpacking says: "
            f"{error}. Copy it again, or take .gz off the name of a plain file."
        ) from error
