"""Constants that scale series, each by its own, fitted on the rows that are learned from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.panel import Columns, Panel

_SMALLEST_POWER = 1e-3  # nearer to 0 the power transform is the logarithm
_LEAST_SCALE = 1e-9  # of the magnitude of a series, below which it is constant


class Units(NamedTuple):
    """What leads from the values of the series of a batch to scaled ones, and back.

    Attributes:
        power: Float64 `(B, 1, C + P)` of the Box-Cox transform; NaN: there is none.
        location: Float64 `(B, 1, C + P)`, subtracted from transformed values.
        scale: Float64 `(B, 1, C + P)`, which they are divided by then.
    """

    power: Any
    location: Any
    scale: Any

    def to_scaled(self, values: Any) -> Any:
        """Returns scaled values, float64; NaN where one is missing or cannot be transformed."""
        values = tf.cast(values, tf.float64)
        return (_transformed(values, self.power) - self.location) / self.scale

    def from_scaled(self, values: Any) -> Any:
        """Returns values in units of the data, float64."""
        return _untransformed(tf.cast(values, tf.float64) * self.scale + self.location, self.power)


@dataclasses.dataclass(frozen=True)
class SeriesConstants:
    """What `ForecastWindows` knows of its series.

    Args:
        names: Of the N series.
        columns: Of the data.
        power: `(N + 1, C + P)`, of unknown series at the end; see `Units`.
        location: `(N, C + P)`; None: series are not scaled.
        scale: As `location`.
        known_location: `(K,)`.
        known_scale: `(K,)`.
        static_location: `(S,)`.
        static_scale: `(S,)`.
    """

    names: tuple[str, ...]
    columns: Columns
    power: np.ndarray
    location: np.ndarray | None
    scale: np.ndarray | None
    known_location: np.ndarray
    known_scale: np.ndarray
    static_location: np.ndarray
    static_scale: np.ndarray

    def units(self, history: Any, ids: Any) -> Units:
        """Returns the units of the series of a batch, in the graph.

        Args:
            history: `(B, L, C + P)`, NaN where missing; an unknown series is scaled by it.
            ids: Int `(B,)`, the number of each series; -1 is unknown.
        """
        count = len(self.names)
        is_known = (ids >= 0)[:, None, None]
        power = tf.gather(tf.constant(self.power), tf.where(ids >= 0, ids, count))[:, None]
        if self.location is None or self.scale is None:
            return Units(power, tf.zeros_like(power), tf.ones_like(power))
        index = tf.maximum(ids, 0)
        of_series = [tf.gather(tf.constant(x), index)[:, None] for x in (self.location, self.scale)]

        def of_history() -> list[Any]:
            moments = _moments(_transformed(tf.cast(history, tf.float64), power))
            return [tf.where(is_known, *sides) for sides in zip(of_series, moments, strict=True)]

        location, scale = tf.cond(tf.reduce_all(is_known), lambda: of_series, of_history)
        return Units(power, location, scale)

    def scale_known(self, known: Any) -> tf.Tensor:
        """Returns known covariates `(…, K)` scaled, float32, 0 where missing."""
        return _scaled_or_0(known, self.known_location, self.known_scale)

    def scale_static(self, static: Any) -> tf.Tensor:
        """Returns static covariates `(…, S)` scaled, float32, 0 where missing."""
        return _scaled_or_0(static, self.static_location, self.static_scale)

    def get_config(self) -> dict[str, Any]:
        arrays = [field.name for field in dataclasses.fields(self)][2:]
        return {
            "names": list(self.names),
            "columns": dataclasses.asdict(self.columns),
            **{
                name: None if getattr(self, name) is None else getattr(self, name).tolist()
                for name in arrays
            },
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SeriesConstants:
        arrays = {
            name: None if value is None else np.array(value, np.float64)
            for name, value in config.items()
            if name not in ("names", "columns")
        }
        return cls(tuple(config["names"]), Columns(**config["columns"]), **arrays)  # pyright: ignore[reportArgumentType]


def fit_constants(panel: Panel, known: np.ndarray, transform: str, scaler: str) -> SeriesConstants:
    """Returns the constants of the series of a panel.

    Args:
        panel: The series.
        known: `(R, K)`, their known covariates.
        transform: See `ForecastWindows`.
        scaler: See `ForecastWindows`.

    Raises:
        ValueError: if a value that is to be transformed is not above 0.
    """
    targets = len(panel.columns.targets)
    values = np.concatenate([panel.targets, panel.past], axis=1)
    power = np.full((len(panel) + 1, values.shape[1]), np.nan)
    if transform != "none":
        _check_positive(panel)
        power[:, :targets] = 0.0
    if transform == "box_cox":
        for i in range(len(panel)):
            power[i, :targets] = [_best_power(each) for each in panel.targets[panel.rows(i)].T]
    location = scale = None
    if scaler == "standard":
        moments = [
            _moments(_transformed(tf.constant(values[None, panel.rows(i)]), power[i]))
            for i in range(len(panel))
        ]
        location, scale = (
            np.concatenate([np.zeros((0, values.shape[1])), *(m[side].numpy()[0] for m in moments)])
            for side in (0, 1)
        )
    return SeriesConstants(
        panel.names,
        panel.columns,
        power,
        location,
        scale,
        *_mean_and_spread(known),
        *_mean_and_spread(panel.static),
    )


def _mean_and_spread(covariates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the values `(…, K)` that are there; 0 and 1 of none, and of a constant its value and 1."""
    finite = np.where(np.isfinite(covariates), covariates, np.nan)
    spread = np.nan_to_num(_quiet(np.nanstd, finite))
    return np.nan_to_num(_quiet(np.nanmean, finite)), np.where(spread > 0, spread, 1.0)


