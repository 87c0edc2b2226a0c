"""Which columns of a table hold what a task learns from."""

from __future__ import annotations

import difflib
import itertools
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqzoo.datasets.lines import refuse_line
from seqzoo.datasets.tables import (
    JSON,
    KNOWN_NAMES,
    delimiter_of,
    json_text,
    objects,
    records,
    width_of_a_row,
)

_READ = 100_000  # rows, from all over which a sample is drawn: tables are sorted by label
_SAMPLED = 1000  # rows
_NUMBER = r"[-+]?[\d.,]+([eE][-+]?\d+)?%?"
_IMAGE = r"(?i).*\.(jpe?g|png|gif|bmp)"

ROLES = {
    "classifier": ("text", "label"),
    "translator": ("source", "target"),
    "language-model": ("text",),
    "captioner": ("image", "caption"),
}
"""What a row must have, by the kind of task."""

SERIES_ROLES = ("time", "series", "target", "past", "every")
"""What the user may name of a table of series; see `seqzoo.new_recipe.series_recipe`."""


class Column(NamedTuple):
    """What some rows of a table have in one column."""

    name: str
    values: list[str]

    def share(self, pattern: str) -> float:
        """Share of the values of a pattern."""
        return sum(bool(re.fullmatch(pattern, v.strip())) for v in self.values) / len(self.values)

    @property
    def is_number(self) -> bool:
        return self.share(_NUMBER) > 0.95

    @property
    def characters(self) -> float:
        """Mean length."""
        return sum(map(len, self.values)) / len(self.values)

    @property
    def distinct(self) -> int:
        return len(set(self.values))


class ChosenColumns(NamedTuple):
    """The columns of a table that a task learns from, and what to tell about them."""

    names: tuple[str, ...]
    header: bool
    told: list[str]


def choose_columns(
    path: Path, kind: str, named: Mapping[str, str | None], encoding: str
) -> ChosenColumns:
    """Finds the columns that a kind of task needs.

    Args:
        path: A table, see `seqzoo.datasets.tables`.
        kind: A key of `ROLES`.
        named: The columns that the user has named, by role; those that are None are guessed.
        encoding: Of the file.

    Raises:
        ValueError: if a column is missing or cannot be guessed; names file, line and column.
    """
    roles = ROLES[kind]
    columns, header, line = read_sample(path, [name for name in named.values() if name], encoding)
    if len(columns) < len(roles):
        raise ValueError(
            f"A {kind} needs {' and '.join(roles)} in columns of their own. Received: {path}, "
            f"which has {len(columns)} in line 1, {columns[0].name!r}. Put commas or tabs between "
            "them, or give another file."
        )
    chosen: dict[str, Column] = {}
    for role in roles:
        if named.get(role):
            chosen[role] = _named(path, columns, str(named[role]), role)
    for role in roles:
        left = [column for column in columns if column not in chosen.values()]
        if role not in chosen and (known := _known(left, role)):
            chosen[role] = known
    for role in roles:
        left = [column for column in columns if column not in chosen.values()]
        if role not in chosen:
            chosen[role] = _likely(path, left, role, line)
    for role in ("text", "source", "target", "caption"):
        if role in chosen and chosen[role].is_number and not named.get(role):
            raise _no_text(path, chosen[role], role, line)
    if "label" in chosen:
        _check_labels(path, chosen["label"], line)
    names = tuple(chosen[role].name for role in roles)
    return ChosenColumns(names, header, [_about(role, chosen[role], named) for role in roles])


def read_sample(path: Path, named: Sequence[str], encoding: str) -> tuple[list[Column], bool, int]:
    """Returns the columns of some rows, whether there is a header, and the line of the first."""
    delimiter = delimiter_of(path, encoding)
    if delimiter == JSON:
        found = _sample(objects(path, encoding))
        keys = dict.fromkeys(key for _, record in found for key in record)
        columns = []
        for key in keys:
            values = [record.get(key) for _, record in found]
            if not any(isinstance(value, list | dict) for value in values):
                columns.append(Column(key, list(map(json_text, values))))
        if not columns:
            raise ValueError(f"{path} has no field of text in line {found[0][0]}. Check the file.")
        return columns, True, found[0][0]
    rows = records(path, delimiter, encoding)
    _, first = next(rows)
    rows = _sample(rows)
    header = _is_header([first, *(fields for _, fields in rows)], named)
    names = first if header else list(map(str, range(1, len(first) + 1)))
    rows = rows if header else [(1, first), *rows]
    if not rows:
        raise ValueError(f"{path} has a line of names and no row. Add rows below line 1.")
    for line, fields in rows:
        if len(fields) != len(first):
            form = width_of_a_row(len(first), delimiter)
            refuse_line(path, line, delimiter.join(fields), form)
    columns = [
        Column(name, [fields[index] for _, fields in rows]) for index, name in enumerate(names)
    ]
    return columns, header, rows[0][0]


