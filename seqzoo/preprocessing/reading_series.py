"""Series read from tables, CSV files and arrays."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqzoo.preprocessing.named_columns import Table, as_table
from seqzoo.preprocessing.panel import Columns, Panel
from seqzoo.preprocessing.regular_grid import (
    are_weekdays,
    refuse_row,
    regular_grid,
    step_of,
    written_step,
)

_YEAR_FIRST = r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[ T]+(\d{1,2})(:.*))?"
_MISSING = {"", "na", "n/a", "nan", "null", "none"}


def read_panel(data: Any, columns: Columns | None = None, every: str | int | None = None) -> Panel:
    """Reads series.

    Rows may come in any order. Stamps that are left out become rows of missing values.

    Args:
        data: A table with a row for each stamp of each series: a dict of columns, a frame of
            pandas, polars or pyarrow, or the path of a CSV file with a header, plain or `.gz`. Or
            arrays without stamps: `(L,)` is one series, `(L, C)` one of C values, `(N, L, C)` or a
            list of arrays several.
        columns: Names of the columns; of arrays, how many there are follows from their shape.
        every: The step of the stamps, as in `"1h"`, `"15min"`, `"1D"`, `"1M"` or an int. None is
            the smallest step of the first series. `"row"` takes each row as a step, whatever its
            stamp; so do, with None, days that leave out all weekends.

    Raises:
        ValueError: if a column is missing or no number, a value infinite, a stamp twice in a
            series or off the grid, a static covariate not the same in a series. It names series
            and row.

    Example:
        >>> panel = sz.preprocessing.read_panel([np.arange(5.0), np.arange(3.0)])
        >>> panel.names, panel.lengths.tolist()
        (('0', '1'), [5, 3])
    """
    if isinstance(data, Panel):
        return data
    if isinstance(data, (str, Path)):
        data = read_csv(Path(data))
    if isinstance(data, list) and data and isinstance(data[0], Mapping):
        data = {name: [row.get(name) for row in data] for name in data[0]}
    table = as_table(data)
    if columns is not None and not isinstance(columns, Columns):
        raise ValueError(
            f"`columns` must be `Columns(targets=[…], …)`. Received: a {type(columns).__name__}."
        )
    if table is None:
        if columns is not None and columns.static:
            raise ValueError(
                "Static covariates are columns of a table. Received: an array, and "
                f"static={columns.static!r}. Give a frame or a dict of columns."
            )
        return _of_arrays(data, columns)
    return _of_table(table, columns or Columns(), every)


def _of_arrays(data: Any, columns: Columns | None) -> Panel:
    is_list = isinstance(data, (list, tuple)) and (not data or np.ndim(data[0]) > 0)
    whole = None if is_list else np.asarray(data, float)
    arrays = data if whole is None else ([whole] if whole.ndim < 3 else whole)
    arrays = [np.asarray(each, float) for each in arrays]
    arrays = [each[:, None] if each.ndim == 1 else each for each in arrays]
    names = columns.values if columns else None
    shapes = sorted({each.shape for each in arrays}) or [(0, len(names or "y"))]
    widths = {shape[1:] for shape in shapes}
    if len(widths) != 1 or len(shapes[0]) != 2 or (names and shapes[0][1] != len(names)):
        wanted = f"`(steps, {len(names)})` for {names}" if names else "`(steps,)` or `(steps, C)`"
        raise ValueError(
            f"A series is an array {wanted}, with as many columns in all. Received: shapes "
            f"{shapes[:5]}."
        )
    width = shapes[0][1]
    if columns is None:
        columns = Columns(("y",) if width == 1 else tuple(f"y{i}" for i in range(width)))
    lengths = [len(each) for each in arrays]
    series = tuple(str(i) for i in range(len(arrays)))
    values = np.concatenate([np.zeros((0, width)), *arrays])
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    stamps = np.concatenate([np.arange(length) for length in lengths] or [[]]).astype(np.int64)
    return _panel(series, starts, stamps, values, columns)


def _of_table(table: Table, columns: Columns, every: str | int | None) -> Panel:
    needed = [columns.time, *columns.values, *columns.static]
    missing = [name for name in needed if name not in table.names]
    if missing:
        raise ValueError(
            f"Expected the columns {needed}. Received: {table.names}, without {missing}. Name "
            "yours by `columns=Columns(targets=[…], time=…, series=…)`."
        )
    count = len(table.column(columns.time))
    ids = ["0"] * count
    if columns.series in table.names:
        ids = [str(each) for each in table.column(columns.series)]
        if len(ids) != count:
            raise ValueError(
                f"Expected a series in each of the {count} rows. Received: {len(ids)} in column "
                f"{columns.series!r}."
            )
    stamps = read_stamps(table.column(columns.time), columns.time)
    values = np.stack([_numbers(table.column(name), name, ids) for name in columns.values], axis=1)
    beside = [_numbers(table.column(name), name, ids) for name in columns.static]
    found, numbers = np.unique(np.array(ids, str), return_inverse=True)
    names = tuple(found.tolist())
    order = np.lexsort((stamps, numbers))
    stamps, values, numbers = stamps[order], values[order], numbers[order]
    edges = np.searchsorted(numbers, np.arange(len(names) + 1))
    series = [slice(a, b) for a, b in itertools.pairwise(edges)]
    step = _common_step([stamps[rows] for rows in series], every)
    if every is None and series and all(are_weekdays(stamps[rows]) for rows in series):
        every = "row"
    if every != "row":
        grids = [
            regular_grid(stamps[rows], step, name, order[rows])
            for rows, name in zip(series, names, strict=True)
        ]
        full = [np.full((grid[-1] + 1, values.shape[1]), np.nan) for grid, _ in grids]
        for (grid, _), target, rows in zip(grids, full, series, strict=True):
            target[grid] = values[rows]
        values = np.concatenate([np.zeros((0, values.shape[1])), *full])
        stamps = np.concatenate([each for _, each in grids]) if grids else stamps
        edges = np.concatenate([[0], np.cumsum([len(each) for each in full])]).astype(np.int64)
    static = _of_each_series(beside, columns.static, np.array(ids, str), names)
    panel = _panel(names, edges, stamps, values, columns)
    return dataclasses.replace(panel, step=step, static=static)


def _of_each_series(
    covariates: list[np.ndarray], names: Sequence[str], ids: np.ndarray, series: Sequence[str]
) -> np.ndarray:
    """What each series has of static covariates `(N, S)`, NaN where that is missing."""
    static = np.full((len(series), len(names)), np.nan)
    for i, name in enumerate(series):
        rows = np.flatnonzero(ids == name)
        for j, covariate in enumerate(covariates):
            there = rows[np.isfinite(covariate[rows])]
            static[i, j] = covariate[there[0]] if len(there) else np.nan
            others = there[covariate[there] != static[i, j]]
            if len(others):
                refuse_row(
                    f"{static[i, j]} as in the rows before, of a covariate that is static",
                    f"{covariate[others[0]]} in column {names[j]!r}",
                    name,
                    int(others[0]),
                )
    return static


def _common_step(series: list[np.ndarray], every: str | int | None) -> Any:
    """The step that is given, or else the smallest one of the first series that has two stamps."""
    if every not in (None, "row"):
        return step_of(series[0], every) if series else 1
    first = next((stamps for stamps in series if len(stamps) > 1), None)
    return 1 if first is None else step_of(first, None)


def usual_every(panel: Panel) -> str | None:
    """Returns the `every` by which other parts of the data are read on the same grid.

    None are dates that leave out weekends, and stamps that are no dates.
    """
    if are_weekdays(panel.stamps):
        return None
    return written_step(panel.step)


def _panel(names, starts, stamps, values, columns: Columns) -> Panel:
    infinite = np.argwhere(np.abs(values) > np.finfo(np.float32).max)
    if len(infinite):
        row, column = infinite[0]
        series = int(np.searchsorted(starts, row, "right")) - 1
        refuse_row(
            "a finite number, at most 3e38, or NaN where it is missing",
            f"{values[row, column]} in column {columns.values[column]!r}",
            names[series],
            int(row - starts[series]),
        )
    widths = np.cumsum([len(columns.targets), len(columns.past)])
    targets, past, known = np.split(values, widths, axis=1)
    return Panel(names, np.asarray(starts), stamps, targets, past, known, columns)


def read_csv(path: Path) -> dict[str, list[str]]:
    """Returns the columns of a CSV file with a header, plain or `.gz`, as texts.

    Raises:
        ValueError: if it is empty, is not UTF-8, or has lines of other lengths than its header.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        try:
            text = file.read()
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path} must be UTF-8. Received: {error}. Save it as UTF-8."
            ) from error
        separator = max(",;\t|", key=text.partition("\n")[0].count)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        header = next(rows, None)
        if not header:
            raise ValueError(f"Expected a header and rows of values. Received: {path}, empty.")
        if len(set(header)) < len(header):
            raise ValueError(f"Expected columns of different names in {path}. Received: {header}.")
        found = []
        for row in rows:
            if len(row) not in (0, len(header)):
                raise ValueError(
                    f"Expected {len(header)} fields in each line, as in the header. Received: "
                    f"{len(row)} in {path}, line {rows.line_num}. Correct it."
                )
            found += [row] if row else []
    return {name: [row[i] for row in found] for i, name in enumerate(header)}


