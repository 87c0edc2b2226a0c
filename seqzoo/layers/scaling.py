"""Scaling of series by what was observed of them, inside the model."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import keras
from keras import ops

from seqzoo.ops.option_names import check_known

SCALINGS = ("none", "last", "standard", "mean")
_LEAST_SCALE = 1e-5
_LARGEST_SQUARED = 1e15
_LONGEST = 2**20  # steps, where their number is not known before


class Scaled(NamedTuple):
    """Series that are scaled, and what scales them back: `values * scale + location`.

    Attributes:
        values: `(B, L, C)`; a missing value has that of the step before it, and is 0 before the
            first one.
        location: `(B, 1, C)`, or `(B, L, C)` where every step is an origin.
        scale: As `location`.

    Example:
        >>> scaled = sz.layers.SeriesScaling("last")(np.array([[[1.0], [3.0]]], "float32"))
        >>> scaled.values[0, :, 0].numpy().tolist(), float(scaled.location[0, 0, 0])
        ([-2.0, 0.0], 3.0)
    """

    values: Any
    location: Any
    scale: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class SeriesScaling(keras.layers.Layer):
    """Scales each series by its own observed values, and keeps what scales forecasts back.

    It has no weights. Missing values count nothing, and a series without an observed value is not
    scaled.

    Args:
        method: `"last"` subtracts the last observed value; `"standard"` the mean, and divides by
            the standard deviation; `"mean"` divides by the mean of the absolute values; `"none"`
            changes nothing.
        causal: Whether each step is scaled by itself and those before it alone, so that every step
            may be the origin of a forecast. With `"last"`, a value is relative to the one before.

    Call arguments:
        values: Float tensor `(B, L, C)`; what stands where nothing was observed does not matter.
        observed: Boolean `(B, L, C)`; None is all.
        series: The number of each series, for scalings that know them; here it does not matter.

    Returns:
        `Scaled`.

    Raises:
        ValueError: for an unknown method.

    Reference: instance normalisation after Kim et al., 2022,
    https://openreview.net/forum?id=cGDAkQo1C0p, without its weights; the last value after Zeng et
    al., 2023, https://arxiv.org/abs/2205.13504

    Example:
        >>> scaled = sz.layers.SeriesScaling("standard")(np.array([[[1.0], [3.0]]], "float32"))
        >>> scaled.values[0, :, 0].numpy().round(3).tolist()
        [-1.0, 1.0]
    """

    def __init__(
        self,
        method: Literal["none", "last", "standard", "mean"] = "last",
        causal: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_known("method", method, SCALINGS)
        self.method = method
        self.causal = causal

    def call(self, values, observed=None, series=None):
        if observed is None:
            observed = ops.ones_like(values, dtype="bool")
        values = ops.cast(values, "float32")
        filled = fill_forward(values, observed)
        location, scale = self._constants(ops.where(observed, values, 0.0), filled, observed)
        if not self.causal:
            location, scale = location[:, -1:], scale[:, -1:]
        seen = ops.cumsum(ops.cast(observed, "int32"), axis=1) > 0
        if self.causal and self.method == "last":
            scaled = ops.where(seen, filled - ops.roll(filled, 1, axis=1), 0.0)
            is_first = ops.cumsum(ops.cast(seen, "int32"), axis=1) == 1
            scaled = ops.where(is_first, 0.0, scaled)
        else:
            scaled = ops.where(seen, (filled - location) / scale, 0.0)
        return Scaled(scaled, location, scale)

    def _constants(self, values, filled, observed):
        """Location and scale after each step, `(B, L, C)`; `values` are 0 where not observed."""
        zeros, ones = ops.zeros_like(values), ops.ones_like(values)
        if self.method == "none":
            return zeros, ones
        if self.method == "last":
            return filled, ones
        if not self.causal:  # two passes are exact where the mean is large beside the spread
            return self._constants_of_all(values, observed)
        count = ops.cumsum(ops.cast(observed, "float32"), axis=1)
        some = ops.maximum(count, 1.0)
        if self.method == "mean":
            mean = ops.cumsum(ops.abs(values), axis=1) / some
            return zeros, ops.where(mean > _LEAST_SCALE, mean, 1.0)
        first = first_observed(values, observed)  # keeps squares small
        shifted = ops.where(observed, values - first, 0.0)
        mean = ops.cumsum(shifted, axis=1) / some
        variance = ops.cumsum(ops.square(shifted), axis=1) / some - ops.square(mean)
        deviation = ops.sqrt(ops.maximum(variance, 0.0))
        return (
            ops.where(count > 0, mean + first, 0.0),
            ops.where(deviation > _LEAST_SCALE, deviation, 1.0),
        )

    def _constants_of_all(self, values, observed):
        weight = ops.cast(observed, "float32")
        some = ops.maximum(ops.sum(weight, axis=1, keepdims=True), 1.0)
        if self.method == "mean":
            mean = ops.sum(ops.abs(values), axis=1, keepdims=True) / some
            return ops.zeros_like(mean), ops.where(mean > _LEAST_SCALE, mean, 1.0)
        mean = ops.sum(values, axis=1, keepdims=True) / some
        gaps = (values - mean) * weight
        unit = square_unit(gaps)
        squares = ops.sum(ops.square(gaps / unit), axis=1, keepdims=True)
        deviation = unit * ops.sqrt(squares / some)
        return mean, ops.where(deviation > _LEAST_SCALE, deviation, 1.0)

    def compute_output_spec(self, values, observed=None, series=None):
        steps = values.shape[1] if self.causal else 1
        constants = keras.KerasTensor((values.shape[0], steps, values.shape[2]), "float32")
        return Scaled(keras.KerasTensor(values.shape, "float32"), constants, constants)

    def get_config(self):
        return super().get_config() | {"method": self.method, "causal": self.causal}


def fill_forward(values, observed):
    """Returns values `(B, L, C)` whose missing steps repeat the last observed one, or are 0.

    Args:
        values: Float tensor `(B, L, C)`.
        observed: Boolean `(B, L, C)`.
    """
    return ops.cond(ops.all(observed), lambda: values, lambda: _filled(values, observed))


def _filled(values, observed):
    steps = ops.reshape(ops.arange(1, ops.shape(values)[1] + 1, dtype="int32"), (1, -1, 1))
    last = ops.where(observed, steps, 0)  # the last observed step, counted from 1; 0: none so far
    longest = values.shape[1] or _LONGEST
    for doubling in range(longest.bit_length()):  # each looks twice as far back as all before it
        far = 2**doubling
        last = ops.maximum(last, ops.where(steps > far, ops.roll(last, far, axis=1), 0))
    filled = ops.take_along_axis(values, ops.maximum(last - 1, 0), axis=1)
    return ops.where(last > 0, filled, 0.0)


def square_unit(values):
    """Returns what values `(B, L, …)` are divided by so that squares do not overflow, `(B, 1, …)`.

    It is 1 of all but huge ones.
    """
    largest = ops.max(ops.abs(values), axis=1, keepdims=True)
    return ops.where(largest > _LARGEST_SQUARED, largest, 1.0)


def first_observed(values, observed):
    """Returns the first observed value of each series `(B, 1, C)`; 0 where there is none."""
    is_first = observed & (ops.cumsum(ops.cast(observed, "int32"), axis=1) == 1)
    return ops.sum(ops.where(is_first, values, 0.0), axis=1, keepdims=True)
