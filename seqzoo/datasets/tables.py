r"""Tables of texts, their columns by name: CSV, values between tabs, and JSON lines; plain or .gz.

What a file is, is seen from its first lines. Fields of a CSV file may be quoted and hold commas,
quotes and line breaks; between them stand commas, semicolons or bars. Between tabs a record is a
line, and a field that is quoted as a whole loses its quotes. JSON lines hold one object each, whose
values are texts, numbers, true or false; null is an empty field.

Errors name the file, the line and the column.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import difflib
import itertools
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqzoo.datasets.lines import iterate_lines, refuse_line

_LARGE = 64 * 2**20  # bytes of a file, above which it is streamed
_PACKED = 4  # bytes of text, about, in each byte of a .gz file
_SAMPLED = 1000  # lines
_DELIMITERS = (",", ";", "|")
_LONGEST_FIELD = 2**31 - 1  # characters of a CSV field; Python's own limit is 131,072

JSON = "JSON"

_TEXTS = (
    *("text", "texts", "sentence", "review", "content", "body", "message", "comment", "tweet"),
    *("question", "utterance", "document", "phrase", "title", "headline", "headlines", "abstract"),
)
KNOWN_NAMES = {
    "text": _TEXTS,
    "label": (
        *("label", "labels", "class", "category", "sentiment", "target", "intent", "topic"),
        *("polarity", "tag", "y", "rating", "stars", "score"),
    ),
    "source": ("source", "src", "input", "question", "en", "english"),
    "target": ("target", "tgt", "trg", "output", "answer", "translation", "summary"),
    "image": ("image", "file_name", "filename", "file", "path", "image_path", "picture", "photo"),
    "caption": ("caption", "captions", "text", "description", "comment", "sentence", "title"),
}
"""Usual names of columns, by what they hold."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of a table, or some of their columns, which are read anew in each iteration.

    A row is a tuple of texts, or a text where one column is read. Rows with an empty field are left
    out, with a warning that counts them.

    Args:
        path: The file.
        columns: Names of the columns. Those of a table without a header are "1", "2" and so on.
        encoding: Of the file.
        header: Whether the first line names the columns. JSON lines name them themselves.
    """

    path: Path
    columns: tuple[str, ...]
    encoding: str = "utf-8"
    header: bool = True

    @property
    def is_large(self) -> bool:
        """Whether to read pairs from the file in each epoch, as they may not fit into memory."""
        if len(self.columns) != 2:
            return False
        size = self.path.stat().st_size * (_PACKED if self.path.suffix == ".gz" else 1)
        return size > _LARGE

    def __iter__(self) -> Iterator[Any]:
        empty: list[tuple[int, str]] = []  # of the first of them
        count = 0
        for line, values in self._values():
            if all(value.strip() for value in values):
                yield values[0] if len(self.columns) == 1 else values
                continue
            count += 1
            if not empty:
                names = zip(self.columns, values, strict=True)
                empty = [(line, name) for name, value in names if not value.strip()]
        if count:
            line, name = empty[0]
            warnings.warn(
                f"{count:,} rows of {self.path} have an empty field and are left out; the first is "
                f"in line {line}, column {name!r}.",
                stacklevel=1,  # so that it is told once, however often the rows are read
            )

    def _values(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        delimiter = delimiter_of(self.path, self.encoding)
        if delimiter == JSON:
            yield from self._json_values()
            return
        rows = records(self.path, delimiter, self.encoding)
        names, width, indices = list(self.columns), 0, []
        for index, (line, fields) in enumerate(rows):
            if index == 0:
                width = len(fields)
                names = fields if self.header else list(map(str, range(1, width + 1)))
                indices = [self._index(name, names) for name in self.columns]
                if self.header:
                    continue
            if len(fields) != width:
                form = width_of_a_row(width, delimiter)
                refuse_line(self.path, line, delimiter.join(fields), form)
            yield line, tuple(fields[index] for index in indices)

    def _index(self, name: str, names: list[str]) -> int:
        if name in names:
            return names.index(name)
        close = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"{self.path} has no column {name!r}.{hint} Its columns are {', '.join(names)}."
        )

    def _json_values(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        for line, record in objects(self.path, self.encoding):
            values = [record.get(name) for name in self.columns]
            for name, value in zip(self.columns, values, strict=True):
                if name not in record or isinstance(value, list | dict):
                    form = f"a JSON object whose field {name!r} is a text or a number"
                    refuse_line(self.path, line, json.dumps(record, ensure_ascii=False), form)
            yield line, tuple(map(json_text, values))


def read(path: str | Path, *columns: str, encoding: str = "utf-8", header: bool = True) -> Rows:
    r"""Returns the rows of a table, which are read when they are iterated over; see `Rows`.

    Example:
        >>> import pathlib, tempfile
        >>> from seqzoo.datasets import tables
        >>> path = pathlib.Path(tempfile.mkdtemp(), "films.csv")
        >>> _ = path.write_text('text,label\n"dull, and long",bad\n')
        >>> list(tables.read(path, "text", "label"))
        [('dull, and long', 'bad')]
    """
    return Rows(Path(path), columns, encoding, header)


def delimiter_of(path: Path, encoding: str = "utf-8") -> str:
    """Returns what stands between the columns of a file, or `JSON`; "," where there is one column.

    Raises:
        ValueError: if the file is empty or not in the encoding.
    """
    lines = list(itertools.islice(iterate_lines(path, encoding), _SAMPLED))
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise ValueError(f"A table must not be empty. Received: {path}. Check the file.")
    if first.lstrip().startswith("{"):
        return JSON
    if first.strip() in ("[", "[]") or first.lstrip().startswith("[{"):
        raise ValueError(
            f"JSON must stand in lines of one object each. Received: {path}, which is one list. "
            "Convert it, for example with `jq -c '.[]'`."
        )
    if "\t" in first and all("\t" in line for line in lines if line):
        return "\t"
    widths = {mark: [len(each) for each in _sampled(lines, mark)] for mark in _DELIMITERS}
    # The first row says best which it is; of equals, the one that gives most rows its width.
    return max(
        _DELIMITERS,
        key=lambda mark: (
            widths[mark][:1] > [1] and widths[mark].count(widths[mark][0]) / len(widths[mark]),
            widths[mark][:1],
        ),
    )


def _sampled(lines: list[str], delimiter: str) -> list[list[str]]:
    """The records of some lines; an error ends them, as the last one may be cut."""
    found = []
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    with contextlib.suppress(csv.Error):
        found.extend(record for record in reader if record)
    return found


def records(path: Path, delimiter: str, encoding: str = "utf-8") -> Iterator[tuple[int, list[str]]]:
    """Yields the fields of each record of a table, with the number of the line where it begins.

    Empty lines are left out.

    Raises:
        ValueError: if the quotes of a field are wrong; names file and line.
    """
    lines = iterate_lines(path, encoding)
    if delimiter == "\t":
        for number, line in enumerate(lines, start=1):
            if line:
                yield number, [_unquoted(field) for field in line.split("\t")]
        return
    csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            form = f"fields with {delimiter!r} between them, and quotes in pairs ({error})"
            refuse_line(path, start, _line(path, start, encoding), form)
        if fields is None:
            return
        if fields:
            yield start, fields


def _line(path: Path, number: int, encoding: str) -> str:
    return next(itertools.islice(iterate_lines(path, encoding), number - 1, None), "")


def _unquoted(field: str) -> str:
    inside = field[1:-1]
    if len(field) > 1 and field[0] == field[-1] == '"' and '"' not in inside.replace('""', ""):
        return inside.replace('""', '"')
    return field


def width_of_a_row(width: int, delimiter: str) -> str:
    """Returns what a row must have, for `refuse_line`."""
    form = f"{width} columns, as the first line has"
    return form if delimiter == "\t" else f"{form}, and quotes around {delimiter!r} inside a field"


def objects(path: Path, encoding: str = "utf-8") -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields the JSON object on each line, with the number of the line; empty lines are left out.

    Raises:
        ValueError: if a line holds no JSON object; names file and line.
    """
    for number, line in enumerate(iterate_lines(path, encoding), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            refuse_line(path, number, line, "one JSON object")
        yield number, record


def json_text(value: Any) -> str:
    """Returns a value of JSON as a field of a table: 3 is "3", True "true" and None ""."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
