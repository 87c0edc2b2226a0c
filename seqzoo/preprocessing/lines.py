"""Lines of text as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

_CHUNK = 1 << 16  # bytes

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


class ByteStream(Protocol):
    """What is read from: `sys.stdin.buffer`, a binary file."""

    def read1(self, size: int, /) -> bytes:
        """Returns what is there, at most `size` bytes; waits only for the first. b"" at the end."""
        ...


def line_groups(stream: ByteStream, size: int) -> Iterator[list[str]]:
    """Yields the lines of a stream in groups, without waiting for more than has come.

    Lines end at a line feed, which may follow a carriage return; the last may lack it. Invalid
    UTF-8 becomes U+FFFD.

    Args:
        stream: Where the bytes come from.
        size: Most lines of a group.
    """
    rest = b""
    while chunk := stream.read1(_CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from _groups(lines, size)
    if rest:
        yield [_decode(rest)]


def escape(text: str) -> str:
    """Writes tabs, line breaks and backslashes as in Python, so that text fits a column."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def one_line(text: str) -> str:
    """Writes line breaks as in Python, so that text stays on its line."""
    return text.replace("\n", "\\n").replace("\r", "\\r")


def _groups(lines: Sequence[bytes], size: int) -> Iterator[list[str]]:
    for start in range(0, len(lines), size):
        yield [_decode(line) for line in lines[start : start + size]]


def _decode(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", errors="replace")
