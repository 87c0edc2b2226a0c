"""What mixers with a matrix for each head as their state share."""

import math
from typing import Any

import keras
from keras import ops


def split_widths(x: Any, *widths: int) -> list:
    """Cuts `(..., sum(widths))` into parts of these widths."""
    ends = [sum(widths[: i + 1]) for i in range(len(widths))]
    return [x[..., end - width : end] for width, end in zip(widths, ends, strict=True)]


def split_heads(x: Any, heads: int) -> Any:
    """Makes `(..., heads * D)` `(..., heads, D)`."""
    *leading, width = ops.shape(x)
    return ops.reshape(x, (*leading, heads, width // heads))


def merge_heads(x: Any) -> Any:
    """Makes `(..., heads, D)` `(..., heads * D)`."""
    *leading, heads, width = ops.shape(x)
    return ops.reshape(x, (*leading, heads * width))


def unit_vectors(x: Any) -> Any:
    """Returns vectors `(..., D)` divided by their length, 0 where that is 0."""
    return x * ops.rsqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + 1e-6)


class TimeStepBias(keras.initializers.Initializer):
    """Values whose softplus is spread evenly by its logarithm from 0.001 to 0.1.

    Reference: Gu and Dao, 2023, section 3.6, https://arxiv.org/abs/2312.00752
    """

    def __call__(self, shape, dtype=None):
        logs = keras.random.uniform(shape, math.log(1e-3), math.log(1e-1), dtype=dtype)
        return ops.log(ops.expm1(ops.exp(logs)))  # the inverse of softplus


class LogRate(keras.initializers.Initializer):
    """Logarithms of rates of decay that are spread evenly from 1 to 16.

    Reference: Dao and Gu, 2024, https://arxiv.org/abs/2405.21060
    """

    def __call__(self, shape, dtype=None):
        return ops.log(keras.random.uniform(shape, 1.0, 16.0, dtype=dtype))
