"""Time series of any number and length, on a regular grid of stamps."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seqzoo.preprocessing.regular_grid import (
    are_weekdays,
    is_months,
    stamps_after,
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
        static: Covariates that are the same in all rows of a series. They are numbers, as all
            covariates: a column of 0 and 1 tells whether a series is of a kind.

    Example:
        >>> sz.preprocessing.Columns(targets=("load",), known=("holiday",)).time
        'ds'
    """

    targets: Sequence[str] = ("y",)
    past: Sequence[str] = ()
    known: Sequence[str] = ()
    series: str = "unique_id"
    time: str = "ds"
    static: Sequence[str] = ()

    def __post_init__(self):
        given = [self.targets, self.past, self.known, self.static]
        names = [] if any(isinstance(each, str) for each in given) else self.values
        names = [*names, *self.static] if names else names
        if not names or not self.targets or len(set(names)) < len(names):
            raise ValueError(
                "Expected lists of names, at least one target and each name once. Received: "
                f"targets={self.targets!r}, past={self.past!r}, known={self.known!r}, "
                f"static={self.static!r}."
            )

    @property
    def values(self) -> list[str]:
        """All columns of numbers that may differ from row to row."""
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
        step: Between stamps: an int, or a time of months or of smaller units.
        context: Int `(N,)`, the first rows of each series, which are read and not forecast; `()`:
            there are none.
        static: Float64 `(N, S)`.

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
    step: Any = 1
    context: Any = ()
    static: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((0, 0)))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def origin(self) -> dict[str, Any]:
        """How large the data are, and a number that other values change."""
        check = 0
        for part in (self.stamps, self.targets, self.past, self.known, self.static):
            check = zlib.crc32(np.ascontiguousarray(part).tobytes(), check)
        context = list(map(int, self.context))
        return {"series": self.names, "rows": len(self.stamps), "checksum": check, "first": context}

    @property
    def lengths(self) -> np.ndarray:
        """Rows of each series `(N,)`."""
        return np.diff(self.starts)

    def rows(self, index: int) -> slice:
        """The rows of a series."""
        return slice(int(self.starts[index]), int(self.starts[index + 1]))

    def usual_season(self) -> int:
        """The steps after which series with such stamps repeat themselves, 1 where unknown."""
        step = self.step
        if not isinstance(step, np.timedelta64):
            return 1
        if is_months(step):
            return max(1, 12 // int(step.astype(int)))
        if are_weekdays(self.stamps):
            return 5
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
            ahead = stamps_after(rows, self.step, 1, count + 1)
        return np.concatenate([rows, ahead])[begin:end]

    def split(self, validation: int | float, test: int | float) -> dict[str, Panel]:
        """Returns `"train"`, `"validation"` and `"test"`, one after the other in time.

        The last two hold the rows before them as their context, whatever the lookback.

        Args:
            validation: Rows of each series, or a share of them below 1.
            test: As `validation`.
        """
        lengths = self.lengths
        for name, part in (("validation", validation), ("test", test)):
            if not isinstance(part, (int, float, np.integer)) or part < 0:
                raise ValueError(
                    f"`{name}` must be rows, or a share of them below 1. Received: {part!r}."
                )
        rows = [
            np.round(part * lengths).astype(int) if part < 1 else np.full(len(self), int(part))
            for part in (validation, test)
        ]
        ends = lengths - rows[0] - rows[1], lengths - rows[1], lengths
        if len(self) and (ends[0] < 1).all():
            raise ValueError(
                f"A series must have rows to learn from. Received: validation={validation} and "
                f"test={test} of series of at most {lengths.max()} rows."
            )
        parts = [self.parts(0, end) for end in ends]
        contexts = (), ends[0], ends[1]
        return {
            name: dataclasses.replace(part, context=context)
            for name, part, context in zip(
                ("train", "validation", "test"), parts, contexts, strict=True
            )
        }

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
            context=(),
        )


class Windows(NamedTuple):
    """Series in tensors, and the windows of them that are examples; no window is copied.

    Attributes:
        values: Float64 `(R, C + P)`, NaN where missing: targets, then past covariates.
        known: Float32 `(R, K)`, scaled, without NaN.
        static: Float32 `(N, S)`, scaled, without NaN.
        starts: Int64 `(N + 1,)`: the rows of series i are `starts[i]` to `starts[i + 1] - 1`.
        ids: Int32 `(N,)`: the number by which the forecaster knows each series; -1 does not.
        series: Int64 `(W,)`, the series of each window.
        origins: Int64 `(W,)`, the row that the forecast of a window begins with.
    """

    values: Any
    known: Any
    static: Any
    starts: Any
    ids: Any
    series: np.ndarray
    origins: np.ndarray


def window_origins(
    panel: Panel, lookback: int, horizon: int, stride: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the series and the first forecast row of each window, int64 `(W,)` both.

    Windows are whole, but for series that are too short for it, or have fewer rows behind the
    context than the horizon. None forecasts a row of the context.
    """
    series, origins = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for i, length in enumerate(panel.lengths):
        context = int(panel.context[i]) if len(panel.context) else 0
        last = length - horizon if length > horizon else length - 1
        last = max(last, min(context, length - 1))
        first = max(1, min(lookback, last), context)
        steps = np.arange(last, first - 1, -stride)[::-1]
        series.append(np.full(len(steps), i))
        origins.append(panel.starts[i] + steps)
    return np.concatenate(series), np.concatenate(origins)
