"""Steps of sequences laid out in mini-batches, whatever padding stands between them."""

from typing import Any, NamedTuple

from keras import ops

from seqzoo.ops.compiling import compiled_by_xla
from seqzoo.ops.gather import gather
from seqzoo.ops.positions import runs_of_real_steps, step_positions


class MiniBatches(NamedTuple):
    """Where the steps of a batch of rows stand in M mini-batches of L slots.

    A mini-batch holds steps of one sequence, in their order. It has a slot for each step, those of
    steps that were read before too; slots after the last step of a sequence stay empty.

    Attributes:
        count: M.
        length: L.
        slots: Int `(B, T)`, the slot of each step, 0 for those that are not real; None where step
            t has slot t.
        sources: Int `(B, M * L)`, the step of each slot, T where it is empty; None likewise.
        taken: Boolean, broadcastable to `(M, B, L)`: which slots hold a step.
        begins: Boolean `(M, B)`: whether a sequence begins that is not the first of a row; None
            where none does.
        position: Int `(B,)`, slots of the last mini-batch that are taken, 0 where all are.
    """

    count: Any
    length: int
    slots: Any
    sources: Any
    taken: Any
    begins: Any
    position: Any

    def split(self, x) -> Any:
        """Makes `(B, T, H, D)` `(M, B, H, L, D)`, zeros in empty slots."""
        batch, steps, heads, width = ops.shape(x)
        missing = 1 if self.slots is not None else self.count * self.length - steps
        if not (isinstance(missing, int) and missing == 0):
            x = ops.pad(x, [[0, 0], [0, missing], [0, 0], [0, 0]])
        if self.slots is not None:
            x = _in_rows(x, self.sources)
        x = ops.reshape(x, (batch, self.count, self.length, heads, width))
        return ops.transpose(x, (1, 0, 3, 2, 4))

    def join(self, x, steps: Any) -> Any:
        """Makes `(M, B, H, L, D)` `(B, T, H, D)`, of no meaning at steps that are not real."""
        x = ops.transpose(x, (1, 0, 3, 2, 4))
        batch, _, _, heads, width = ops.shape(x)
        x = ops.reshape(x, (batch, self.count * self.length, heads, width))
        return x[:, :steps] if self.slots is None else _in_rows(x, self.slots)


def lay_out_mini_batches(
    batch: Any, steps: Any, length: int, first: Any = None, mask=None, segment_ids=None
) -> MiniBatches:
    """Lays out T steps of B rows.

    Args:
        batch: B.
        steps: T.
        length: L, positive int.
        first: Int `(B,)`, the slot of the first step of each row; None is 0.
        mask: Boolean `(B, T)`, True on real steps; None where all are.
        segment_ids: Int `(B, T)` where a row holds several sequences, or None.

    M is as small as is sure to do. With segments that depends on where they begin: where the
    number must be known ahead, as XLA asks, it is T.
    """
    if first is None and mask is None and segment_ids is None:
        count = (steps + length - 1) // length
        slots = ops.reshape(ops.arange(count * length, dtype="int32"), (count, 1, length))
        last = ops.zeros((batch,), "int32") + steps % length
        return MiniBatches(count, length, None, None, slots < steps, None, last)
    first = ops.zeros((batch,), "int32") if first is None else first
    real = ops.ones((batch, steps), "bool") if mask is None else ops.cast(mask, "bool")
    ranks = step_positions(steps, mask, segment_ids) + ops.zeros((batch, 1), "int32")
    number = ranks + first[:, None]  # of a step in its sequence, from 0 on
    starts_sequence = None
    if segment_ids is not None:
        later = runs_of_real_steps(segment_ids, mask) > 0
        number = ops.where(later, ranks, number)
        starts_sequence = ops.logical_and(ops.logical_and(later, real), ranks == 0)
    order = ops.cumsum(ops.cast(real, "int32"), axis=1)
    starts = ops.logical_and(real, ops.logical_or(number % length == 0, order == 1))
    mini_batch = ops.cumsum(ops.cast(starts, "int32"), axis=1) - 1
    count = (steps + length - 2) // length + 1
    if segment_ids is not None:
        count = steps if compiled_by_xla() else ops.max(mini_batch, initial=0) + 1
    slots = ops.where(real, mini_batch * length + number % length, count * length)
    sources = _inverse(slots, count * length)
    begins = None
    if starts_sequence is not None:
        starts_sequence = ops.pad(starts_sequence, [[0, 0], [0, 1]])
        begins = ops.transpose(_in_rows(starts_sequence, sources[:, ::length]))
    taken = ops.reshape(sources < steps, (batch, count, length))
    total = order[:, -1:]
    last = ops.where(ops.logical_and(real, order == total), number + 1, 0)
    last = ops.cast(ops.sum(last, axis=1), "int32")  # a sum on JAX may be of 64 bits
    return MiniBatches(
        count,
        length,
        ops.where(real, slots, 0),
        sources,
        ops.transpose(taken, (1, 0, 2)),
        begins,
        ops.where(total[:, 0] > 0, last % length, first),
    )


def _inverse(slots, size):
    """Returns the column of each number in rows `(B, T)`, T for those from 0 to `size` missing."""
    batch, steps = ops.shape(slots)
    starts = (size + 1) * ops.arange(batch, dtype="int32")[:, None]
    places = ops.reshape(slots + starts, (-1, 1))
    columns = ops.broadcast_to(ops.arange(steps, dtype="int32"), (batch, steps))
    empty = ops.zeros((batch * (size + 1),), "int32") + steps
    found = ops.scatter_update(empty, places, ops.reshape(columns, (-1,)))
    return ops.reshape(found, (batch, size + 1))[:, :size]


def _in_rows(values, indices):
    """Returns values `(B, S, …)` at indices `(B, J)` of their row: `(B, J, …)`."""
    batch, size, *rest = ops.shape(values)
    starts = size * ops.arange(batch, dtype="int32")[:, None]
    return gather(ops.reshape(values, (batch * size, *rest)), starts + indices)
