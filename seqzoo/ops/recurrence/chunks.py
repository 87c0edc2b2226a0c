"""Time cut into chunks."""

from typing import Any, NamedTuple

import keras
from keras import ops


class Chunking(NamedTuple):
    """How a time is cut: into `count` whole chunks, and a last one of at least a step, if any.

    Attributes:
        count: Number of whole chunks but the last chunk.
        length: Steps of a whole chunk.
        reverse: Whether time runs from the last step to the first, so that the last chunk to run
            holds the first steps.
    """

    count: Any
    length: int
    reverse: bool

    def split(self, nest):
        """Returns tensors `(T, ...)` as whole chunks `(count, length, ...)`, in order of time."""
        steps = self.count * self.length

        def split(x):
            x = x[ops.shape(x)[0] - steps :] if self.reverse else x[:steps]
            return ops.reshape(x, (self.count, self.length, *ops.shape(x)[1:]))

        return keras.tree.map_structure(split, nest)

    def last(self, nest):
        """Returns what is in the chunk that runs last, 1 to `length` steps."""
        steps = self.count * self.length
        return keras.tree.map_structure(
            lambda x: x[: ops.shape(x)[0] - steps] if self.reverse else x[steps:], nest
        )

    def joined(self, chunks, last):
        """Returns tensors `(T, ...)`, the inverse of `split` and `last`."""

        def join(whole, rest):
            whole = ops.reshape(whole, (self.count * self.length, *ops.shape(rest)[1:]))
            return ops.concatenate([rest, whole] if self.reverse else [whole, rest], axis=0)

        return keras.tree.map_structure(join, chunks, last)
