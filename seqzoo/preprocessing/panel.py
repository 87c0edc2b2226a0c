"""Time series of any number and length, read from tables or arrays, on a regular grid of stamps."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqzoo.preprocessing.named_columns import Table, as_table
from seqzoo.preprocessing.regular_grid import (
    are_weekdays,
    is_months,
    refuse_row,
    regular_grid,
    stamps_after,
    step_of,
)


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which columns of a table are what.

    A `Panel` holds the targets `(R, C)`, the past covariates `(R, P)` and the known ones `(R, K)`.

    Args:
        targets: The values that are forecast.
        past: Covariates that are known up to the origin of a forecast.
        known: Covariates that are known for the horizon too.
        series: Names the series of a row; where a table has no such column, it is one series.
        time: The stamp of a row: a date, a time, or a number.

    Example:
        >>> sz.preprocessing.Columns(targets=("load",), known=("holiday",)).time
        'ds'
    """

    targets: Sequence[str] = ("y",)
    past: Sequence[str] = ()
    known: Sequence[str] = ()
    series: str = "unique_id"
    time: str = "ds"

    @property
    def values(self) -> list[str]:
        """All columns of numbers."""
        return [*self.targets, *self.past, *self.known]


@dataclasses.dataclass(frozen=True)
class Panel:
    """Series one after the other in tables of rows, each on a regular grid of stamps.

    Attributes:
        names: Of the N series.
        starts: Int `(N + 1,)`: the rows of series i are `starts[i]` to `starts[i + 1] - 1`.
        stamps: `(R,)`, dates or int64; row numbers where the data have none.
        targets: Float64 `(R, C)`, NaN where missing.
        past: Float64 `(R, P)`.
        known: Float64 `(R, K)`.
        columns: Names of the columns.

    Example:
        >>> panel = sz.preprocessing.read_panel({"ds": ["2024-01-01", "2024-01-03"], "y": [1, 2]},
        ...                                     every="1D")
        >>> panel.targets[:, 0].tolist()
        [1.0, nan, 2.0]
    """

    names: tuple[str, ...]
    starts: np.ndarray
    stamps: np.ndarray
    targets: np.ndarray
    past: np.ndarray
    known: np.ndarray
    columns: Columns = Columns()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def lengths(self) -> np.ndarray:
        """Rows of each series `(N,)`."""
        return np.diff(self.starts)

    def rows(self, index: int) -> slice:
        """The rows of a series."""
        return slice(int(self.starts[index]), int(self.starts[index + 1]))

    @property
    def step(self) -> Any:
        """The step between stamps: an int, or a time of months or of smaller units."""
        longest = int(np.argmax(self.lengths)) if len(self) else 0
        stamps = self.stamps[self.rows(longest)] if len(self) else self.stamps
        return step_of(stamps, None) if len(stamps) > 1 else 1

    def usual_season(self) -> int:
        """The steps after which series with such stamps repeat themselves, 1 where unknown."""
        step = self.step
        if not isinstance(step, np.timedelta64):
            return 1
        if is_months(step):
            return max(1, 12 // int(step.astype(int)))
        hours = step.astype("timedelta64[s]").astype(int) / 3600
        periods = ((24, 24 / hours), (7 * 24, 7 * 24 / hours), (365.25 * 24, 365.25 * 24 / hours))
        return next((round(count) for period, count in periods if round(count) > 1), 1)

    def stamps_of(self, index: int, begin: int, end: int) -> np.ndarray:
        """The stamps of the rows `begin` to `end - 1` of a series, those behind its end too.

        Behind the end, days that were weekdays so far go on as weekdays.
        """
        rows = self.stamps[self.rows(index)]
        count = max(0, end - len(rows))
        if not count:
            return rows[begin:end]
        if are_weekdays(self.stamps):
            days = np.busday_offset(rows[-1].astype("datetime64[D]"), np.arange(1, count + 1))
            ahead = days.astype(rows.dtype)
        else:
            ahead = stamps_after(rows[-1], self.step, 1, count + 1)
        return np.concatenate([rows, ahead])[begin:end]

    def parts(self, first: Any, behind: Any) -> Panel:
        """Returns the rows `first` to `behind - 1` of each series, counted from its beginning.

        Args:
            first: Int, or one for each series.
            behind: As `first`; what lies behind the end is the end.
        """
        begin = np.minimum(self.starts[:-1] + first, self.starts[1:])
        end = np.clip(self.starts[:-1] + behind, begin, self.starts[1:])
        kept = np.concatenate([np.arange(b, e) for b, e in zip(begin, end, strict=True)] or [[]])
        kept = kept.astype(np.int64)
        return dataclasses.replace(
            self,
            starts=np.concatenate([[0], np.cumsum(end - begin)]),
            stamps=self.stamps[kept],
            targets=self.targets[kept],
            past=self.past[kept],
            known=self.known[kept],
        )


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
            stamp, as for days on which something is traded.

    Raises:
        ValueError: if a column is missing or no number, a value infinite, a stamp twice in a
            series or off the grid. It names series and row.

    Example:
        >>> panel = sz.preprocessing.read_panel([np.arange(5.0), np.arange(3.0)])
        >>> panel.names, panel.lengths.tolist()
        (('0', '1'), [5, 3])
    """
    if isinstance(data, Panel):
        return data
    if isinstance(data, (str, Path)):
        data = _read_csv(Path(data))
    table = as_table(data)
    columns = columns or Columns()
    if table is None:
        return _of_arrays(data, columns)
    return _of_table(table, columns, every)


def _of_arrays(data: Any, columns: Columns) -> Panel:
    is_list = isinstance(data, (list, tuple)) and (not data or np.ndim(data[0]) > 0)
    whole = None if is_list else np.asarray(data, float)
    arrays = data if whole is None else ([whole] if whole.ndim < 3 else whole)
    arrays = [np.asarray(each, float) for each in arrays]
    arrays = [each[:, None] if each.ndim == 1 else each for each in arrays]
    names = columns.values if columns != Columns() else None
    shapes = sorted({each.shape for each in arrays}) or [(0, len(names or "y"))]
    widths = {shape[1:] for shape in shapes}
    if len(widths) != 1 or len(shapes[0]) != 2 or (names and shapes[0][1] != len(names)):
        wanted = f"`(steps, {len(names)})` for {names}" if names else "`(steps,)` or `(steps, C)`"
        raise ValueError(
            f"A series is an array {wanted}, with as many columns in all. Received: shapes "
            f"{shapes[:5]}."
        )
    width = shapes[0][1]
    if names is None:
        only = ("y",) if width == 1 else tuple(f"y{i}" for i in range(width))
        columns = dataclasses.replace(columns, targets=only)
    lengths = [len(each) for each in arrays]
    series = tuple(str(i) for i in range(len(arrays)))
    values = np.concatenate([np.zeros((0, width)), *arrays])
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    stamps = np.concatenate([np.arange(length) for length in lengths] or [[]]).astype(np.int64)
    return _panel(series, starts, stamps, values, columns)


def _of_table(table: Table, columns: Columns, every: str | int | None) -> Panel:
    needed = [columns.time, *columns.values]
    missing = [name for name in needed if name not in table.names]
    if missing:
        raise ValueError(
            f"Expected the columns {needed}. Received: {table.names}, without {missing}. Name "
            "yours by `columns=Columns(targets=[…], time=…, series=…)`."
        )
    ids = ["0"] * len(table.column(columns.time))
    if columns.series in table.names:
        ids = [str(each) for each in table.column(columns.series)]
    stamps = _stamps(table.column(columns.time), columns.time)
    values = np.stack([_numbers(table.column(name), name, ids) for name in columns.values], axis=1)
    found, numbers = np.unique(np.array(ids, str), return_inverse=True)
    names = tuple(found.tolist())
    order = np.lexsort((stamps, numbers))
    stamps, values, numbers = stamps[order], values[order], numbers[order]
    edges = np.searchsorted(numbers, np.arange(len(names) + 1))
    series = [slice(a, b) for a, b in itertools.pairwise(edges)]
    if every != "row":
        grids = [
            regular_grid(stamps[rows], every, name, order[rows])
            for rows, name in zip(series, names, strict=True)
        ]
        full = [np.full((grid[-1] + 1, values.shape[1]), np.nan) for grid, _ in grids]
        for (grid, _), target, rows in zip(grids, full, series, strict=True):
            target[grid] = values[rows]
        values = np.concatenate([np.zeros((0, values.shape[1])), *full])
        stamps = np.concatenate([each for _, each in grids]) if grids else stamps
        edges = np.concatenate([[0], np.cumsum([len(each) for each in full])]).astype(np.int64)
    return _panel(names, edges, stamps, values, columns)


def _panel(names, starts, stamps, values, columns: Columns) -> Panel:
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        row, column = infinite[0]
        series = int(np.searchsorted(starts, row, "right")) - 1
        refuse_row(
            "a finite number, or NaN where it is missing",
            f"{values[row, column]} in column {columns.values[column]!r}",
            names[series],
            int(row - starts[series]),
        )
    widths = np.cumsum([len(columns.targets), len(columns.past)])
    targets, past, known = np.split(values, widths, axis=1)
    return Panel(names, np.asarray(starts), stamps, targets, past, known, columns)


def _read_csv(path: Path) -> dict[str, list[str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, None)
        if not header:
            raise ValueError(f"Expected a header and rows of values. Received: {path}, empty.")
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
    numbers = np.empty(len(ids))
    for row, value in enumerate(column):
        try:
            numbers[row] = np.nan if _is_missing(value) else float(value)
        except (TypeError, ValueError):
            refuse_row("a number", f"{value!r} in column {name!r}", ids[row], row)
    return numbers


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or type(value).__name__ == "NAType"


def _stamps(column: Sequence[Any], name: str) -> np.ndarray:
    if all(isinstance(value, (int, np.integer)) or _is_digits(value) for value in column):
        return np.array([int(value) for value in column], np.int64)
    stamps = np.empty(len(column), "datetime64[ns]")
    for row, value in enumerate(column):
        try:
            stamps[row] = np.datetime64(_without_zone(value) if isinstance(value, str) else value)
        except (TypeError, ValueError):
            raise ValueError(
                "Expected a date or a time such as 2024-03-31 or 2024-03-31 14:00, or an integer. "
                f"Received: {value!r} in column {name!r}, row {row}. Correct it."
            ) from None
        if np.isnat(stamps[row]):
            raise ValueError(
                f"Expected a stamp in each row. Received: none in column {name!r}, row {row}."
            )
    return stamps


def _is_digits(value: Any) -> bool:
    return isinstance(value, str) and value.strip().isdecimal()


def _without_zone(text: str) -> str:
    text = text.strip().removesuffix("Z")
    if not text[:1].isdigit():
        raise ValueError("NumPy takes words such as 'today' as dates.")
    return text


def window_origins(
    panel: Panel, lookback: int, horizon: int, stride: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the series and the first forecast row of each window, int64 `(W,)` both.

    Windows are whole, but for series that are too short for it, which have one.
    """
    series, origins = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for i, length in enumerate(panel.lengths):
        last = length - horizon if length > horizon else length - 1
        first = max(1, min(lookback, last))
        steps = np.arange(last, first - 1, -stride)[::-1]
        series.append(np.full(len(steps), i))
        origins.append(panel.starts[i] + steps)
    return np.concatenate(series), np.concatenate(origins)