def _numbers(column: Iterable[Any], name: str, ids: Sequence[str]) -> np.ndarray:
    column = list(column)
    if len(column) != len(ids):
        raise ValueError(
            f"Expected a value in each of the {len(ids)} rows. Received: {len(column)} in column "
            f"{name!r}."
        )
    numbers = np.empty(len(ids))
    for row, value in enumerate(column):
        try:
            numbers[row] = np.nan if _is_missing(value) else float(value)
        except (TypeError, ValueError, OverflowError):
            refuse_row("a number", f"{value!r} in column {name!r}", ids[row], row)
    return numbers


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _MISSING
    return value is None or type(value).__name__ == "NAType"


def read_stamps(column: Sequence[Any], name: str) -> np.ndarray:
    """Returns the stamps of a column: int64, or dates in nanoseconds.

    Raises:
        ValueError: if one is missing or neither a date, a time nor an int; names column and row.
    """
    if all(isinstance(value, (int, np.integer)) or _is_digits(value) for value in column):
        return np.array([int(value) for value in column], np.int64)
    stamps = np.empty(len(column), "datetime64[ns]")
    for row, value in enumerate(column):
        try:
            date = np.datetime64(_without_zone(value) if isinstance(value, str) else value)
            stamps[row] = date
            if stamps[row].astype(date.dtype) != date and not np.isnat(date):
                raise ValueError("Nanoseconds of 64 bits hold the years 1678 to 2261.")
        except (TypeError, ValueError):
            raise ValueError(
                "Expected a date or a time such as 2024-03-31 or 2024-03-31 14:00, the year first, "
                f"or an int of up to 5 digits. Received: {value!r} in column {name!r}, row {row}. "
                "Correct it."
            ) from None
        if np.isnat(stamps[row]):
            raise ValueError(
                f"Expected a stamp in each row. Received: none in column {name!r}, row {row}."
            )
    return stamps


def _is_digits(value: Any) -> bool:
    """Whether it is a number of at most 5 digits; more are a date, such as 20240131."""
    return isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) < 6


def _without_zone(text: str) -> str:
    text = text.strip().removesuffix("Z")
    if parts := re.fullmatch(_YEAR_FIRST, text):
        year, month, day, hour, rest = parts.groups()
        date = f"{year}-{int(month):02}-{int(day):02}"
        return date if hour is None else f"{date} {int(hour):02}{rest}"
    if text.isdecimal() and len(text) == 8:
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if text.isdecimal():
        raise ValueError("It may be a month, a second of an epoch, or anything.")
    if not text[:4].isdecimal():
        raise ValueError("NumPy takes words such as 'today' as dates, and 1-01 as the year 1.")
    return text
