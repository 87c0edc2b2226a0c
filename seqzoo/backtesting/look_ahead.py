"""A proof that what a pipeline says at an origin does not depend on what comes after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from seqzoo.preprocessing.panel import Columns, Panel
from seqzoo.preprocessing.reading_series import read_panel

Pipeline = Callable[[Panel, int], Any]
"""From series and an origin to all that is computed there: forecasts, fitted constants, weights."""

Cells = np.ndarray
"""Rows and columns of a panel, int `(N, 2)`; columns are targets, then past covariates."""


class LookAheadError(ValueError):
    """A pipeline depends on what comes after the origin.

    Example:
        >>> issubclass(sz.backtesting.LookAheadError, ValueError)
        True
    """


def prove_no_look_ahead(
    pipeline: Pipeline,
    data: Any,
    origins: Sequence[int],
    columns: Columns | None = None,
    every: str | int | None = None,
    seed: int = 0,
) -> int:
    """Raises `LookAheadError` where something at an origin depends on what comes after it.

    From each origin on, targets and past covariates become missing, then 1e9, then noise; known
    covariates stay. All that the pipeline returns must be equal to the last bit. Where it is not,
    values are replaced by halves until one is left, and the error names its series, row and column.

    A pipeline gets all of the data, since it is it that is in question, and does everything itself
    that depends on data: it fits constants, selects examples, trains, and forecasts.

    Args:
        pipeline: Called with the `Panel` and an origin, the rows of each series that are the past.
            Returns arrays in dicts or lists: the forecasts from that origin, the constants that
            were fitted, the weights.
        data: Series in any form of `read_panel`.
        origins: List of rows, counted from the beginning of each series.
        columns: See `read_panel`.
        every: See `read_panel`.
        seed: Of the noise.

    Returns:
        How many arrays were compared.

    Raises:
        LookAheadError: if an array depends on what comes after its origin, or the pipeline fails
            where that is replaced.
        ValueError: if the pipeline returns nothing, or not twice the same.

    Example:
        >>> def last_value(panel, origin):
        ...     return panel.targets[origin - 1]
        >>> sz.backtesting.prove_no_look_ahead(last_value, np.arange(9.0), origins=[3, 6])
        6
        >>> def centred_mean(panel, origin):
        ...     return panel.targets[origin - 2 : origin + 1].mean()
        >>> sz.backtesting.prove_no_look_ahead(centred_mean, np.arange(9.0), origins=[3])
        Traceback (most recent call last):
        seqzoo.backtesting.look_ahead.LookAheadError: The result depends on what comes after \
origin 3: on series '0', row 3, column 'y'.
    """
    panel = read_panel(data, columns, every)
    longest, compared = int(panel.lengths.max(initial=0)), 0
    if not origins or not all(
        isinstance(o, (int, np.integer)) and 0 < o < longest for o in origins
    ):
        raise ValueError(
            f"`origins` must be rows with others before and after them, from 1 to {longest - 1}. "
            f"Received: {origins}."
        )
    for origin in origins:
        want = _arrays(pipeline(panel, origin))
        if not want or any(array.dtype.kind not in "fiub" for array in want.values()):
            raise ValueError(
                "A pipeline returns the arrays of numbers that it computes at an origin. Received: "
                f"{ {name: str(array.dtype) for name, array in want.items()} or 'none' }."
            )
        if changed := _difference(want, _arrays(pipeline(panel, origin))):
            raise ValueError(
                f"A pipeline must return the same for the same data. Received: another {changed} "
                "the second time. Set the seeds inside it."
            )
        cells = _future(panel, origin)
        for fill in _fills(panel, seed):
            changed = _changed(pipeline, panel, origin, cells, fill, want)
            if changed:
                _tell(pipeline, panel, origin, cells, fill, want, changed)
            compared += len(want)
    return compared


def _future(panel: Panel, origin: int) -> Cells:
    rows = np.concatenate(
        [np.arange(min(begin + origin, end), end) for begin, end in _bounds(panel)] or [[]]
    ).astype(int)
    width = panel.targets.shape[1] + panel.past.shape[1]
    return np.stack(np.meshgrid(rows, np.arange(width), indexing="ij"), axis=-1).reshape(-1, 2)


def _bounds(panel: Panel) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in zip(panel.starts[:-1], panel.starts[1:], strict=True)]


def _fills(panel: Panel, seed: int) -> list[np.ndarray]:
    """What takes the place of values, of all of a panel: nothing, 1e9, and noise of their size."""
    values = _values(panel)
    noise = np.random.default_rng(seed).normal(size=values.shape)
    noise = np.nan_to_num(np.nanmean(values)) + noise * (np.nan_to_num(np.nanstd(values)) or 1.0)
    return [np.full(values.shape, np.nan), np.full(values.shape, 1e9), noise]


def _values(panel: Panel) -> np.ndarray:
    return np.concatenate([panel.targets, panel.past], axis=1)


def _replaced(panel: Panel, cells: Cells, fill: np.ndarray) -> Panel:
    values, places = _values(panel), tuple(cells.T)
    values[places] = fill[places]
    targets, past = np.split(values, [panel.targets.shape[1]], axis=1)
    return dataclasses.replace(panel, targets=targets, past=past)


def _changed(
    pipeline: Pipeline, panel: Panel, origin: int, cells: Cells, fill: np.ndarray, want: Mapping
) -> str:
    """What differs from `want` where cells are replaced; "" if nothing does."""
    try:
        result = pipeline(_replaced(panel, cells, fill), origin)
    except Exception as error:
        return f"pipeline, which fails with {type(error).__name__}: {error};"
    return _difference(want, _arrays(result))


def _tell(pipeline, panel: Panel, origin: int, cells: Cells, fill, want, changed: str) -> None:
    """Finds one value that makes the difference, and raises."""
    while len(cells) > 1:
        half = len(cells) // 2
        parts = [cells[:half], cells[half:]]
        found = [(part, _changed(pipeline, panel, origin, part, fill, want)) for part in parts]
        part = next((each for each in found if each[1]), None)
        if part is None:  # it takes several at once
            break
        cells, changed = part
    row, column = cells[0]
    series = int(np.searchsorted(panel.starts, row, "right")) - 1
    names = [*panel.columns.targets, *panel.columns.past]
    where = f"series {panel.names[series]!r}, row {row - panel.starts[series]}"
    rest = "" if len(cells) == 1 else f" and {len(cells) - 1} values together with it"
    raise LookAheadError(
        f"The {changed} depends on what comes after origin {origin}: on {where}, column "
        f"{names[column]!r}{rest}."
    )


def _arrays(result: Any) -> dict[str, np.ndarray]:
    paths = keras.tree.flatten_with_path(result)
    return {".".join(map(str, path)) or "result": np.asarray(leaf) for path, leaf in paths}


def _difference(want: Mapping[str, np.ndarray], got: Mapping[str, np.ndarray]) -> str:
    """The name of the first array that is not equal to the last bit; "" if all are."""
    if want.keys() != got.keys():
        return "number of arrays"
    for name, array in want.items():
        other = got[name]
        if array.shape != other.shape or array.dtype != other.dtype:
            return name
        if array.tobytes() != other.tobytes() and not np.array_equal(array, other, equal_nan=True):
            return name
    return ""
