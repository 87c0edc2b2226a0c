"""Forecasters that feed back what they forecast, step by step, as many paths into the future."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from seqzoo.heads.forecast import DECILES, Forecast, error_sums
from seqzoo.layers.scaling import fill_forward
from seqzoo.ops.decoding.noise import mixed_seeds
from seqzoo.ops.option_names import check_known
from seqzoo.preprocessing.forecast_windows import ForecastWindows
from seqzoo.search.rollout import rollout
from seqzoo.tasks.forecaster import Forecaster
from seqzoo.tasks.series_rows import channels_of_rows, rows_of_channels
from seqzoo.training.steps import unpack_batch


@keras.saving.register_keras_serializable(package="seqzoo")
class AutoregressiveForecaster(Forecaster):
    """A forecaster whose network is fed, at each step of the horizon, the value before.

    In training these are the true values, so that one pass learns all steps, and those of the
    window too where the network tells of them. A forecast draws `path_count` paths of values, each
    fed back its own, all in one loop of the graph; its quantiles and its median are those of the
    paths. A head that has nothing to draw, such as `Point`, makes one path. The noise of a path
    is a hash of the seed, the series, the number of the path and the step: it depends neither on
    the batch nor on the origin.

    The loss of an evaluation is that of the true values given the true ones before them, the
    likelihood of the future as a whole; all metrics are those of the forecast.

    Args:
        network: Reads windows; see `layers.FedBackNetwork`.
        head: See `heads.forecast`; tells of one step.
        preprocessor: Adapted `ForecastWindows`.
        scaling: See `Forecaster`; not causal.
        channels: See `Forecaster`.
        id_units: See `Forecaster`.
        path_count: Positive int, the paths of a forecast.
        levels: Ascending, of the quantiles that are answered.
        feeding: What is fed in training: `"true"` values, or its `"own"` forecasts, through which
            the gradient flows, of the horizon alone and without dropout between.

    Call arguments:
        x: See `Forecaster`; with `following` `(B, H, C)` and `is_following` alike, boolean, the
            values of the horizon and which of them are there.

    Returns:
        `Forecast` whose parameters `(B, H, C, paths)` are the values of the paths, scaled; with
        `following`, the parameters `(B, T, C, P)` of the head, of the T steps that are learned.

    Raises:
        ValueError: if network, head and windows do not fit each other, or the scaling is causal.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=4, horizon=2)
        >>> windows.adapt(np.arange(20.0))
        >>> forecaster = sz.zoo.salinas_2020(windows, units=3)
        >>> forecaster.paths(np.arange(20.0), count=7, seed=1).shape
        (1, 7, 2, 1)
    """

    def __init__(
        self,
        network,
        head,
        preprocessor: ForecastWindows,
        scaling: Any = "mean",
        channels: Literal["independent", "joint"] = "independent",
        id_units: int = 0,
        path_count: int = 100,
        levels: Sequence[float] = DECILES,
        feeding: Literal["true", "own"] = "true",
        **kwargs,
    ):
        check_known("feeding", feeding, ("true", "own"))
        if path_count < 1:
            raise ValueError(f"`path_count` must be at least 1. Received: {path_count}.")
        if list(levels) != sorted(set(levels)) or not all(0 < level < 1 for level in levels):
            raise ValueError(f"`levels` must ascend between 0 and 1. Received: {list(levels)}.")
        self.path_count = path_count
        self._levels = tuple(levels)
        self.feeding = feeding
        super().__init__(network, head, preprocessor, scaling, channels, id_units, **kwargs)

    def steps_made(self, x):
        if self.is_forked:
            raise ValueError(
                "A forecast that is fed back begins at one origin. Received: a causal scaling. "
                "Make it with causal=False."
            )
        if self.head.steps != 1:
            raise ValueError(
                "A network that is fed each value wants a head of one step. Received: "
                f"steps={self.head.steps}. Make it with steps=1."
            )
        y = tf.zeros([2, self.horizon, self.preprocessor.target_count])
        x, _, _ = self._followed(x, y, tf.ones_like(y))
        inputs, location, scale = self.network_inputs(x)
        steps = self._from_true_values(x, inputs, location, scale).shape[1]
        return steps - (self.preprocessor.lookback - 1) * self.network.predicts_window

    @property
    def levels(self):
        return self._levels if self.head.uniforms_per_value else ()

    def call(self, x, training=False):
        inputs, location, scale = self.network_inputs(x)
        if "following" not in x:
            parameters = self._paths(x["series"], inputs, self.path_count, 0)
        elif self.feeding == "true":
            parameters = self._from_true_values(x, inputs, location, scale, training)
        else:
            parameters = self._from_own_values(inputs)
        return Forecast(parameters, location, scale)

    def _from_true_values(self, x, inputs, location, scale, training=False):
        """The parameters `(B, T, C, P)` of the steps after values that are all true."""
        following = (tf.cast(x["following"], tf.float32) - location) / scale
        is_there = x["is_following"]
        if self.channels == "independent":
            targets = self.preprocessor.target_count
            following, is_there = (rows_of_channels(e, targets) for e in (following, is_there))
        last = inputs["values"][:, -1:, : self.head.series]
        fed = tf.concat([last, following[:, :-1]], axis=1)
        is_there = tf.concat([tf.ones_like(last, tf.bool), is_there[:, :-1]], axis=1)
        fed = fill_forward(fed, is_there)[:, 1:]
        hidden = self.network(**inputs, following=fed, training=training)
        return self._of_series(self.head(hidden).parameters)

    def _from_own_values(self, inputs):
        """The parameters `(B, H, C, P)` of the steps after forecasts, which are fed back."""
        step = self._stepper()
        first, state, memory = self.network.start(steps=self.horizon, **inputs)
        nothing = tf.zeros([*tf.unstack(tf.shape(first)), self.head.parameter_count])

        def fed_step(previous, state, memory):
            return step(previous[0], state, memory)

        def decide(forecast, uniforms):
            return self.head.decide(forecast)[:, 0], forecast.parameters[:, 0]

        first = (first, nothing)
        _, parameters = rollout(fed_step, state, memory, first, self.horizon, decide)
        return self._of_series(parameters[:, :, None])

    def _paths(self, ids, inputs, count: int, seeds):
        """Values of paths `(B, H, C, count)`, scaled."""
        size, series = self.head.uniforms_per_value, self.head.series
        count = count if size else 1
        first, state, memory = self.network.start(steps=self.horizon, width=count, **inputs)

        def draw(forecast, uniforms):
            uniforms = tf.reshape(uniforms, [tf.shape(uniforms)[0], 1, series, size])
            return self.head.sample(forecast, uniforms)[:, 0]

        drawn = {"uniforms_per_step": series * size, "n_samples": count}
        drawn["seeds"] = self._row_seeds(ids, seeds)
        values = rollout(self._stepper(), state, memory, first, self.horizon, draw, **drawn)
        values = tf.reshape(values, [-1, count, self.horizon, 1, series])
        return self._of_series(tf.transpose(values, [0, 2, 3, 4, 1]))

    def _stepper(self):
        """Takes values `(N, C)` and a state to the `Forecast` of the next ones `(N, 1, C, P)`."""
        advance = self.network.stepper()

        def step(previous, state, memory):
            hidden, state = advance(previous, state, memory)
            return Forecast(self.head(hidden[:, None]).parameters[:, 0]), state

        return step

    def _row_seeds(self, ids, seeds):
        """A seed for each row that the network reads, by its series, target and `seeds` `(B,)`."""
        seeds = seeds + tf.zeros_like(ids)
        if self.channels == "joint":
            return mixed_seeds(seeds, ids)
        targets = self.preprocessor.target_count
        numbers = tf.reshape(ids[:, None] * targets + tf.range(targets), [-1])
        return mixed_seeds(tf.repeat(seeds, targets), numbers)

    def _of_series(self, parameters):
        """Parameters `(B, T, C, P)` of those of rows `(R, T, 1, series, P)`."""
        parameters = tf.reshape(parameters, [-1, 1, parameters.shape[1], *parameters.shape[3:]])
        if self.channels == "independent":
            parameters = channels_of_rows(parameters, self.preprocessor.target_count)
        return parameters[:, 0]

    # Training and evaluation.

    def train_step(self, data):
        return super().train_step(self._followed(*unpack_batch(data)))

    def _followed(self, x, y, weight) -> tuple:
        """A batch whose inputs hold the true values, and whose targets are the steps learned."""
        x = x | {"following": y, "is_following": weight > 0}
        if self.feeding == "true" and self.network.predicts_window:
            targets = self.preprocessor.target_count
            is_there = x["observed"][:, 1:, :targets] & x["mask"][:, :-1, None]
            y = tf.concat([x["history"][:, 1:, :targets], y], axis=1)
            weight = tf.concat([tf.cast(is_there, weight.dtype), weight], axis=1)
        return x, y, weight

    def _token_losses(self, x, y, outputs, weight):
        if "following" not in x:  # paths have no likelihood, true values after true ones have
            x, y, weight = self._followed(x, y, weight)
            y, weight = y[:, -self.horizon :], weight[:, -self.horizon :]
            parameters, *units = self(x, training=False)
            outputs = Forecast(parameters[:, -self.horizon :], *units)
        return super()._token_losses(x, y, outputs, weight)

    def metric_arguments(self, x, y, outputs, weight):
        if "following" in x:
            return super().metric_arguments(x, y, outputs, weight)
        return error_sums(y, self.decide(Forecast(*outputs)), weight)

    # Answers.

    def decide(self, outputs):
        return _quantile_of_paths(outputs, 0.5)

    def quantile(self, outputs, level):
        if not self.head.uniforms_per_value:
            return self.head.quantile(outputs, level)
        return _quantile_of_paths(outputs, level)

    def paths(
        self, data: Any, count: int | None = None, seed: int = 0, batch_size: int = 64
    ) -> np.ndarray:
        """Returns paths behind the end of each series, `(N, count, H, C)`, in units of the data.

        Args:
            data: See `forecast`.
            count: Positive int, the paths of a series; None is `path_count`. A head that has
                nothing to draw makes one.
            seed: Int. Other paths come of another one; those of `forecast` come of 0.
            batch_size: Positive int. Max series that are answered together.

        Raises:
            ValueError: if the seed has more than 32 bits.
        """
        if not -(2**31) <= seed < 2**31:
            raise ValueError(f"`seed` must be an int of 32 bits. Received: {seed}.")
        raw, count = self.preprocessor.as_raw(data), self.path_count if count is None else count
        signature = [self.preprocessor.raw_spec, tf.TensorSpec([None], tf.int32)]
        answer = self._graphs.get(
            self,
            ("paths", count),
            lambda: tf.function(
                lambda raw, seed: self.path_answers(raw, seed, count),
                input_signature=signature,
                autograph=False,
            ),
        )
        parts = []
        for i in range(0, max(len(raw["history"]), 1), batch_size):
            batch = {name: tf.constant(each[i : i + batch_size]) for name, each in raw.items()}
            parts.append(answer(batch, tf.fill([len(batch["history"])], seed)))
        return np.concatenate(parts)

    def path_answers(self, raw, seed, count: int) -> tf.Tensor:
        """Returns paths `(B, count, H, C)` of raw inputs and seeds `(B,)`, in units of the data."""
        x = self.preprocessor.prepare(raw)
        inputs, location, scale = self.network_inputs(x)
        values = Forecast(self._paths(x["series"], inputs, count, seed), location, scale)
        by_path = tf.transpose(values.parameters, [3, 0, 1, 2])
        by_path = self.preprocessor.unscale(values.from_scaled(by_path), x)
        return tf.transpose(by_path, [1, 0, 2, 3])

    def serving_signatures(self, search=None):
        seed = tf.TensorSpec([None], tf.int32, name="seed")
        specs = self.preprocessor.raw_spec | {"seed": seed}

        @tf.function(input_signature=[specs], autograph=False)
        def paths(raw):
            seed = raw["seed"]
            raw = {name: each for name, each in raw.items() if name != "seed"}
            return {"paths": self.path_answers(raw, seed, self.path_count)}

        return super().serving_signatures(search) | {"paths": paths}

    def get_config(self):
        return super().get_config() | {
            "path_count": self.path_count,
            "levels": list(self._levels),
            "feeding": self.feeding,
        }


def _quantile_of_paths(outputs: Forecast, level: float):
    """The quantiles of values `(B, H, C, paths)`, between two of them by a line.

    Another draw of the model is below one with the probability `level`, however few paths there
    are, but for levels beyond the outer paths, whose quantiles are these.

    Reference: definition 6 of Hyndman and Fan, 1996, https://doi.org/10.2307/2684934
    """
    outputs = Forecast(*outputs)
    ascending = tf.sort(outputs.parameters, axis=-1)
    count = ascending.shape[-1]
    position = min(max(level * (count + 1) - 1, 0.0), count - 1.0)
    below, above = math.floor(position), math.ceil(position)
    low, high = ascending[..., below], ascending[..., above]
    return outputs.from_scaled(low + (position - below) * (high - low))
