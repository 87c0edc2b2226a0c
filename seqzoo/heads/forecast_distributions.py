"""The heads that predict a distribution of each step of the future."""

from __future__ import annotations

import math

import keras
from keras import ops

from seqzoo.heads.forecast import Forecast, ForecastHead
from seqzoo.ops.quantile_functions import (
    log_gamma,
    normal_quantile,
    normal_variate,
    student_t_quantile,
    student_t_variate,
)

_LEAST_SCALE = 1e-3  # of a distribution, in scaled units
_LOG_2_PI = math.log(2 * math.pi)


@keras.saving.register_keras_serializable(package="seqzoo")
class Gaussian(ForecastHead):
    """Predicts a normal distribution of each step: its mean and its standard deviation.

    The loss of a value is its negative log-likelihood in nats.

    Args:
        steps: See `ForecastHead`.
        series: See `ForecastHead`.

    Call arguments:
        hidden: Float tensor `(B, N, features)`.

    Returns:
        `Forecast` with parameters `(B, N, steps, series, 2)`.

    Raises:
        ValueError: when built, if an argument is out of its range.

    Reference: Salinas et al., 2020, https://arxiv.org/abs/1704.04110

    Example:
        >>> head = sz.heads.Gaussian(steps=3)
        >>> outputs = head(np.ones((2, 1, 4), "float32"))
        >>> bool((head.quantile(outputs, 0.1) < head.quantile(outputs, 0.9)).numpy().all())
        True
    """

    parameter_count = 2
    uniforms_per_value = 1

    def call(self, hidden, mask=None, reads=None):
        raw = super().call(hidden).parameters
        width = ops.softplus(raw[..., 1:]) + _LEAST_SCALE
        return Forecast(ops.concatenate([raw[..., :1], width], axis=-1))

    def losses(self, y, outputs):
        width = outputs.width_from_scaled(outputs.parameters[..., 1])
        z = (y - self.decide(outputs)) / width
        return 0.5 * (ops.square(z) + _LOG_2_PI) + ops.log(width)

    def quantile(self, outputs, level):
        outputs = Forecast(*outputs)
        mean, width = outputs.parameters[..., 0], outputs.parameters[..., 1]
        return outputs.from_scaled(mean + width * normal_quantile(level))

    def sample(self, outputs, uniforms):
        outputs = Forecast(*outputs)
        mean, width = outputs.parameters[..., 0], outputs.parameters[..., 1]
        return outputs.from_scaled(mean + width * normal_variate(uniforms[..., 0]))


@keras.saving.register_keras_serializable(package="seqzoo")
class StudentT(ForecastHead):
    """Predicts Student's t distribution of each step, whose tails may be heavy.

    Its parameters are the median, a scale and the degrees of freedom, at least 2. The loss of a
    value is its negative log-likelihood in nats.

    Args:
        steps: See `ForecastHead`.
        series: See `ForecastHead`.

    Call arguments:
        hidden: Float tensor `(B, N, features)`.

    Returns:
        `Forecast` with parameters `(B, N, steps, series, 3)`.

    Raises:
        ValueError: when built, if an argument is out of its range.

    Example:
        >>> head = sz.heads.StudentT(steps=3)
        >>> outputs = head(np.ones((2, 1, 4), "float32"))
        >>> bool((head.quantile(outputs, 0.1) < head.quantile(outputs, 0.9)).numpy().all())
        True
    """

    parameter_count = 3
    uniforms_per_value = 2

    def call(self, hidden, mask=None, reads=None):
        raw = super().call(hidden).parameters
        width = ops.softplus(raw[..., 1:2]) + _LEAST_SCALE
        freedom = 2 + ops.softplus(raw[..., 2:])
        return Forecast(ops.concatenate([raw[..., :1], width, freedom], axis=-1))

    def losses(self, y, outputs):
        width = outputs.width_from_scaled(outputs.parameters[..., 1])
        n = outputs.parameters[..., 2]
        z = (y - self.decide(outputs)) / width
        log_norm = log_gamma((n + 1) / 2) - log_gamma(n / 2) - 0.5 * ops.log(n * math.pi)
        return (n + 1) / 2 * ops.log1p(ops.square(z) / n) + ops.log(width) - log_norm

    def quantile(self, outputs, level):
        outputs = Forecast(*outputs)
        middle, width, n = (outputs.parameters[..., i] for i in range(3))
        return outputs.from_scaled(middle + width * student_t_quantile(level, n))

    def sample(self, outputs, uniforms):
        outputs = Forecast(*outputs)
        middle, width, n = (outputs.parameters[..., i] for i in range(3))
        drawn = student_t_variate(uniforms[..., 0], uniforms[..., 1], n)
        return outputs.from_scaled(middle + width * drawn)
