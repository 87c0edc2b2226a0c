"""Noise that depends on its arguments alone: the same in every batch and on every backend."""

from typing import Any

import numpy as np
from keras import ops

_GOLDEN = np.uint32(0x9E3779B9)


def gumbel(seeds: Any, sample: Any, step: Any, token_ids: Any) -> Any:
    """Gumbel noise `(N, J)`; for the arguments see `uniform`."""
    return -ops.log(-ops.log(uniform(seeds, sample, step, token_ids)))


def uniform(seeds: Any, sample: Any, step: Any, token_ids: Any) -> Any:
    """Numbers between 0 and 1, a hash of the arguments.

    Args:
        seeds: Int32 `(N,)`.
        sample: Int32 `(N,)` or scalar, tells the samples of one seed apart.
        step: Int32 `(N,)` or scalar.
        token_ids: Int32 `(N, J)`, or what else a number is drawn for.

    Returns:
        Float32 `(N, J)`.
    """
    # Beginning with 0, 0 would be mixed to 0 again, and the first number be the smallest there is.
    key = _mix(_unsigned(seeds) + ops.convert_to_tensor(_GOLDEN))
    key = _mix(_mix(key + _unsigned(sample)) + _unsigned(step))
    numbers = _mix(ops.expand_dims(key, 1) + _unsigned(token_ids) * ops.convert_to_tensor(_GOLDEN))
    # 23 bits, so that float32 holds the middles of their intervals, neither 0 nor 1.
    numbers = ops.cast(ops.cast(_shifted(numbers, 9), "int32"), "float32")
    return (numbers + 0.5) * 2.0**-23


def mixed_seeds(seeds: Any, numbers: Any) -> Any:
    """Seeds of their own for what has numbers `(N,)` under seeds `(N,)` or one, int32 `(N,)`."""
    return ops.cast(_mix(_mix(_unsigned(seeds)) + _unsigned(numbers)), "int32")


def _unsigned(values: Any) -> Any:
    return ops.cast(ops.cast(values, "int32"), "uint32")


def _mix(values: Any) -> Any:
    """Chris Wellons's `lowbias32`, https://nullprogram.com/blog/2018/07/31/."""
    values = ops.bitwise_xor(values, _shifted(values, 16))
    values = values * ops.convert_to_tensor(np.uint32(0x7FEB352D))
    values = ops.bitwise_xor(values, _shifted(values, 15))
    values = values * ops.convert_to_tensor(np.uint32(0x846CA68B))
    return ops.bitwise_xor(values, _shifted(values, 16))


def _shifted(values: Any, bits: int) -> Any:
    return ops.bitwise_right_shift(values, ops.convert_to_tensor(np.uint32(bits)))
