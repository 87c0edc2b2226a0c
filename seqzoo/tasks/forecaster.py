"""Forecasters: the past of series in, numbers, quantiles or distributions of their future out."""

from __future__ import annotations

from typing import Any, Literal, cast

import keras
import numpy as np
import tensorflow as tf

from seqzoo.heads.forecast import Forecast
from seqzoo.layers.scaling import SeriesScaling, fill_forward
from seqzoo.ops.naive_forecasts import drift, repeat_last, seasonal_naive
from seqzoo.ops.option_names import check_count, check_known
from seqzoo.preprocessing.forecast_windows import ForecastWindows
from seqzoo.tasks.backtest import Backtest, run_backtest
from seqzoo.tasks.forecast_stream import stream_signatures
from seqzoo.tasks.forecast_table import forecast_rows
from seqzoo.tasks.interval_metrics import interval_logs, make_interval_metrics, measure_intervals
from seqzoo.tasks.series_rows import channels_of_rows, rows_of_channels
from seqzoo.tasks.series_task import SeriesTask
from seqzoo.tasks.traced_functions import TracedFunctions

_NAIVE = ("repeat_last", "seasonal_naive", "drift")


@keras.saving.register_keras_serializable(package="seqzoo")
class Forecaster(SeriesTask):
    """A network over windows of series, and a head that predicts the steps behind them.

    A window is scaled by its own values, read by the network, and scaled back, all in the graph.
    Every evaluation has the errors of three forecasts that need no training, the last value, the
    last season and the line from the first value through the last, and the skill against each:
    1 - error / error of the naive forecast, of the mean absolute errors, -inf where that one makes
    none; where quantiles are answered, their weighted loss and the coverage between the outer ones.

    Args:
        network: Reads windows; see `layers.ForecastNetwork`.
        head: See `heads.forecast`; its `series` are those of `channels`.
        preprocessor: Adapted `ForecastWindows`.
        scaling: Of each window; a name of `SeriesScaling`, or a layer such as it or
            `SeriesSmoothing`.
        channels: How the C targets of a series are read: `"independent"`, each as a row of its own
            by the same weights, or `"joint"`, side by side.
        id_units: Width of a vector that is learned for each series and target, 0: none. That of
            an unknown series is 0.

    Call arguments:
        x: Dict of `history` and `observed` `(B, L, C + P)`, `mask` `(B, L)`, `series` `(B,)` and,
            where there are such covariates, `known` `(B, L + H, K)` and `static` `(B, S)`; see
            `ForecastWindows`.

    Returns:
        `Forecast` with parameters `(B, H, C, P)`; where every step is an origin `(B, L, H, C, P)`.

    Raises:
        ValueError: if network, head and windows do not fit each other, or the network does not read
            covariates that the windows have.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=4, horizon=2)
        >>> windows.adapt(np.arange(20.0))
        >>> forecaster = sz.Forecaster(sz.layers.WindowSteps(), sz.heads.Point(2), windows)
        >>> forecaster.forecast(np.arange(20.0)).shape
        (1, 2, 1)
    """

    def __init__(
        self,
        network,
        head,
        preprocessor: ForecastWindows,
        scaling: Any = "last",
        channels: Literal["independent", "joint"] = "independent",
        id_units: int = 0,
        **kwargs,
    ):
        check_known("channels", channels, ("independent", "joint"))
        super().__init__(head, preprocessor, **kwargs)
        self.network = network
        self.scaling = SeriesScaling(cast(Any, scaling)) if isinstance(scaling, str) else scaling
        self.channels = channels
        self.id_units = id_units
        self.identity = None
        if id_units:
            count = len(preprocessor.fitted.names) * preprocessor.target_count
            start = keras.initializers.RandomNormal(stddev=1.0)
            self.identity = keras.layers.Embedding(count, id_units, start, name="identity")
        self._graphs = TracedFunctions()
        self.naive_metrics = [keras.metrics.Mean(name=f"mae_{name}") for name in _NAIVE]
        self.interval_metrics = make_interval_metrics()
        self.build()

    naive_names = _NAIVE
    """Names of the forecasts that need no training."""

    @property
    def horizon(self) -> int:
        """H, the steps that are forecast."""
        return self.preprocessor.horizon

    def build(self, input_shape=None):
        """Makes all weights; no data are needed for it."""
        windows = self.preprocessor
        shape = (2, windows.lookback, windows.value_count)
        x = {
            "history": tf.zeros(shape),
            "observed": tf.ones(shape, tf.bool),
            "mask": tf.ones(shape[:2], tf.bool),
            "series": tf.zeros([2], tf.int32),
        }
        if windows.known_count:
            x["known"] = tf.zeros([2, windows.lookback + windows.horizon, windows.known_count])
        if windows.static_count:
            x["static"] = tf.zeros([2, windows.static_count])
        for kind in set(getattr(self.network, "unread", ())) & set(x):
            raise ValueError(
                f"The network must read the {kind} covariates of the windows. Received: a "
                f"{type(self.network).__name__}, which does not. Leave them out of "
                "`ForecastWindows`, or take a network that does, such as that of `zoo.wen_2017`."
            )
        series = 1 if self.channels == "independent" else windows.target_count
        if self.head.series != series:
            raise ValueError(
                f"Hidden states tell of {series} series where channels={self.channels!r}. "
                f"Received: a head of series={self.head.series}. Make it with series={series}."
            )
        steps = self.steps_made(x)
        if steps != self.horizon:
            raise ValueError(
                f"`horizon` is {self.horizon}, and network and head tell of {steps} steps. Make "
                "them so that hidden states times the steps of the head are the horizon."
            )
        self.built = True

    def steps_made(self, x) -> int:
        """Calls the model, which makes its weights; returns how many steps ahead it tells of."""
        return self.call(x).parameters.shape[-3]

    @property
    def is_forked(self) -> bool:
        """Whether training takes every step that is read as the origin of a forecast."""
        return self.scaling.causal

    def call(self, x, training=False):
        inputs, location, scale = self.network_inputs(x)
        hidden = self.network(**inputs, training=training)
        if self.is_forked and training:
            return self._read_out(hidden, location, scale)
        if self.is_forked:
            hidden, location, scale = (each[:, -1:] for each in (hidden, location, scale))
        return Forecast(*(each[:, -1] for each in self._read_out(hidden, location, scale)))

    def from_every_step(self, x) -> Forecast:
        """Returns the forecasts from behind each step, with parameters `(B, L, H, C, P)`.

        Args:
            x: As in a call, of any number L of steps. The task is to be forked.
        """
        inputs, location, scale = self.network_inputs(x)
        return self._read_out(self.network(**inputs, training=False), location, scale)

    def _read_out(self, hidden, location, scale) -> Forecast:
        """Forecasts of N origins of hidden states, 1 where it is not forked `(B, N, H, C, P)`."""
        parameters = self.head(hidden).parameters  # (B, N, steps, series, P)
        states, steps = parameters.shape[1], parameters.shape[2]
        if not self.is_forked:
            parameters = tf.reshape(parameters, [-1, 1, states * steps, *parameters.shape[3:]])
        if self.channels == "independent":
            parameters = channels_of_rows(parameters, self.preprocessor.target_count)
        return Forecast(parameters, location[:, :, None], scale[:, :, None])

    def network_inputs(self, x) -> tuple[dict[str, Any], tf.Tensor, tf.Tensor]:
        """Returns what the network reads by name, and location and scale of the targets."""
        scaled = self.scaling(x["history"], x["observed"], series=x["series"])
        targets = self.preprocessor.target_count
        values, mask, known = scaled.values, x["mask"], x.get("known")
        if self.channels == "independent":
            values = rows_of_channels(values, targets)
            mask = tf.repeat(mask, targets, axis=0)
            known = None if known is None else tf.repeat(known, targets, axis=0)
        static = self._static(x["series"], x.get("static"))
        inputs = {"values": values, "mask": mask, "known": known, "static": static}
        return inputs, scaled.location[..., :targets], scaled.scale[..., :targets]

    def _static(self, ids, static):
        """What is known and learned of each row, `(B * C, S + id_units)`, None where nothing is.

        What is learned is 0 where the series is unknown.
        """
        targets = self.preprocessor.target_count
        if static is not None and self.channels == "independent":
            static = tf.repeat(static, targets, axis=0)
        if self.identity is None:
            return static
        if self.channels == "joint":
            index, is_known = ids, ids >= 0
        else:
            index = tf.reshape(ids[:, None] * targets + tf.range(targets)[None], [-1])
            is_known = tf.repeat(ids >= 0, targets)
        vectors = self.identity(tf.maximum(index, 0))
        vectors = tf.where(is_known[:, None], vectors, tf.zeros_like(vectors))
        return vectors if static is None else tf.concat([static, vectors], axis=1)

    def train_step(self, data):
        logs = super().train_step(data)
        measured = {metric.name for metric in [*self.naive_metrics, *self.interval_metrics]}
        return {name: value for name, value in logs.items() if name not in measured}

    def test_step(self, data):
        logs = super().test_step(data)
        for name in _NAIVE:
            own, naive = tf.cast(logs["mae"], tf.float32), tf.cast(logs[f"mae_{name}"], tf.float32)
            logs[f"skill_{name}"] = tf.where(naive > 0, 1 - own / naive, -np.inf)
        return interval_logs(logs, bool(self.levels))

    def measure_evaluation(self, x, y, outputs, weight):
        naive = self.naive_forecasts(x)
        for metric, name in zip(self.naive_metrics, _NAIVE, strict=True):
            metric.update_state(tf.abs(y - naive[name]), weight)
        if self.levels:
            each = [self.quantile(Forecast(*outputs), level) for level in self.levels]
            measure_intervals(self.interval_metrics, y, tf.stack(each, -1), self.levels, weight)

    def naive_forecasts(self, x) -> dict[str, tf.Tensor]:
        """Returns the forecasts without training of a batch of model inputs, `(B, H, C)` each."""
        targets, horizon = self.preprocessor.target_count, self.horizon
        history = fill_forward(x["history"][..., :targets], x["observed"][..., :targets])
        season = self.preprocessor.season or 1
        return {
            "repeat_last": repeat_last(history, horizon),
            "seasonal_naive": seasonal_naive(history, horizon, season),
            "drift": drift(history, x["mask"], horizon),
        }

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of the quantiles that are answered; none where the head predicts none."""
        return tuple(getattr(self.head, "levels", ()))

    def decide(self, outputs: Forecast):
        """Returns the forecasts `(B, H, C)` of what a call returned, as the model is scaled."""
        return self.head.decide(outputs)

    def quantile(self, outputs: Forecast, level: float):
        """Returns the quantiles `(B, H, C)` of what a call returned, as the model is scaled."""
        return self.head.quantile(outputs, level)

    def answer_raw(self, raw) -> dict[str, tf.Tensor]:
        """Returns what a server answers to raw inputs `(B, …)`, in units of the data."""
        inputs = self.preprocessor.prepare(raw)
        outputs = Forecast(*self(inputs, training=False))
        answer = {"forecast": self.preprocessor.unscale(self.decide(outputs), inputs)}
        if self.levels:
            quantiles = [
                self.preprocessor.unscale(self.quantile(outputs, level), inputs)
                for level in self.levels
            ]
            answer["quantiles"] = tf.stack(quantiles, axis=-1)
        return answer

    def forecast(self, data: Any, batch_size: int = 256) -> np.ndarray:
        """Returns the steps behind the end of each series, `(N, H, C)`, in units of the data.

        Args:
            data: Series in any form of `read_panel`. Where covariates are known, rows behind the
                last value hold those of the horizon.
            batch_size: Positive int. Max series that are answered together.
        """
        return self.forecast_answers(data, batch_size)["forecast"]

    def forecast_answers(self, data: Any, batch_size: int = 256) -> dict[str, np.ndarray]:
        """Returns what a server answers for the end of each series, by name, such as `forecast`."""
        check_count("batch_size", batch_size)
        raw = self.preprocessor.as_raw(data)
        starts = range(0, max(len(raw["history"]), 1), batch_size)
        spec = [self.preprocessor.raw_spec]
        answer = self._graphs.get(
            self,
            "answer",
            lambda: tf.function(self.answer_raw, input_signature=spec, autograph=False),
        )
        parts = [
            answer({name: tf.constant(each[i : i + batch_size]) for name, each in raw.items()})
            for i in starts
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def backtest(
        self, data: Any, stride: int = 1, batch_size: int = 256, one_pass: bool = False
    ) -> Backtest:
        """Returns the forecasts from every origin of series beside what came.

        An origin is a step with a whole lookback before it and a whole horizon from it on. Rows
        of the lookback of the first one belong to `data`.

        Args:
            data: Series in any form of `read_panel`.
            stride: Positive int, the steps between origins.
            batch_size: Positive int. Origins that are answered together.
            one_pass: Whether each series is read once from its first row on, and an origin knows
                all rows before it, instead of a window for each origin: much faster, for a forked
                network such as `zoo.wen_2017`, and series that `adapt` got.

        Raises:
            ValueError: if `one_pass` is asked of other networks or series.
        """
        return run_backtest(self, self._graphs, data, stride, batch_size, one_pass)

    def forecast_rows(self, data: Any) -> tuple[list[str], list[tuple]]:
        """Returns the header and the rows of a table of forecasts, a row for each series and step.

        Its columns are those of the series and the time, the targets, and of a head of quantiles
        `target-level`, such as `y-0.9`.

        Args:
            data: Series in any form of `read_panel`.
        """
        return forecast_rows(self, data)

    def serving_signatures(self, search: Any = None) -> dict[str, Any]:
        """Returns the functions of the SavedModel by the name of their signature."""

        @tf.function(input_signature=[self.preprocessor.raw_spec], autograph=False)
        def serving_default(raw):
            return self.answer_raw(raw)

        streams = {} if self.preprocessor.known_count else stream_signatures(self)
        return {"serving_default": serving_default, **streams}

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return super().get_config() | {
            "network": serialize(self.network),
            "scaling": serialize(self.scaling),
            "channels": self.channels,
            "id_units": self.id_units,
        }
