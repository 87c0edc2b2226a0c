"""Scaling of series by exponential smoothing: level and seasons are taken off, inside the model."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

from seqzoo.layers.scaling import Scaled, SeriesScaling, square_unit
from seqzoo.ops.exponential_smoothing import smooth

_FIRST_RATES = (0.27, 0.18)  # of levels and seasons
_OWN_PACE = 10.0  # how much faster the rates of a series are learned, each from few examples
_LEAST_SCALE = 1e-5


@keras.saving.register_keras_serializable(package="seqzoo")
class SeriesSmoothing(keras.layers.Layer):
    """Takes level and seasons off series, by rates that are learned for each of them.

    What is left of a value is its distance from its seasonal indices and the last level, over the
    spread of the latest season of the longest kind. A forecast is scaled back by that level and the
    indices of its steps. A missing value is read as the level there. Past covariates are scaled to
    mean 0 and standard deviation 1.

    Args:
        count: Positive int, the series that are known.
        horizon: Positive int, the steps that are forecast.
        seasons: Steps of each season, ascending, none below the first.
        targets: Positive int, the values of a series; covariates stand behind them.

    Call arguments:
        values: Float tensor `(B, L, C + P)`, where L is fixed; what stands where nothing was
            observed does not matter.
        observed: Boolean `(B, L, C + P)`; None is all.
        series: Int `(B,)`, the number of each series; -1 is unknown, and has the rates that all
            others begin with. None is -1.

    Returns:
        `Scaled`; its location is that of the horizon `(B, H, C)`, its scale `(B, 1, C)`.

    Raises:
        ValueError: without seasons, or if one is below 2 or below the first one.

    Reference: Smyl, 2020, https://doi.org/10.1016/j.ijforecast.2019.03.017
    Differs from the paper: see `ops.exponential_smoothing.smooth`.

    Example:
        >>> layer = sz.layers.SeriesSmoothing(count=2, horizon=3, seasons=(2,))
        >>> scaled = layer(np.array([[[1.0], [3.0], [1.0], [3.0]]], "float32"))
        >>> scaled.location[0, :, 0].numpy().tolist()
        [1.0, 3.0, 1.0]
    """

    causal = False

    def __init__(
        self,
        count: int,
        horizon: int,
        seasons: Sequence[int] = (24, 168),
        targets: int = 1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        seasons = list(seasons)
        if not seasons or min(seasons) < 2 or min(seasons) < seasons[0]:
            raise ValueError(
                "`seasons` must be at least one number of steps, of at least 2, none below the "
                f"first. Received: seasons={seasons}."
            )
        self.count = count
        self.horizon = horizon
        self.seasons = seasons
        self.targets = targets
        self.past_scaling = SeriesScaling("standard", dtype=self.dtype_policy)

    def build(self, values_shape):
        rates = 1 + len(self.seasons)
        first = [_FIRST_RATES[0]] + [_FIRST_RATES[1]] * len(self.seasons)
        start = ops.log(ops.convert_to_tensor([rate / (1 - rate) for rate in first]))
        self.shared_rates = self.add_weight(
            (rates,), lambda shape, dtype: ops.cast(start, dtype), name="shared_rates"
        )
        self.own_rates = self.add_weight(
            (self.count * self.targets, rates), "zeros", name="own_rates"
        )
        self.built = True

    def call(self, values, observed=None, series=None):
        values = ops.cast(values, "float32")
        if observed is None:
            observed = ops.ones_like(values, dtype="bool")
        if series is None:
            series = ops.full((ops.shape(values)[0],), -1, dtype="int32")
        own, seen = (_rows(each[..., : self.targets]) for each in (values, observed))
        rates = self._rates(series)
        season_rates = [rates[:, i : i + 1] for i in range(1, 1 + len(self.seasons))]
        parts = smooth(own, seen, rates[:, :1], season_rates, self.seasons, self.horizon)
        last = parts.levels[:, -1:]
        around = ops.where(seen, own - parts.seasonal, parts.levels) - last
        latest = ops.where(seen, own, parts.levels)[:, -self.seasons[-1] :]
        unit = square_unit(latest)
        spread = unit * ops.std(latest / unit, axis=1, keepdims=True)
        scale = ops.where(spread > _LEAST_SCALE, spread, 1.0)
        scaled, location, scale = (
            self._channels(each) for each in (around / scale, last + parts.ahead, scale)
        )
        if values.shape[2] > self.targets:
            past = self.past_scaling(values[..., self.targets :], observed[..., self.targets :])
            scaled = ops.concatenate([scaled, past.values], axis=-1)
        return Scaled(scaled, location, scale)

    def _rates(self, series):
        """The rates of each target as a row of its own, `(B * C, 1 + seasons)`."""
        own = ops.reshape(self.own_rates, (self.count, -1))
        own = ops.take(own, ops.maximum(series, 0), axis=0)
        own = _OWN_PACE * ops.where((series >= 0)[:, None], own, 0.0)
        return ops.sigmoid(ops.reshape(own, (-1, 1 + len(self.seasons))) + self.shared_rates)

    def _channels(self, rows):
        """`(B * C, T)` -> `(B, T, C)`."""
        parted = ops.reshape(rows, (-1, self.targets, rows.shape[1]))
        return ops.transpose(parted, (0, 2, 1))

    def compute_output_spec(self, values, observed=None, series=None):
        batch, steps, width = values.shape
        sizes = (steps, width), (self.horizon, self.targets), (1, self.targets)
        return Scaled(*(keras.KerasTensor((batch, *size), "float32") for size in sizes))

    def get_config(self):
        return super().get_config() | {
            "count": self.count,
            "horizon": self.horizon,
            "seasons": self.seasons,
            "targets": self.targets,
        }


def _rows(values):
    """`(B, L, C)` -> `(B * C, L)`."""
    return ops.reshape(ops.transpose(values, (0, 2, 1)), (-1, values.shape[1]))
