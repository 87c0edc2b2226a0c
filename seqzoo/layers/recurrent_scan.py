"""A linear recurrence over whole sequences, without a loop over their steps."""

from typing import Any

from keras import ops

from seqzoo.layers.cells import Cell, LinearCell
from seqzoo.layers.recurrent_loop import Loop, LoopOptions
from seqzoo.ops.linear_recurrence import linear_recurrence
from seqzoo.ops.masks import hold_last_real
from seqzoo.ops.scans import apply_maps, scans_are_surrounded


def needs_no_loop(cell: Cell, options: LoopOptions) -> bool:
    """Whether `run_without_loop` does for this cell what a loop over time would do.

    Where someone looks at the loops, such as `explain.gradient_flow`, there must be one.
    """
    plain = not options.zoneout and options.gradient_steps is None
    return isinstance(cell, LinearCell) and plain and not scans_are_surrounded()


def run_without_loop(loop: Loop, state: list, reverse: bool = False) -> tuple:
    """Does what `ops.scans.scan` does with a projected loop and the state before its first step.

    Returns:
        `(states, final)`: the states after each step, `(T, B, width)` each, and the last ones
        `(B, width)`.
    """
    cell, projected, real = loop.cell, loop.inputs["projected"], loop.inputs.get("real")
    decay, drive = cell.coefficients(cell.widen(projected), loop.constants.weights)
    if real is not None:
        stay = (1.0, 0.0)  # a decay of 1 and a drive of 0 leave a hidden state as it is
        decay = tuple(_on_real(real, x, value) for x, value in zip(decay, stay, strict=False))
        drive = tuple(_on_real(real, x, 0.0) for x in drive)
    if "starts" in loop.inputs:  # a decay of 0 forgets what was before
        goes_on = ops.logical_not(loop.inputs["starts"])
        decay = tuple(_on_real(goes_on, x, 0.0) for x in decay)
    first = tuple(cell.widen(x) for x in cell.hidden_of(state))
    hidden = linear_recurrence(decay, drive, first, reverse)
    states = [cell.cast(x) for x in cell.states_of(hidden, projected, apply_maps(loop.maps))]
    if real is not None and not cell.output_is_hidden:
        states[0] = hold_last_real(states[0], state[0], real, reverse)
    return states, [_last(x, before, reverse) for x, before in zip(states, state, strict=True)]


def _on_real(real: Any, x: Any, otherwise: float):
    return ops.where(real[..., None], x, ops.cast(otherwise, x.dtype))


def _last(states: Any, before: Any, reverse: bool):
    """Returns the state that was reached last, the one before the first step if there was none."""
    end = states[:1] if reverse else states[-1:]
    return ops.concatenate([before[None], end], axis=0)[-1]
