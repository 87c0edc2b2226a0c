"""Picking along the first axis."""

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
