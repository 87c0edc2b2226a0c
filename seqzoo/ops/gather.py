"""Picking along the first axis, or along the rows of a matrix."""

from typing import Any

from keras import ops


def gather(values: Any, places: Any) -> Any:
    """Picks from values `(N, …)` at places, an int tensor of any shape: `(*places, …)`.

    `ops.take` gives that too, but for JAX, which leaves the shape of `places` out where N is 0.
    """
    taken = ops.take(values, places, axis=0)
    if values.shape[0] != 0:
        return taken
    return ops.reshape(taken, (*ops.shape(places), *ops.shape(values)[1:]))


def pick_in_rows(values: Any, places: Any) -> Any:
    """Picks from each row of values `(N, T)` at places `(N, J)`: `(N, J)`.

    `ops.take_along_axis` gives that too, but of sizes that are unknown while tracing it forgets
    how many there are.
    """
    rows, columns = ops.shape(values)
    starts = ops.expand_dims(ops.arange(rows, dtype="int32") * columns, 1)
    return gather(ops.reshape(values, (rows * columns,)), starts + places)
