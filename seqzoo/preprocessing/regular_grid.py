"""Stamps of series on a regular grid: the step between them, gaps in them, and what comes next."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

_MONTH_DAYS = 28  # stamps that lie further apart are months
_MOST_FILLED = 10  # missing rows for each row that is there


def refuse_row(
    wanted: str, received: str, series: str, row: int, advice: str = "Correct it."
) -> NoReturn:
    raise ValueError(
        f"Expected {wanted}. Received: {received}, series {series!r}, row {row}. {advice}"
    )


def regular_grid(
    stamps: np.ndarray, step: Any, series: str, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the step of each stamp of a series, from 0 on, and the stamps of all steps.

    Args:
        stamps: Sorted, dates in nanoseconds or int64 `(R,)`.
        step: Between them: an int, or a time of months or of smaller units.
        series: Its name, for errors.
        rows: Int `(R,)`, where the stamps stand in the data, for errors.

    Raises:
        ValueError: if a stamp is there twice or off the grid.
    """
    same = np.flatnonzero(stamps[1:] == stamps[:-1])
    if len(same):
        refuse_row(
            "each stamp once in a series",
            f"{shown_stamp(stamps[same[0]])} twice",
            series,
            int(max(rows[same[0] : same[0] + 2])),
            "Take their mean, or give each its own series; local times of an autumn's clock "
            "change are told apart in UTC.",
        )
    if len(stamps) < 2:
        return np.zeros(len(stamps), np.int64), stamps
    unit = np.timedelta64(1, "M") if isinstance(step, np.timedelta64) and is_months(step) else None
    counted = stamps.astype("datetime64[M]") if unit is not None else stamps
    steps, rest = np.divmod((counted - counted[0]).astype(np.int64), _as_int(step, stamps))
    if unit is not None:
        rest = rest + (_day_of_month(stamps) != _day_of_month(stamps)[0])
    if np.any(rest):
        bad = int(np.flatnonzero(rest)[0])
        refuse_row(
            f"stamps in steps of {shown_step(step)}",
            f"{shown_stamp(stamps[bad])} after {shown_stamp(stamps[bad - 1])}",
            series,
            int(rows[bad]),
            'Give `every`; every="row" takes each row as a step.',
        )
    if steps[-1] + 1 > _MOST_FILLED * len(stamps) + 100:
        bad = int(np.argmax(np.diff(steps))) + 1
        refuse_row(
            "stamps without gaps that are many times as long as the data",
            f"{shown_stamp(stamps[bad])} after {shown_stamp(stamps[bad - 1])}",
            series,
            int(rows[bad]),
            'Give `every`; every="row" takes each row as a step.',
        )
    return steps, stamps_after(stamps, step, -int(steps[-1]), 1)


def step_of(stamps: np.ndarray, every: str | int | None) -> Any:
    """Returns the step between stamps: an int, or a time of months or of smaller units.

    Args:
        stamps: Sorted, at least two.
        every: See `read_panel`; None is the smallest step.
    """
    are_dates = stamps.dtype.kind == "M"
    if every is not None:
        return _given_step(every, are_dates)
    smallest = np.diff(stamps).min()
    if are_dates and smallest >= np.timedelta64(_MONTH_DAYS, "D"):
        months = np.diff(stamps.astype("datetime64[M]")).min()
        days = _day_of_month(stamps)
        if months >= np.timedelta64(1, "M") and (days == days[0]).all():
            return months
    return smallest if are_dates else int(smallest)


