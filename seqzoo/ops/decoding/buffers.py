"""Buffers that a loop fills one step at a time, and that are read after it.

On TensorFlow, scattering into a tensor that a loop carries copies all of it at every step, so
there a `TensorArray` is used: alignments of 100 steps on 50 source tokens, batch 64, beam 5, cost
less than 0.1 instead of 1.0 ms a step on 2 cores (benchmarks/search_overhead.py).
"""

from typing import Any

import keras
from keras import ops


def blank(length: int, like: Any) -> Any:
    """A buffer of zeros for `length` steps of values like this one."""
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow.buffers import blank_array

        return blank_array(length, like)
    return general_blank(length, like)


def general_blank(length: int, like: Any) -> Any:
    """`blank` on any backend: a plain tensor."""
    return ops.zeros((length, *ops.shape(like)), dtype=like.dtype)


def write(buffer: Any, step: Any, value: Any) -> Any:
    """The buffer with `value` at index `step`."""
    if hasattr(buffer, "write"):
        return buffer.write(step, value)
    return ops.scatter_update(buffer, ops.reshape(step, (1, 1)), ops.expand_dims(value, 0))


def stack(buffer: Any) -> Any:
    """All steps as one tensor `(length, …)`, 0 where nothing was written."""
    return buffer.stack() if hasattr(buffer, "stack") else buffer