def _sample(rows: Iterable[Any]) -> list[Any]:
    """The first row and others by chance, always the same ones, in their order."""
    first = list(itertools.islice(rows, _READ))
    if len(first) <= _SAMPLED:
        return first
    indices = random.Random(0).sample(range(1, len(first)), _SAMPLED - 1)
    return [first[0], *(first[index] for index in sorted(indices))]


def _is_header(rows: list[list[str]], named: Sequence[str]) -> bool:
    first, rest = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if named:
        return not all(name.isdecimal() for name in named) or set(named) <= set(first)
    if any(_known_name(cell) for cell in first):
        return True
    if not rest or len(set(first)) < len(first) or not all(cell.strip() for cell in first):
        return False
    for index, cell in enumerate(first):
        column = Column(cell, [row[index] for row in rest])
        if column.is_number and not re.fullmatch(_NUMBER, cell.strip()):
            return True
    return False


def _known_name(cell: str) -> bool:
    return any(cell.strip().lower() in names for names in KNOWN_NAMES.values())


def _known(columns: list[Column], role: str) -> Column | None:
    by_name = {column.name.strip().lower(): column for column in reversed(columns)}
    return next((by_name[name] for name in KNOWN_NAMES[role] if name in by_name), None)


def _named(path: Path, columns: list[Column], name: str, role: str) -> Column:
    names = [column.name for column in columns]
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(
            f"--{role} must name a column of {path}. Received: {name!r}.{hint} Its columns are "
            f"{', '.join(names)}."
        )
    return columns[names.index(name)]


def _likely(path: Path, columns: list[Column], role: str, line: int) -> Column:
    """The column that looks most like its role."""
    texts = [column for column in columns if not column.is_number]
    if role == "label":
        labels = [c for c in columns if 1 < c.distinct <= max(2, len(c.values) / 3)]
        if not labels:
            raise ValueError(
                f"No column of {path} looks like labels: from line {line} on, "
                f"{', '.join(f'{c.name!r} has {c.distinct} different values' for c in columns)}. "
                "Name it by --label, or give a file where texts share a few labels."
            )
        return min(labels, key=lambda column: column.distinct)
    if role == "image":
        images = [column for column in texts if column.share(_IMAGE) > 0.5]
        if not images:
            raise ValueError(
                f"No column of {path} holds names of images, such as dog.jpg. Name it by --image."
            )
        return images[0]
    if not texts:
        raise _no_text(path, columns[0], role, line)
    if role == "source" and len(texts) > 1:  # the first of the two longest
        longest = sorted(texts, key=lambda column: -column.characters)[:2]
        return min(longest, key=columns.index)
    return max(texts, key=lambda column: column.characters)


def _no_text(path: Path, column: Column, role: str, line: int) -> ValueError:
    return ValueError(
        f"The {role} must be a column of words. Received: column {column.name!r} of {path}, which "
        f"holds numbers, {column.values[0]!r} in line {line}. Name the column by --{role}; to "
        f"read numbers as text, --{role} {column.name}."
    )


def _check_labels(path: Path, column: Column, line: int) -> None:
    if column.distinct == 1 and len(column.values) < _SAMPLED:  # else `divide` tells, of all rows
        raise ValueError(
            f"There must be at least two labels. Received: column {column.name!r} of {path}, which "
            f"holds {column.values[0]!r} in each row from line {line} on. Name another column by "
            "--label, or add texts with other labels."
        )
    if len(column.values) >= 20 and column.distinct > len(column.values) / 2:
        raise ValueError(
            f"Labels must be shared by many rows. Received: column {column.name!r} of {path}, "
            f"which has {column.distinct} different values in {len(column.values)} rows, from line "
            f"{line} on. Name another column by --label."
        )


def _about(role: str, column: Column, named: Mapping[str, str | None]) -> str:
    flag = "" if named.get(role) else f" (--{role} names another)"
    return f"{role}: column {column.name!r}, such as {column.values[0][:40]!r}{flag}"
