"""The ends of series, which forecasts are made from: last values, and what is known ahead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqzoo.preprocessing.calendar import calendar_features
from seqzoo.preprocessing.panel import Panel


def series_ends(panel: Panel) -> np.ndarray:
    """Returns the rows of each series that are its past `(N,)`.

    Where covariates are known ahead, rows behind the last value are the future; else there is none.
    """
    if not panel.columns.known:
        return panel.lengths
    values = np.concatenate([panel.targets, panel.past], axis=1)
    seen = np.any(np.isfinite(values), axis=1, keepdims=True)[:, 0]
    rows = (np.flatnonzero(seen[panel.rows(i)]) for i in range(len(panel)))
    return np.array([each[-1] + 1 if len(each) else 0 for each in rows], np.int64)


def last_rows(panel: Panel, ends: np.ndarray, lookback: int) -> np.ndarray:
    """Returns the last values of each series `(N, lookback, C + P)`, NaN before the first one."""
    values = np.concatenate([panel.targets, panel.past], axis=1)
    history = np.full((len(panel), lookback, values.shape[1]), np.nan, np.float32)
    for i, end in enumerate(ends):
        part = values[panel.rows(i)][max(0, end - lookback) : end]
        history[i, lookback - len(part) :] = part
    return history


def known_around(
    panel: Panel, ends: np.ndarray, lookback: int, horizon: int, calendar: Sequence[str]
) -> np.ndarray:
    """Returns what is known around the ends `(N, lookback + horizon, K)`, NaN before the first row.

    Raises:
        ValueError: if a covariate is missing in the horizon.
    """
    width = panel.known.shape[1] + calendar_features(panel.stamps[:0], calendar).shape[1]
    around = np.full((len(panel), lookback + horizon, width), np.nan, np.float32)
    for i, end in enumerate(ends):
        rows = panel.known[panel.rows(i)]
        ahead = rows[end : end + horizon]
        if panel.columns.known and (len(ahead) < horizon or np.isnan(ahead).any()):
            raise ValueError(
                f"Expected the known covariates {list(panel.columns.known)} of {horizon} rows "
                f"behind the last value of each series. Received: {len(ahead)} such rows of series "
                f"{panel.names[i]!r}, or missing values in them. Append rows with the target "
                "missing."
            )
        if not len(rows):
            continue
        begin = max(0, int(end) - lookback)
        stamps = panel.stamps_of(i, begin, int(end) + horizon)
        own = rows[begin : end + horizon] if panel.columns.known else np.zeros((len(stamps), 0))
        found = np.concatenate([own, calendar_features(stamps, calendar)], axis=1)
        around[i, lookback + horizon - len(found) :] = found
    return around
