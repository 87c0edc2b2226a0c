r"""The one reader of lines: files of text, plain or gzipped, and standard input.

Text is UTF-8 where no other encoding is given, and a byte order mark at its start is removed. A
line ends at "\n" or "\r\n" and nowhere else: U+2028, U+0085, "\x0b", "\x0c", "\x1c" and a "\r"
without "\n" are characters of a line. The last line may lack its end. A file whose name ends in
`.gz` is unpacked, as far as `datasets.unpacking` allows. Errors name the file and the line.
"""

from __future__ import annotations

import codecs
import csv
import glob
import gzip
import io
import itertools
import json
import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

from seqzoo.datasets.unpacking import open_gzip

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

LINE_BYTES = 1 << 20  # of a line of a stream; more of it is not read

_CHUNK = 1 << 16  # bytes
_LONGEST_FIELD = 2**31 - 1  # characters of a CSV field; Python's own limit is 131,072

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def iterate_lines(path: str | Path, encoding: str = "utf-8") -> Iterator[str]:
    """Yields the lines of a file, without their ends, and never holds all of them.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if the file is not in the encoding, or is no whole gzip file, or unpacks to
            more than `datasets.unpacking` allows.
    """
    for line in _raw_lines(Path(path), encoding):
        yield line[:-1].removesuffix("\r") if line.endswith("\n") else line


def read_lines(path: str | Path, encoding: str = "utf-8") -> list[str]:
    """Returns all lines of a file.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: as in `iterate_lines`, or if the file is empty.
    """
    lines = list(iterate_lines(path, encoding))
    if not lines:
        raise ValueError(f"A file of sentences must not be empty. Received: {path}.")
    return lines


def read_text(path: str | Path, encoding: str = "utf-8") -> str:
    r"""Returns a whole text, with "\n" at the ends of its lines.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: as in `read_lines`.
    """
    text = "".join(_raw_lines(Path(path), encoding)).replace("\r\n", "\n")
    if not text:
        raise ValueError(f"A text must not be empty. Received: {path}.")
    return text


def line_groups(
    stream: ByteStream,
    size: int,
    max_bytes: int = LINE_BYTES,
    tell: Callable[[str], Any] = warnings.warn,
) -> Iterator[list[str]]:
    """Yields the lines of a stream in groups, without waiting for more than has come.

    Invalid UTF-8 becomes U+FFFD, so that each line gets an answer. The time is linear in the
    length of a line, and memory holds no more than `max_bytes` of it.

    Args:
        stream: Where the bytes come from.
        size: Maximum number of lines of a group.
        max_bytes: Bytes of a line, of which those beyond are left out.
        tell: Gets a text about each line that is cut.
    """
    line, mark = _IncomingLine(max_bytes, tell), b"\xef\xbb\xbf"
    while chunk := stream.read1(_CHUNK):
        *ends, start = chunk.split(b"\n")
        lines = [line.end(part) for part in ends]
        line.add(start)
        if lines:
            lines[0], mark = lines[0].removeprefix(mark), b""
        for first in range(0, len(lines), size):
            group = lines[first : first + size]
            yield [each.removesuffix(b"\r").decode("utf-8", "replace") for each in group]
    if rest := line.end(b"").removeprefix(mark):
        yield [rest.decode("utf-8", "replace")]


class _IncomingLine:
    """The line of a stream that has begun, of which at most so many bytes are stored."""

    def __init__(self, max_bytes: int, tell: Callable[[str], Any]):
        self._max_bytes, self._tell = max_bytes, tell
        self._number, self._length = 1, 0
        self._parts: list[bytes] = []

    def add(self, part: bytes) -> None:
        self._parts.append(part[: max(0, self._max_bytes - self._length)])
        self._length += len(part)

    def end(self, part: bytes) -> bytes:
        """Adds the last part, returns what is stored and begins the next line."""
        self.add(part)
        if self._length > self._max_bytes:
            self._tell(
                f"Line {self._number} has {self._length:,} bytes. It was cut after the first "
                f"{self._max_bytes:,}."
            )
        stored = b"".join(self._parts)
        self._number, self._length, self._parts = self._number + 1, 0, []
        return stored


class ByteStream(Protocol):
    """What `line_groups` reads: `sys.stdin.buffer`, a binary file."""

    def read1(self, size: int, /) -> bytes:
        """Returns what is there, at most `size` bytes; waits only for the first. b"" at the end."""
        ...


def min_columns(columns: Sequence[int]) -> int:
    """Returns how many columns a line must have at least, so that it has those of some indices."""
    return 1 + max(column if column >= 0 else -column - 1 for column in columns)


def tab_columns(path: str | Path, columns: tuple[int, int] = (0, 1)) -> Iterator[tuple[str, str]]:
    """Yields two columns of each line; further ones are left out. The index -1 is the last one.

    Raises:
        ValueError: if a line has too few columns; names file and line.
    """
    least = min_columns(columns)
    for number, line in enumerate(iterate_lines(path), start=1):
        fields = line.split("\t")
        if len(fields) < least:
            refuse_line(path, number, line, f"at least {least} columns with tabs between them")
        yield fields[columns[0]], fields[columns[1]]


