"""Forecasts of the past by models that are fitted again and again, each on what came before."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from seqzoo.preprocessing.panel import Columns, Panel
from seqzoo.preprocessing.reading_series import read_panel
from seqzoo.tasks.backtest import Backtest


def walk_forward(
    fit: Callable[[Panel], Any],
    data: Any,
    first: int,
    refit: int,
    columns: Columns | None = None,
    every: str | int | None = None,
) -> Backtest:
    """Returns forecasts from each origin by a model that was fitted on rows before it alone.

    Args:
        fit: Called with the rows before an origin; makes, adapts and trains a `Forecaster`, and
            returns it.
        data: Series in any form of `read_panel`, of one length.
        first: Rows before the first origin.
        refit: Positive int, the origins between two fits.
        columns: See `read_panel`.
        every: See `read_panel`.

    Returns:
        A `Backtest`, origins of one fit after those of another.

    Raises:
        ValueError: if there is no origin with a whole horizon behind it, or a number is out of its
            range.

    Example:
        >>> def fit(past):
        ...     windows = sz.preprocessing.ForecastWindows(lookback=4, horizon=2)
        ...     windows.adapt(past)
        ...     return sz.zoo.zeng_2023(windows)
        >>> sz.backtesting.walk_forward(fit, np.arange(20.0), first=10, refit=5).forecasts.shape
        (9, 2, 1)
    """
    panel = read_panel(data, columns, every)
    if first < 1 or refit < 1:
        raise ValueError(
            f"`first` and `refit` must be at least 1. Received: first={first}, refit={refit}."
        )
    longest, parts = int(panel.lengths.max(initial=0)), []
    for origin in range(first, longest, refit):
        forecaster = fit(panel.parts(0, origin))
        ahead = panel.parts(0, origin + refit + forecaster.horizon - 1)
        if np.all(ahead.lengths < origin + forecaster.horizon):
            break
        context = np.full(len(panel), origin)
        parts.append(forecaster.backtest(dataclasses.replace(ahead, context=context)))
    if not parts:
        raise ValueError(
            f"No origin has a whole horizon behind it. Received: first={first} and series of at "
            f"most {longest} rows. Give a lower `first`."
        )
    return _joined(parts)


def _joined(parts: list[Backtest]) -> Backtest:
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in Backtest._fields
        if name not in ("naive", "levels", "targets")
    }
    naive = {name: np.concatenate([part.naive[name] for part in parts]) for name in parts[0].naive}
    return parts[0]._replace(**arrays, naive=naive)
