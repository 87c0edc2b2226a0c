"""Forecasts of the past beside what came, and beside forecasts that need no training."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.heads.forecast import Forecast
from seqzoo.ops.option_names import check_count
from seqzoo.preprocessing.panel import Panel, Windows
from seqzoo.tasks.traced_functions import TracedFunctions

_SERIES_AT_ONCE = 32  # of one pass


class Backtest(NamedTuple):
    """Forecasts from many origins beside what came, in units of the data.

    Attributes:
        series: Names `(W,)`.
        stamps: Of the first step of each forecast `(W,)`.
        forecasts: `(W, H, C)`.
        quantiles: `(W, H, C, levels)` of the levels of the head; no levels where it has none.
        actual: `(W, H, C)`, NaN where missing.
        naive: `(W, H, C)` by name: `repeat_last`, `seasonal_naive`, `drift`.
        step_stamps: Of all steps of each forecast `(W, H)`.
        levels: Of the quantiles.
        targets: Names of the C targets.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=4, horizon=2)
        >>> windows.adapt(np.arange(20.0))
        >>> tested = sz.zoo.zeng_2023(windows).backtest(np.arange(20.0))
        >>> tested.forecasts.shape, round(tested.mean_absolute_errors()["drift"], 4)
        ((15, 2, 1), 0.0)
    """

    series: np.ndarray
    stamps: np.ndarray
    forecasts: np.ndarray
    quantiles: np.ndarray
    actual: np.ndarray
    naive: dict[str, np.ndarray]
    step_stamps: np.ndarray
    levels: tuple[float, ...]
    targets: tuple[str, ...]

    def mean_absolute_errors(self) -> dict[str, float]:
        """Returns the mean absolute error of the `"forecast"` and of each naive one."""
        forecasts = {"forecast": self.forecasts, **self.naive}
        return {name: float(np.nanmean(np.abs(self.actual - f))) for name, f in forecasts.items()}

    def skill(self) -> dict[str, float]:
        """Returns the share of the error of each naive forecast that is avoided, at most 1."""
        errors = self.mean_absolute_errors()
        own = errors.pop("forecast")
        return {name: 1 - own / error if error else -np.inf for name, error in errors.items()}


def run_backtest(
    task: Any, graphs: TracedFunctions, data: Any, stride: int, batch_size: int, one_pass: bool
) -> Backtest:
    """Returns the forecasts of a `Forecaster` from every origin of series; see `backtest`."""
    check_count("batch_size", batch_size)
    preprocessor = task.preprocessor
    panel = preprocessor.read(data)
    windows = preprocessor.windows(panel, stride)
    levels = task.levels

    def answer(windows, *passed):
        x, y, weight = preprocessor.take(windows, windows.series, windows.origins)
        outputs = Forecast(*(passed or task(x, training=False)))
        scaled = [task.decide(outputs), tf.where(weight > 0, y, np.nan)]
        scaled += task.naive_forecasts(x).values()
        scaled += [task.quantile(outputs, level) for level in levels]
        return [preprocessor.unscale(each, x) for each in scaled]

    passes = _in_one_pass(task, graphs, panel, windows) if one_pass else ()
    traced = _trace(task, graphs, ("backtest", one_pass), answer, (windows, *passes))
    parts = []
    for first in range(0, len(windows.origins), batch_size):
        rows = slice(first, first + batch_size)
        passed = (each[rows] for each in passes)
        parts.append(traced(_some(windows, rows), *passed))
    empty = np.zeros((0, task.horizon, preprocessor.target_count), np.float32)
    sides = zip(*parts, strict=True) if parts else [()] * (5 + len(levels))
    forecasts, actual, *others = (np.concatenate([empty, *side]) for side in sides)
    names = list(task.naive_names)
    quantiles = np.stack(others[len(names) :] or [forecasts], axis=-1)
    return Backtest(
        np.array(panel.names, str)[windows.series],
        panel.stamps[windows.origins],
        forecasts,
        quantiles if levels else quantiles[..., :0],
        actual,
        dict(zip(names, others[: len(names)], strict=True)),
        _step_stamps(panel, windows.series, windows.origins, task.horizon),
        tuple(map(float, levels)),
        tuple(panel.columns.targets),
    )


def _in_one_pass(
    task: Any, graphs: TracedFunctions, panel: Panel, windows: Windows
) -> tuple[tf.Tensor, ...]:
    """The parts of a `Forecast` of all windows `(W, …)`, of series that are read once."""
    if not task.is_forked:
        raise ValueError(
            "One pass has a forecast at each step only of a forked network. Received: "
            f"one_pass=True and a {type(task.network).__name__} that is not. Leave one_pass out, "
            "or take a network such as that of `zoo.wen_2017`."
        )
    ids, longest = windows.ids.numpy(), int(np.diff(panel.starts).max(initial=1))
    if (ids < 0).any():
        raise ValueError(
            "One pass scales series by what `adapt` got of them. Received: "
            f"{panel.names[int(np.argmin(ids))]!r}, which is unknown. Leave one_pass out."
        )

    def read(windows, together, first):
        outputs = task.from_every_step(task.preprocessor.take_whole(windows, together, longest))
        steps = windows.origins - tf.gather(windows.starts, windows.series) - 1  # the last known
        at = tf.stack([windows.series - first, steps], axis=1)
        return [tf.gather_nd(each, at) for each in outputs]

    numbers, parts = np.arange(len(ids)), []
    traced = _trace(task, graphs, ("one pass", longest), read, (windows, numbers, np.int64(0)))
    for first in range(0, len(ids), _SERIES_AT_ONCE):
        together = numbers[first : first + _SERIES_AT_ONCE]
        rows = np.isin(windows.series, together)
        if rows.any():
            parts.append(traced(_some(windows, rows), together, np.int64(first)))
    return tuple(tf.concat(each, axis=0) for each in zip(*parts, strict=True))


def _some(windows: Windows, rows: Any) -> Windows:
    return windows._replace(series=windows.series[rows], origins=windows.origins[rows])


def _trace(task: Any, graphs: TracedFunctions, key: tuple, function: Any, arguments: tuple) -> Any:
    """The function, traced for such arguments with any number of rows, and kept for later."""

    def any_rows(array):
        return tf.TensorSpec([None, *array.shape[1:]] if array.ndim else [], array.dtype)

    spec = tf.nest.map_structure(any_rows, arguments)
    return graphs.get(
        task, key, lambda: tf.function(function, input_signature=spec, autograph=False)
    )


def _step_stamps(panel: Any, series: np.ndarray, origins: np.ndarray, horizon: int) -> np.ndarray:
    """The stamps of all steps `(W, H)`, also of those behind the end of a short series."""
    rows = origins[:, None] + np.arange(horizon)
    stamps = panel.stamps[np.minimum(rows, len(panel.stamps) - 1)]
    for window in np.flatnonzero(rows[:, -1] >= panel.starts[series + 1]):
        first = int(origins[window] - panel.starts[series[window]])
        stamps[window] = panel.stamps_of(int(series[window]), first, first + horizon)
    return stamps