def csv_columns(
    path: str | Path, columns: tuple[int, int] = (0, 1), header: bool = True
) -> Iterator[tuple[str, str]]:
    """Yields two columns of each record of a CSV file, whose fields may be quoted.

    Raises:
        ValueError: if a record lacks one of the two, or is no CSV; names file and line.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    records = csv.reader((f"{line}\n" for line in iterate_lines(path)), strict=True)
    least = min_columns(columns)
    try:
        for index, fields in enumerate(records):
            if len(fields) < least or not (fields[columns[0]] and fields[columns[1]]):
                form = f"at least {least} fields with commas between them, the two not empty"
                refuse_line(path, records.line_num, ",".join(fields), form)
            if index or not header:
                yield fields[columns[0]], fields[columns[1]]
    except csv.Error as error:
        refuse_line(path, records.line_num, str(error), "fields with commas between them")


def aligned(
    source: str | Path, sources: Iterable[str], target: str | Path, targets: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yields the lines of two files in pairs.

    Raises:
        ValueError: if the files differ in their numbers of lines; names both.
    """
    pairs = itertools.zip_longest(sources, targets)
    for count, (left, right) in enumerate(pairs):
        if left is None or right is None:
            longer = count + 1 + sum(1 for _ in pairs)
            counts = (count, longer) if left is None else (longer, count)
            raise ValueError(
                f"Line-aligned files must have equal numbers of lines. Received: {source} with "
                f"{counts[0]} and {target} with {counts[1]}. Check both for missing or broken "
                "lines."
            )
        yield left, right


def json_lines(path: str | Path, *names: str) -> Iterator[list[str]]:
    """Yields fields of the JSON object on each line, in the order of the names.

    A field is a text or an integer, which becomes its digits.

    Raises:
        ValueError: if a line is no object with such fields; names file and line.
    """
    form = "a JSON object with " + " and ".join(map(repr, names)) + ", texts or integers"
    for number, line in enumerate(read_lines(path), start=1):
        try:
            record = json.loads(line)
            fields = [record[name] for name in names]
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            refuse_line(path, number, line, form)
        if not all(isinstance(f, (str, int)) and not isinstance(f, bool) for f in fields):
            refuse_line(path, number, line, form)
        yield [str(field) for field in fields]


def refuse_line(path: str | Path, number: int, line: str, form: str) -> NoReturn:
    """Raises the error of a line that has another form than its file must have."""
    raise ValueError(
        f"Each line must have {form}. Received: line {number} of {path}, "
        f"{line[:60]!r}. Mend or remove the line."
    )


def find_files(files: Paths) -> tuple[str, ...]:
    """Returns the paths that names and patterns stand for, those of a pattern in order.

    A name that exists is that file, also where it holds the brackets of a pattern.

    Raises:
        FileNotFoundError: if there is no file for one of them.
    """
    paths: list[str] = []
    for pattern in [files] if isinstance(files, (str, os.PathLike)) else files:
        name = os.fspath(pattern)
        matches = [name] if os.path.exists(name) else sorted(glob.glob(name))
        if not matches:
            raise FileNotFoundError(f"No file fits {name!r}. Check the path.")
        paths += matches
    return tuple(paths)


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
        f"One of these files must be in {folder}, plain or .gz: {', '.join(names)}. None is "
        "there. Check the folder."
    )


def escape(text: str) -> str:
    """Writes tabs, line breaks and backslashes as in Python, so that text fits a column."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def one_line(text: str) -> str:
    """Writes line breaks as in Python, so that text stays on its line."""
    return text.replace("\n", "\\n").replace("\r", "\\r")


def _open(path: Path) -> Any:
    return open_gzip(path) if path.suffix == ".gz" else open(path, "rb")


def _raw_lines(path: Path, encoding: str) -> Iterator[str]:
    """Yields the lines of a file with their ends; see `iterate_lines`."""
    without_mark = "utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding
    if not path.is_file():
        raise FileNotFoundError(f"No file {str(path)!r}. Check the path.")
    try:
        with io.TextIOWrapper(_open(path), encoding=without_mark, newline="\n") as file:
            yield from file
    except UnicodeDecodeError as error:
        number, byte = _first_broken_line(path, encoding, error)
        raise ValueError(
            f"Text must be {encoding.upper()}. Received: the byte {byte:#04x} in line {number} of "
            f"{path}{_likely_encoding(path, byte)}. Name its encoding (`encoding=`, or "
            "--encoding of `seqzoo new`), or convert the file, for example with iconv."
        ) from error
    except (UnicodeError, LookupError) as error:  # no byte order mark; no such encoding
        raise ValueError(
            f"Text must be in the encoding {encoding!r}, one of Python's. Received: {path}, where "
            f"reading says: {error}. Name its own encoding, or convert the file."
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"A file named .gz must be a whole gzip file. Received: {path}, where unpacking says: "
            f"{error}. Copy it again, or take .gz off the name of a plain file."
        ) from error


def _likely_encoding(path: Path, byte: int) -> str:
    """What the first bytes of a file, or a wrong byte, say about its encoding."""
    with _open(path) as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return ", which begins as utf-16 does"
    letter = bytes([byte]).decode("cp1252", "replace")
    return f", which is {letter!r} in cp1252 and latin-1" if letter.isprintable() else ""


def _first_broken_line(path: Path, encoding: str, error: UnicodeDecodeError) -> tuple[int, int]:
    """The number of the first line that is not in the encoding, and its first wrong byte."""
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as broken:
                return number, line[broken.start]
    return 1, error.object[error.start]
