"""Windows of series: what a forecaster reads before an origin, and the values that follow it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from seqzoo.ops.option_names import check_count, check_known
from seqzoo.preprocessing.batching import Batches, data_origin
from seqzoo.preprocessing.calendar import CALENDAR, calendar_features
from seqzoo.preprocessing.panel import Columns, Panel, Windows, window_origins
from seqzoo.preprocessing.reading_series import read_panel, usual_every
from seqzoo.preprocessing.series_ends import known_around, last_rows, series_ends
from seqzoo.preprocessing.series_scaling import SeriesConstants, Units, fit_constants

TRANSFORMS = ("none", "log", "box_cox")


@keras.saving.register_keras_serializable(package="seqzoo")
class ForecastWindows(tf.Module):
    """Reads series, scales each by constants of its own, and cuts windows at origins.

    A window is the `lookback` steps before an origin and the `horizon` steps from it on. A series
    that is shorter has steps of padding before it, which are masked; values that are missing are
    told apart from them. Constants come from the rows that `adapt` gets and from no others. What
    is read is `(B, lookback, C + P)`, what is forecast `(B, horizon, C)`.

    Args:
        lookback: Positive int, the steps that are read.
        horizon: Positive int, the steps that are forecast.
        columns: Of tables; see `Columns`.
        every: The step of stamps; see `read_panel`. None is that of what `adapt` gets.
        transform: Of the targets, before they are scaled: `"log"`, or `"box_cox"` with a power for
            each series that makes its values most like a normal distribution. `adapt` wants values
            above 0; later ones that are not count as missing.
        scaler: `"standard"` scales each series to mean 0 and standard deviation 1, `"none"` not. A
            series that `adapt` did not get is scaled by its own history.
        calendar: Names in `CALENDAR`, which become covariates that are known.
        season: Steps of a season, for the seasonal naive forecast; None is that of the stamps'
            step, such as 24 of hours, or 1.
        constants: Instead of `adapt`.

    Raises:
        ValueError: if an argument is out of its range or unknown.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=4, horizon=2)
        >>> windows.adapt(np.arange(10.0))
        >>> len(windows.windows(np.arange(10.0)).origins)
        5
    """

    def __init__(
        self,
        lookback: int,
        horizon: int,
        columns: Columns | None = None,
        every: str | int | None = None,
        transform: Literal["none", "log", "box_cox"] = "none",
        scaler: Literal["standard", "none"] = "standard",
        calendar: Sequence[str] = (),
        season: int | None = None,
        constants: SeriesConstants | None = None,
    ):
        super().__init__()
        for name, value in (("lookback", lookback), ("horizon", horizon), ("season", season)):
            if value is not None or name != "season":
                check_count(name, value)
        check_known("transform", transform, TRANSFORMS)
        check_known("scaler", scaler, ("standard", "none"))
        for name in [calendar] if isinstance(calendar, str) else calendar:
            check_known("calendar", name, CALENDAR)
        self.lookback = lookback
        self.horizon = horizon
        self.columns = columns
        self.every = every
        self.transform = transform
        self.scaler = scaler
        self.calendar = (calendar,) if isinstance(calendar, str) else tuple(calendar)
        self.season = season
        self.constants = constants

    def adapt(self, data: Any) -> None:
        """Takes names and step of the series, and fits the constants that scale them."""
        panel = self.read(data)
        self.every = self.every or usual_every(panel)
        if self.season is None:
            self.season = panel.usual_season()
        known = self._known(panel)
        self.columns = panel.columns
        self.constants = fit_constants(panel, known, self.transform, self.scaler)

    def read(self, data: Any) -> Panel:
        """Returns the series of data in any form; see `read_panel`."""
        return read_panel(data, self.columns, self.every)

    @property
    def fitted(self) -> SeriesConstants:
        """The constants.

        Raises:
            ValueError: before `adapt`.
        """
        if self.constants is None:
            raise ValueError("The windows do not know their series yet: `adapt` them first.")
        return self.constants

    @property
    def target_count(self) -> int:
        """C, the targets of a series."""
        return len(self.fitted.columns.targets)

    @property
    def value_count(self) -> int:
        """C + P, the targets and the covariates that are known up to the origin."""
        return self.target_count + len(self.fitted.columns.past)

    @property
    def known_count(self) -> int:
        """K, the covariates that are known for the horizon too, with those of the calendar."""
        return len(self.fitted.known_location)

    @property
    def static_count(self) -> int:
        """S, the covariates that are the same in all rows of a series."""
        return len(self.fitted.static_location)

    @property
    def raw_spec(self) -> dict[str, tf.TensorSpec]:
        """What `serve` takes, each by its name.

        `history` `(B, L, C + P)` of any length, in its own units, NaN where missing; where there
        are several series also `series` `(B,)`, their names; where covariates are known also
        `known` `(B, lookback + horizon, K)`, and where some are static `static` `(B, S)`.
        """
        specs = {
            "history": tf.TensorSpec([None, None, self.value_count], tf.float32, name="history")
        }
        if len(self.fitted.names) > 1:
            specs["series"] = tf.TensorSpec([None], tf.string, name="series")
        if self.known_count:
            shape = [None, self.lookback + self.horizon, self.known_count]
            specs["known"] = tf.TensorSpec(shape, tf.float32, name="known")
        if self.static_count:
            specs["static"] = tf.TensorSpec([None, self.static_count], tf.float32, name="static")
        return specs

    def as_raw(self, data: Any) -> dict[str, np.ndarray]:
        """Returns what `serve` takes for the end of each series; rows behind it are its future.

        Raises:
            ValueError: if a covariate that must be known for the horizon is missing.
        """
        panel = self.read(data)
        ends = series_ends(panel)
        raw = {"history": last_rows(panel, ends, self.lookback)}
        if "series" in self.raw_spec:
            raw["series"] = np.array(panel.names, object)
        if self.known_count:
            raw["known"] = known_around(panel, ends, self.lookback, self.horizon, self.calendar)
        if self.static_count:
            raw["static"] = panel.static.astype(np.float32)
        return raw

    def _known(self, panel: Panel) -> np.ndarray:
        """All known covariates `(R, K)`."""
        return np.concatenate([panel.known, calendar_features(panel.stamps, self.calendar)], axis=1)

    def prepare(self, raw: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Returns what a forecaster is called on for raw inputs `(B, …)`, in the graph."""
        history = self.padded(raw["history"])
        ids = (
            self.ids_of(raw["series"])
            if "series" in raw
            else tf.zeros_like(history[:, 0, 0], tf.int32)
        )
        inputs = self._inputs(history, ids)[0]
        if self.known_count:
            inputs["known"] = self.fitted.scale_known(raw["known"])
        if self.static_count:
            inputs["static"] = self.fitted.scale_static(raw["static"])
        return inputs

    def padded(self, history: Any) -> tf.Tensor:
        """Returns the last `lookback` steps of histories `(B, L, C + P)`, NaN before the first."""
        history = tf.cast(history, tf.float32)[:, -self.lookback :]
        missing = self.lookback - tf.shape(history)[1]
        history = tf.pad(history, [[0, 0], [missing, 0], [0, 0]], constant_values=math.nan)
        return tf.ensure_shape(history, [None, self.lookback, self.value_count])

    def ids_of(self, names: Any) -> tf.Tensor:
        """Returns the number of each series by its name, -1 of one that is unknown."""
        same = tf.equal(tf.convert_to_tensor(names)[:, None], tf.constant(self.fitted.names)[None])
        number = tf.argmax(tf.cast(same, tf.int32), axis=1, output_type=tf.int32)
        return tf.where(tf.reduce_any(same, axis=1), number, -1)

    def _inputs(self, history: tf.Tensor, ids: tf.Tensor) -> tuple[dict[str, tf.Tensor], Units]:
        units = self.fitted.units(history, ids)
        scaled = tf.cast(units.to_scaled(history), tf.float32)
        observed = tf.math.is_finite(scaled)
        real = tf.cumsum(tf.cast(tf.reduce_any(observed, axis=-1), tf.int32), axis=1) > 0
        inputs = {
            "history": tf.where(observed, scaled, 0.0),
            "observed": observed,
            "mask": real,  # padding is what stands before the first value
            "series": ids,
        }
        return inputs | {f"unit_{name}": each for name, each in units._asdict().items()}, units

    def unscale(self, values: tf.Tensor, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns forecasts `(B, H, C)` in the units of the data, for the inputs of a model."""
        of_targets = [inputs[f"unit_{name}"][..., : self.target_count] for name in Units._fields]
        return tf.cast(Units(*of_targets).from_scaled(values), tf.float32)

    def windows(self, data: Any, stride: int = 1) -> Windows:
        """Returns the windows of series, each with a target.

        They have a full lookback and horizon, but for series that are too short for it.

        Args:
            data: See `read_panel`.
            stride: Positive int, the steps between origins; the last origin of each series is
                among them.
        """
        check_count("stride", stride)
        panel = self.read(data)
        names = {name: i for i, name in enumerate(self.fitted.names)}
        ids = np.array([names.get(name, -1) for name in panel.names], np.int32)
        values = np.concatenate([panel.targets, panel.past], axis=1)
        known = self.fitted.scale_known(self._known(panel))
        series, origins = window_origins(panel, self.lookback, self.horizon, stride)
        with tf.device("CPU:0"):
            return Windows(
                tf.constant(values),
                known,
                self.fitted.scale_static(panel.static),
                tf.constant(panel.starts, tf.int64),
                tf.constant(ids),
                series,
                origins,
            )

    def take(self, windows: Windows, series: tf.Tensor, origins: tf.Tensor) -> tuple:
        """Returns a batch `(x, y, sample_weight)` of windows `(B,)`, in the graph."""
        steps = tf.range(-self.lookback, self.horizon, dtype=tf.int64)
        values, known = self._rows(windows, series, origins[:, None] + steps)  # (B, L + H, …)
        x, units = self._inputs(values[:, : self.lookback], tf.gather(windows.ids, series))
        if self.known_count:
            x["known"] = known
        if self.static_count:
            x["static"] = tf.gather(windows.static, series)
        y = units.to_scaled(values[:, self.lookback :])[..., : self.target_count]
        y = tf.cast(y, tf.float32)
        is_there = tf.math.is_finite(y)
        return x, tf.where(is_there, y, 0.0), tf.cast(is_there, tf.float32)

    def _rows(self, windows: Windows, series: tf.Tensor, rows: tf.Tensor) -> tuple:
        """Values `(B, T, C + P)` and known covariates of rows `(B, T)`; NaN and 0 outside."""
        begin, end = tf.gather(windows.starts, series), tf.gather(windows.starts, series + 1)
        inside = (rows >= begin[:, None]) & (rows < end[:, None])
        rows = tf.where(inside, rows, begin[:, None])
        values = tf.where(inside[..., None], tf.gather(windows.values, rows), np.nan)
        known = tf.gather(windows.known, rows) if self.known_count else windows.known
        return values, tf.where(inside[..., None], known, 0.0) if self.known_count else known

    def take_whole(self, windows: Windows, series: tf.Tensor, steps: int) -> dict[str, tf.Tensor]:
        """Returns model inputs of the first steps of series `(B,)`."""
        rows = tf.gather(windows.starts, series)[:, None] + np.arange(steps)
        values, known = self._rows(windows, series, rows)
        x = self._inputs(values, tf.gather(windows.ids, series))[0]
        x |= {"known": known} if self.known_count else {}
        return x | ({"static": tf.gather(windows.static, series)} if self.static_count else {})

    def take_every_origin(self, windows: Windows, series: tf.Tensor, origins: tf.Tensor) -> tuple:
        """Returns `take` with each step of the lookback as an origin, `y` `(B, L, H, C)`."""
        x, y, weight = self.take(windows, series, origins)
        values = tf.concat([x["history"][..., : self.target_count], y], axis=1)  # (B, L + H, C)
        observed = tf.cast(x["observed"][..., : self.target_count], tf.float32)
        weight = tf.concat([observed, weight], axis=1)
        following = np.arange(self.lookback)[:, None] + np.arange(1, self.horizon + 1)
        y, weight = (tf.gather(each, following, axis=1) for each in (values, weight))
        return x, y, weight * tf.cast(x["mask"], tf.float32)[:, :, None, None]

    def training_batches(
        self, windows: Windows, batch_size: int, seed: int, every_origin: bool = False
    ) -> Batches:
        """Returns an endless stream of batches of windows, in a new order each epoch."""
        count = len(windows.origins)
        if count == 0:
            raise ValueError(
                "A series needs two rows: one to read and one to forecast. Received: none that "
                "has them. Give longer series."
            )
        size = min(batch_size, count)
        series, origins = tf.constant(windows.series), tf.constant(windows.origins)

        def order(epoch: tf.Tensor) -> tf.Tensor:
            numbers = tf.range(count, dtype=tf.int64)
            return tf.random.experimental.stateless_shuffle(numbers, tf.stack([seed, epoch]))

        take = self.take_every_origin if every_origin else self.take

        def pack(rows: tf.Tensor) -> tuple:
            return take(windows, tf.gather(series, rows), tf.gather(origins, rows))

        rows = tf.data.Dataset.counter().map(order).unbatch().batch(size)
        origin = data_origin(windows.values) | {"examples": count}
        return Batches(rows, pack, math.ceil(count / size), size, origin, size)

    def evaluation_batches(self, windows: Windows, batch_size: int) -> tf.data.Dataset:
        """Returns a finite dataset of batches in the order of the windows."""
        rows = tf.data.Dataset.from_tensor_slices((windows.series, windows.origins))
        batches = rows.batch(batch_size).map(lambda *each: self.take(windows, *each))
        return batches.prefetch(tf.data.AUTOTUNE)

    def get_config(self) -> dict[str, Any]:
        return {
            "lookback": self.lookback,
            "horizon": self.horizon,
            "every": self.every,
            "transform": self.transform,
            "scaler": self.scaler,
            "calendar": list(self.calendar),
            "season": self.season,
            "constants": None if self.constants is None else self.constants.get_config(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ForecastWindows:
        constants = config["constants"]
        constants = None if constants is None else SeriesConstants.from_config(constants)
        columns = None if constants is None else constants.columns
        return cls(**config | {"constants": constants, "columns": columns})
