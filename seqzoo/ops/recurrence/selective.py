"""The selective scan: a diagonal recurrence of several states a channel."""

from typing import Any, NamedTuple

from keras import ops

from seqzoo.ops.masks import first_of_segments
from seqzoo.ops.recurrence import plan
from seqzoo.ops.recurrence.scan import Constants


class SelectiveInputs(NamedTuple):
    """What the recurrence is made of at each step; `(B, T, …)`, or `(B, …)` for one step.

    Attributes:
        values: x, `(…, C)`, one for each channel.
        step_size: Delta, `(…, C)`, positive: how far the states of a channel move.
        writes: B, `(…, N)`: how much of the value goes into each of the N states of a channel.
        reads: C, `(…, N)`: how much of each state the output holds.
    """

    values: Any
    step_size: Any
    writes: Any
    reads: Any


def selective_scan(
    inputs: SelectiveInputs,
    rates: Any,
    initial: Any,
    mask: Any = None,
    segment_ids: Any = None,
    training: bool = False,
) -> tuple[Any, Any]:
    """Reads a sequence into N states a channel, h `(N, C)`, and reads outputs y `(C,)` from them.

        h = exp(step_size * rates) * h + writes * (step_size * values)
        y = sum over N of reads * h

    It is a loop over time whose step is one kernel: the states stay in the cache of the processor.
    An associative scan over N * C channels moves them all through memory several times, and takes
    2 to 4 times as long on a CPU.

    Args:
        inputs: `SelectiveInputs`, `(B, T, …)`, of one float dtype.
        rates: Float tensor `(N, C)`, negative.
        initial: Float tensor `(B, N, C)`: h before the first step.
        mask: Boolean `(B, T)`, True on real steps, or None: the others leave h as it is.
        segment_ids: Int `(B, T)` or None: h is 0 before the first step of every sequence in a row
            but the one that comes first. Neighbouring steps of one id are one sequence.
        training: Whether a gradient is sure to be asked for.

    Returns:
        y `(B, T, C)`, of no meaning at steps that are not real, and the last h `(B, N, C)`.

    Reference: Gu and Dao, 2023, algorithm 2, https://arxiv.org/abs/2312.00752
    """
    step_size = inputs.step_size
    if mask is not None:  # a step of no size leaves h as it is
        real = ops.cast(mask, "bool")[..., None]
        step_size = ops.where(real, step_size, ops.zeros_like(step_size))
    inputs = inputs._replace(step_size=step_size)
    steps = {"inputs": tuple(ops.transpose(x, (1, 0, 2)) for x in inputs)}
    if segment_ids is not None:
        steps["starts"] = ops.transpose(first_of_segments(segment_ids))
    outputs, last = plan.scan(
        _step,
        (initial, ops.zeros_like(inputs.values[:, 0])),
        steps,
        {},
        Constants((), rates),
        requested=(False, True),
        training=training,
        independent_rows=True,
        elementwise=True,
    )
    return ops.transpose(outputs[1], (1, 0, 2)), last[0]


def selective_step(inputs: SelectiveInputs, rates: Any, hidden: Any) -> tuple[Any, Any]:
    """Does one step of `selective_scan`: returns y `(B, C)` and the next h `(B, N, C)`."""
    values, step_size, writes, reads = inputs
    decay = ops.exp(step_size[:, None] * rates)
    hidden = decay * hidden + writes[:, :, None] * (step_size * values)[:, None]
    return ops.sum(reads[:, :, None] * hidden, axis=1), hidden


def _step(inputs_t, state, constants, project):
    hidden, _ = state
    if "starts" in inputs_t:
        starts = inputs_t["starts"][:, None, None]
        hidden = ops.where(starts, ops.zeros_like(hidden), hidden)
    y, hidden = selective_step(SelectiveInputs(*inputs_t["inputs"]), constants.weights, hidden)
    return hidden, y
