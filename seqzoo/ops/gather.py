"""Values at indices: along the first axis, or in the rows of a matrix."""

from typing import Any

import keras
from keras import ops


def gather(values: Any, indices: Any) -> Any:
    """Returns the values `(N, …)` at indices, an int tensor of any shape: `(*indices, …)`.

    `ops.take` does that too, but on TensorFlow with six operations, as it counts negative indices
    from the end, and on JAX it loses the shape of the indices where N is 0.

    Args:
        values: Tensor `(N, …)`.
        indices: From 0 to N - 1.
    """
    if keras.backend.backend() == "tensorflow":
        from seqzoo.ops.tensorflow.gather import tensorflow_gather

        return tensorflow_gather(values, indices)
    taken = ops.take(values, indices, axis=0)
    if values.shape[0] != 0:
        return taken
    return ops.reshape(taken, (*ops.shape(indices), *ops.shape(values)[1:]))


def pick_in_rows(values: Any, indices: Any) -> Any:
    """Returns the values `(N, T)` at indices `(N, J)` in each row: `(N, J)`.

    `ops.take_along_axis` does that too, but it loses J where sizes are unknown while tracing.
    """
    rows, columns = ops.shape(values)
    starts = ops.expand_dims(ops.arange(rows, dtype="int32") * columns, 1)
    return gather(ops.reshape(values, (rows * columns,)), starts + indices)
