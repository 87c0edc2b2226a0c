"""Covariates that follow from the stamps of a series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CALENDAR = {
    "minute": 60,
    "hour": 24,
    "weekday": 7,
    "monthday": 31,
    "yearday": 366,
    "month": 12,
}
"""Parts of a date that come again, and how many there are of each."""


def calendar_features(stamps: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Returns sine and cosine of each part `(R, 2 * parts)`, so that the last is near the first.

    Args:
        stamps: Dates or times `(R,)`.
        names: In `CALENDAR`.

    Raises:
        ValueError: if the stamps are no dates.

    Example:
        >>> noon = np.array(["2024-05-01T12:00"], "datetime64[ns]")
        >>> sz.preprocessing.calendar_features(noon, ["hour"]).round(3).tolist()
        [[0.0, -1.0]]
    """
    if not names:
        return np.zeros((len(stamps), 0))
    if stamps.dtype.kind != "M":
        raise ValueError(
            "`calendar` needs stamps that are dates or times. Received: integers, or data "
            "without stamps. Leave it out, or give a column of dates."
        )
    days, months = stamps.astype("datetime64[D]"), stamps.astype("datetime64[M]")
    minutes = (stamps.astype("datetime64[m]") - days.astype("datetime64[m]")).astype(int)
    numbers = {
        "minute": minutes % 60,
        "hour": minutes / 60,
        "weekday": (days.astype(int) + 3) % 7,  # 1970-01-01 was a Thursday; Monday is 0
        "monthday": (days - months.astype("datetime64[D]")).astype(int),
        "yearday": (days - stamps.astype("datetime64[Y]").astype("datetime64[D]")).astype(int),
        "month": months.astype(int) % 12,
    }
    angles = np.stack([2 * np.pi * numbers[name] / CALENDAR[name] for name in names], axis=1)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