def _given_step(every: str | int, are_dates: bool) -> Any:
    if not are_dates and isinstance(every, (int, np.integer)) and every > 0:
        return int(every)
    digits = "".join(each for each in str(every) if each.isdigit())
    count, unit = int(digits or 1), str(every)[len(digits) :]
    months = {"M": 1, "MS": 1, "Q": 3, "QS": 3, "Y": 12, "YS": 12}
    times = {"s": "s", "min": "m", "m": "m", "h": "h", "H": "h", "D": "D", "d": "D", "W": "W"}
    if not are_dates or count < 1 or unit not in months | times:
        wanted = '"15min", "1h", "1D", "1W", "1M", "1Q", "1Y"' if are_dates else "a positive int"
        raise ValueError(
            f'Expected `every` as in {wanted}, or "row", of stamps that are '
            f"{'dates' if are_dates else 'numbers'}. Received: every={every!r}."
        )
    if unit in months:
        return np.timedelta64(count * months[unit], "M")
    return np.timedelta64(count, times[unit])


def written_step(step: Any) -> str | None:
    """Returns a step as `every` has it; None of an int and of parts of a second."""
    if not isinstance(step, np.timedelta64):
        return None
    if is_months(step):
        return f"{step.astype(int)}M"
    length = step.astype("timedelta64[ns]")
    for unit in ("D", "h", "m", "s"):
        if not length % np.timedelta64(1, unit):
            return f"{length // np.timedelta64(1, unit)}{unit}"
    return None


def is_months(step: np.timedelta64) -> bool:
    """Whether a step is counted in months, which are not of one length."""
    return np.datetime_data(step)[0] == "M"


def _as_int(step: Any, stamps: np.ndarray) -> int:
    if not isinstance(step, np.timedelta64) or is_months(step):
        return int(step)
    return int(step.astype(f"timedelta64[{np.datetime_data(stamps.dtype)[0]}]").astype(np.int64))


def _day_of_month(stamps: np.ndarray) -> np.ndarray:
    """The day counted from the first; the last day of each month is -1."""
    days = stamps.astype("datetime64[D]")
    months = stamps.astype("datetime64[M]")
    is_last = days + 1 == (months + 1).astype("datetime64[D]")
    return np.where(is_last.all(), -1, (days - months.astype("datetime64[D]")).astype(np.int64))


def stamps_after(stamps: np.ndarray, step: Any, begin: int, end: int) -> np.ndarray:
    """Returns the stamps `begin` to `end - 1` steps after the last of a series.

    Those of months are on the same day, or the last one of a month that has no such day; where
    all are the last of their months, so are these.
    """
    last, numbers = stamps[-1], np.arange(begin, end)
    if stamps.dtype.kind == "M" and not isinstance(step, np.timedelta64):
        raise ValueError(
            "The step between dates is known from two rows of a series. Received: one at "
            f'{shown_stamp(last)}. Give the row before it, or `every`, such as "1h" or "1D".'
        )
    if not isinstance(step, np.timedelta64) or not is_months(step):
        return last + numbers * step
    months = last.astype("datetime64[M]") + numbers * step
    ends = (months + 1).astype("datetime64[D]").astype(last.dtype) - np.timedelta64(1, "D")
    in_month = last - last.astype("datetime64[M]").astype(last.dtype)
    days = np.minimum(
        months.astype(last.dtype) + in_month, ends + in_month % np.timedelta64(1, "D")
    )
    return ends if _day_of_month(stamps)[0] == -1 else days


def are_weekdays(stamps: np.ndarray) -> bool:
    """Whether stamps are days, of several weeks and none of a weekend."""
    if stamps.dtype.kind != "M" or len(stamps) < 10:
        return False
    days = stamps.astype("datetime64[D]")
    return bool((days == stamps).all() and np.is_busday(days).all() and np.diff(days).max() < 7)


def shown_stamp(stamp: Any) -> str:
    """Returns a stamp as a table shows it."""
    return str(stamp).removesuffix(".000000000").removesuffix("T00:00:00")


def shown_step(step: Any) -> str:
    if isinstance(step, np.timedelta64) and not is_months(step):
        seconds = int(step.astype("timedelta64[s]").astype(np.int64))
        for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
            if seconds % size == 0:
                return f"{seconds // size} {unit}"
        return f"{seconds} seconds"
    return str(step)
