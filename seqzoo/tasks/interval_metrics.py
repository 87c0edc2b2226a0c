"""What the quantiles of a forecaster are worth, in its evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

_NAMES = ("coverage", "quantile_loss", "mean_absolute_value")


def make_interval_metrics() -> list[keras.metrics.Metric]:
    """Returns fresh metrics for `measure_intervals`."""
    return [keras.metrics.Mean(name=name) for name in _NAMES]


def measure_intervals(
    metrics: list, y: Any, quantiles: Any, levels: Sequence[float], weight: Any
) -> None:
    """Updates metrics of the quantiles `(B, H, C, levels)` of values `(B, H, C)`."""
    shares = tf.constant(levels, tf.float32)
    error = y[..., None] - quantiles
    pinball = tf.reduce_mean(tf.maximum(shares * error, (shares - 1) * error), axis=-1)
    inside = (y >= quantiles[..., 0]) & (y <= quantiles[..., -1])
    values = tf.cast(inside, tf.float32), 2 * pinball, tf.abs(y)
    for metric, value in zip(metrics, values, strict=True):
        metric.update_state(tf.where(weight > 0, value, 0.0), weight)


def interval_logs(logs: dict[str, Any], has_quantiles: bool) -> dict[str, Any]:
    """Returns logs with `coverage`, `wql` and `wql_seasonal_naive`, made of the metrics.

    The weighted quantile loss is `metrics.weighted_quantile_loss` of values as the model is
    scaled. That of a forecast without quantiles, all of which it would be, is its mean absolute
    error over that of 0.
    """
    coverage, loss, size = (logs.pop(name) for name in _NAMES)
    if not has_quantiles:
        return logs
    naive = logs["mae_seasonal_naive"]
    losses = {"wql": loss, "wql_seasonal_naive": naive}
    logs |= {name: tf.math.divide_no_nan(each, size) for name, each in losses.items()}
    return logs | {"coverage": coverage}
