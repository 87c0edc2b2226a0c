"""The heads that predict values of the future: a number of each step, or quantiles."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import keras
from keras import ops

from seqzoo.ops.affine import affine
from seqzoo.ops.option_names import check_known

DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class Forecast(NamedTuple):
    """What a head says about the steps of a horizon.

    Attributes:
        parameters: `(…, H, C, P)`, of C series, in scaled units.
        location: `(…, 1, C)`, what was subtracted from the series before they were read; `()` is 0.
        scale: `(…, 1, C)`, what they were divided by then; `()` is 1.

    Example:
        >>> head = sz.heads.Point(steps=3)
        >>> forecast = head(np.ones((2, 1, 4), "float32"))
        >>> tuple(forecast.parameters.shape)
        (2, 1, 3, 1, 1)
    """

    parameters: Any
    location: Any = ()
    scale: Any = ()

    def width_from_scaled(self, values):
        """Returns differences `(…, H, C)` in the units of the series."""
        return values if _is_left_out(self.scale) else values * self.scale

    def from_scaled(self, values):
        """Returns values `(…, H, C)` in the units of the series."""
        values = self.width_from_scaled(values)
        return values if _is_left_out(self.location) else values + self.location


class ForecastHead(keras.layers.Layer):
    """The base of heads that project hidden states to the parameters of steps of a horizon.

    A hidden state tells of `steps` steps of `series` series. A subclass says how many parameters
    each of them has, what they mean and how they are judged.

    Args:
        steps: Positive int, the steps that a hidden state tells of.
        series: Positive int, the series that it tells of.

    Call arguments:
        hidden: Float tensor `(B, N, features)`.

    Returns:
        `Forecast` with parameters `(B, N, steps, series, P)`.

    Raises:
        ValueError: when built, if an argument is out of its range.
    """

    parameter_count = 1
    uniforms_per_value = 0
    """How many numbers `sample` takes for a value; 0: it has nothing to draw."""

    def __init__(self, steps: int, series: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.steps = steps
        self.series = series
        self.supports_masking = True

    def build(self, hidden_shape):
        for name in ("steps", "series"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be at least 1. Received: {name}={getattr(self, name)}."
                )
        count = self.steps * self.series * self.parameter_count
        self.kernel = self.add_weight((hidden_shape[-1], count), name="kernel")
        self.bias = self.add_weight((count,), "zeros", name="bias")
        self.built = True

    def call(self, hidden, mask=None, reads=None):
        kernel, bias = (ops.cast(each, self.compute_dtype) for each in (self.kernel, self.bias))
        flat = affine(hidden, kernel, bias)  # (B, N, steps * series * P)
        batch, states = ops.shape(hidden)[0], ops.shape(hidden)[1]
        shape = (batch, states, self.steps, self.series, self.parameter_count)
        return Forecast(ops.reshape(ops.cast(flat, "float32"), shape))

    def compute_mask(self, hidden, mask=None):
        return None

    def loss(self, y, outputs, weight, mask=None):
        """Returns the sum of the losses and the sum of their weights, scalars.

        Args:
            y: The values `(…, H, C)`; what stands where the weight is 0 does not matter.
            outputs: A `Forecast` of them.
            weight: Float tensor of the shape of `y`, 0 where a value is missing.
            mask: As in other heads; a forecast depends on no other one.
        """
        outputs = Forecast(*outputs)
        weight = ops.cast(weight, "float32")
        y = ops.where(weight > 0, ops.cast(y, "float32"), self.decide(outputs))
        return ops.sum(self.losses(y, outputs) * weight), ops.sum(weight)

    def losses(self, y, outputs: Forecast):
        """Returns the loss of each value `(…, H, C)`."""
        raise NotImplementedError

    def quantile(self, outputs: Forecast, level: float):
        """Returns the values `(…, H, C)` that the future stays below with a probability."""
        raise NotImplementedError

    def sample(self, outputs: Forecast, uniforms):
        """Returns values `(…, H, C)`, each drawn of what the head says about it.

        Args:
            outputs: A `Forecast` of them.
            uniforms: Independent numbers between 0 and 1, `(…, H, C, uniforms_per_value)`.
        """
        raise NotImplementedError

    def make_metrics(self) -> list[keras.metrics.Metric]:
        """Returns fresh metrics, in the order of `measure`."""
        return [keras.metrics.Mean(name="mse"), keras.metrics.Mean(name="mae")]

    def measure(self, y, outputs, weight, mask=None) -> list[tuple]:
        """Returns for each metric the arguments of its `update_state`; see `loss`."""
        return error_sums(y, self.decide(Forecast(*outputs)), weight)

    def decide(self, outputs, mask=None):
        """Returns one value for each step `(…, H, C)`, float32."""
        outputs = Forecast(*outputs)
        return outputs.from_scaled(outputs.parameters[..., 0])

    def get_config(self):
        return super().get_config() | {"steps": self.steps, "series": self.series}


@keras.saving.register_keras_serializable(package="seqzoo")
class Point(ForecastHead):
    """Predicts one value for each step of a horizon.

    Args:
        steps: See `ForecastHead`.
        series: See `ForecastHead`.
        error: What is minimised: the `"squared"` error, whose best answer is the mean, the
            `"absolute"` one, whose best answer is the median, or `"huber"`, squared up to an error
            of 1 and absolute beyond.

    Call arguments:
        hidden: Float tensor `(B, N, features)`.

    Returns:
        `Forecast` with parameters `(B, N, steps, series, 1)`.

    Raises:
        ValueError: for an unknown error, or when built, if an argument is out of its range.

    Example:
        >>> head = sz.heads.Point(steps=3, series=2, error="absolute")
        >>> tuple(head.decide(head(np.ones((5, 1, 4), "float32"))).shape)
        (5, 1, 3, 2)
    """

    def __init__(
        self,
        steps: int,
        series: int = 1,
        error: Literal["squared", "absolute", "huber"] = "squared",
        **kwargs,
    ):
        super().__init__(steps, series, **kwargs)
        check_known("error", error, ("squared", "absolute", "huber"))
        self.error = error

    def losses(self, y, outputs):
        error = ops.abs(y - self.decide(outputs))
        if self.error == "squared":
            return ops.square(error)
        if self.error == "absolute":
            return error
        return ops.where(error < 1, 0.5 * ops.square(error), error - 0.5)

    def quantile(self, outputs, level):
        raise ValueError(
            "A `Point` head predicts one value and no quantiles. Received: "
            f"level={level}. Take a head of `Quantiles`, `Gaussian` or `StudentT`."
        )

    def sample(self, outputs, uniforms):
        """Returns the one value that the head predicts; it has no spread."""
        return self.decide(outputs)

    def get_config(self):
        return super().get_config() | {"error": self.error}


@keras.saving.register_keras_serializable(package="seqzoo")
class Quantiles(ForecastHead):
    """Predicts quantiles of each step, which never cross.

    The median is a parameter, and each other level lies above or below its neighbour by a
    distance that is positive by construction. The loss of a value is the pinball loss, twice its
    mean over the levels, so that for the median alone it is the absolute error.

    Args:
        steps: See `ForecastHead`.
        series: See `ForecastHead`.
        levels: Ascending, above 0 and below 1, with 0.5 among them.

    Call arguments:
        hidden: Float tensor `(B, N, features)`.

    Returns:
        `Forecast` with parameters `(B, N, steps, series, levels)`, ascending.

    Raises:
        ValueError: for other levels, or when built, if an argument is out of its range.

    Reference: Wen et al., 2017, https://arxiv.org/abs/1711.11053; distances in place of free
    quantiles after Gasthaus et al., 2019.

    Example:
        >>> head = sz.heads.Quantiles(steps=3, levels=(0.1, 0.5, 0.9))
        >>> outputs = head(np.ones((2, 1, 4), "float32"))
        >>> bool((head.quantile(outputs, 0.1) < head.quantile(outputs, 0.9)).numpy().all())
        True
    """

    uniforms_per_value = 1

    def __init__(self, steps: int, series: int = 1, levels: Sequence[float] = DECILES, **kwargs):
        super().__init__(steps, series, **kwargs)
        self.levels = levels
        self._check_levels()
        self.parameter_count = len(levels)
        self.middle = list(levels).index(0.5)

    def _check_levels(self):
        levels = list(self.levels)
        inside = all(0 < level < 1 for level in levels)
        if not inside or levels != sorted(set(levels)) or 0.5 not in levels:
            raise ValueError(
                "`levels` must ascend between 0 and 1 and hold 0.5, the median. Received: "
                f"levels={levels}."
            )

    def call(self, hidden, mask=None, reads=None):
        raw = super().call(hidden).parameters
        m = self.middle
        distances = ops.softplus(raw)
        below = ops.flip(ops.cumsum(ops.flip(distances[..., :m], axis=-1), axis=-1), axis=-1)
        above = ops.cumsum(distances[..., m + 1 :], axis=-1)
        median = raw[..., m : m + 1]
        return Forecast(ops.concatenate([median - below, median, median + above], axis=-1))

    def losses(self, y, outputs):
        levels = ops.convert_to_tensor(list(self.levels), "float32")
        error = y[..., None] - self.quantiles(outputs)
        return 2 * ops.mean(ops.maximum(levels * error, (levels - 1) * error), axis=-1)

    def quantiles(self, outputs):
        """Returns the values at all `levels`, `(…, H, C, levels)`."""
        count = range(len(self.levels))
        values = [outputs.from_scaled(outputs.parameters[..., i]) for i in count]
        return ops.stack(values, axis=-1)

    def quantile(self, outputs, level):
        if level not in self.levels:
            raise ValueError(
                f"The head predicts the levels {list(self.levels)}. Received: level={level}. Ask "
                "for one of these, or train a head with it."
            )
        index = list(self.levels).index(level)
        return outputs.from_scaled(outputs.parameters[..., index])

    def sample(self, outputs, uniforms):
        """Returns values between the quantiles, and beyond the outer ones as far as beside them."""
        outputs, u, levels = Forecast(*outputs), uniforms[..., 0], list(self.levels)
        quantiles, last = outputs.parameters, len(levels) - 2
        value = quantiles[..., 0]
        for i, (low, high) in enumerate(itertools.pairwise(levels)):
            share = (u - low) / (high - low)
            share = share if i == 0 else ops.maximum(share, 0.0)
            share = share if i == last else ops.minimum(share, 1.0)
            value = value + share * (quantiles[..., i + 1] - quantiles[..., i])
        return outputs.from_scaled(value)

    def decide(self, outputs, mask=None):
        outputs = Forecast(*outputs)
        return outputs.from_scaled(outputs.parameters[..., self.middle])

    def get_config(self):
        return super().get_config() | {"levels": [float(level) for level in self.levels]}


def error_sums(y, forecast, weight) -> list[tuple]:
    """Returns squared and absolute errors of forecasts `(…, H, C)`, each with its weights."""
    weight = ops.cast(weight, "float32")
    error = ops.where(weight > 0, ops.cast(y, "float32") - forecast, 0.0)
    return [(ops.square(error), weight), (ops.abs(error), weight)]


def _is_left_out(part: Any) -> bool:
    return isinstance(part, tuple) and not part