def _quiet(function, values: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return function(values, axis=0) if len(values) else np.zeros(values.shape[1])


def _scaled_or_0(covariates: Any, location: np.ndarray, scale: np.ndarray) -> tf.Tensor:
    scaled = (tf.cast(covariates, tf.float64) - location) / scale
    return tf.cast(tf.where(tf.math.is_finite(scaled), scaled, 0.0), tf.float32)


def _check_positive(panel: Panel) -> None:
    bad = np.argwhere(panel.targets <= 0)
    if len(bad):
        row, column = bad[0]
        series = int(np.searchsorted(panel.starts, row, "right")) - 1
        raise ValueError(
            "A logarithm or power needs values above 0. Received: "
            f"{panel.targets[row, column]} in column {panel.columns.targets[column]!r}, series "
            f'{panel.names[series]!r}, row {row - panel.starts[series]}. Take transform="none", '
            "or add a constant to the series."
        )


def _best_power(values: np.ndarray) -> float:
    """The power of the Box-Cox transform with the largest likelihood, from -1 to 2."""
    from scipy.stats import boxcox_llf

    values = values[np.isfinite(values)]
    if len(values) < 3 or np.ptp(values) == 0:
        return 0.0
    powers = np.linspace(-1, 2, 61)
    return float(powers[np.argmax([boxcox_llf(power, values) for power in powers])].round(2))


def _moments(values: Any) -> tuple[Any, Any]:
    """Mean and standard deviation `(B, 1, W)` over the steps of `(B, L, W)`; 0 and 1 of none."""
    is_there = tf.math.is_finite(values)
    count = tf.reduce_sum(tf.cast(is_there, tf.float64), axis=1, keepdims=True)
    some = tf.maximum(count, 1.0)
    mean = tf.reduce_sum(tf.where(is_there, values / some, 0.0), axis=1, keepdims=True)
    gap = tf.where(is_there, values - mean, 0.0)
    largest = tf.reduce_max(tf.abs(gap), axis=1, keepdims=True)
    unit = tf.where(largest > 0, largest, 1.0)  # so that squares of large values do not overflow
    scale = unit * tf.sqrt(tf.reduce_sum(tf.square(gap / unit), axis=1, keepdims=True) / some)
    return mean, tf.where(scale > _LEAST_SCALE * (1e-9 + tf.abs(mean)), scale, 1.0)


def _transformed(values: Any, power: Any) -> Any:
    """The Box-Cox transform of float64 values; those that are not above 0 become NaN."""
    is_plain = tf.reduce_all(tf.math.is_nan(power))
    return tf.cond(is_plain, lambda: values, lambda: _box_cox(values, power))


def _box_cox(values: Any, power: Any) -> Any:
    logs = tf.math.log(tf.where(values > 0, values, 1.0))
    is_log = tf.abs(power) < _SMALLEST_POWER
    safe = tf.where(is_log | tf.math.is_nan(power), tf.ones_like(power), power)
    powers = tf.where(is_log, logs, tf.math.expm1(safe * logs) / safe)
    powers = tf.where(values > 0, powers, np.nan)
    return tf.where(tf.math.is_nan(power), values, powers)


def _untransformed(values: Any, power: Any) -> Any:
    is_plain = tf.reduce_all(tf.math.is_nan(power))
    return tf.cond(is_plain, lambda: values, lambda: _from_box_cox(values, power))


def _from_box_cox(values: Any, power: Any) -> Any:
    is_log = tf.abs(power) < _SMALLEST_POWER
    safe = tf.where(is_log | tf.math.is_nan(power), tf.ones_like(power), power)
    inside = tf.maximum(safe * values, -1 + 1e-12)  # the transform of values above 0
    logs = tf.where(is_log, values, tf.math.log1p(inside) / safe)
    return tf.where(tf.math.is_nan(power), values, tf.exp(logs))
