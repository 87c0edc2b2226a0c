"""A linear recurrence over whole sequences, without a loop over their steps."""

from typing import Any

from keras import ops

from seqzoo.layers.cells import Cell, LinearCell
from seqzoo.layers.recurrent.loop import Loop, LoopOptions
from seqzoo.ops.masks import hold_last_real
from seqzoo.ops.recurrence.linear import linear_recurrence
from seqzoo.ops.recurrence.scan import apply_projections, scan_is_hooked


def needs_no_loop(cell: Cell, options: LoopOptions) -> bool:
    """Whether `run_without_loop` does for this cell what a loop over time would do.

    Where someone looks at the loops, such as `explain.gradient_flow`, there must be one.
    """
    plain = not options.zoneout and options.gradient_steps is None
    return isinstance(cell, LinearCell) and plain and not scan_is_hooked()


def run_without_loop(loop: Loop, state: list, reverse: bool = False) -> tuple:
    """Does what `scan` does with a projected loop and the state before its first step.

    Returns:
        `(states, final)`: the states after each step, `(T, B, width)` each, and the last ones
        `(B, width)`.
    """
    cell, projected, real = loop.cell, loop.inputs["projected"], loop.inputs.get("real")
    decay, input_term = cell.coefficients(cell.widen(projected), loop.constants.weights)
    if real is not None:
        stay = (1.0, 0.0)  # a decay of 1 and a input_term of 0 leave a hidden state as it is
        decay = tuple(_on_real(real, x, value) for x, value in zip(decay, stay, strict=False))
        input_term = tuple(_on_real(real, x, 0.0) for x in input_term)
    if "starts" in loop.inputs:  # a decay of 0 forgets what was before
        goes_on = ops.logical_not(loop.inputs["starts"])
        decay = tuple(_on_real(goes_on, x, 0.0) for x in decay)
    first = tuple(cell.widen(x) for x in cell.hidden_of(state))
    hidden = linear_recurrence(decay, input_term, first, reverse)
    states = [
        cell.cast(x) for x in cell.states_of(hidden, projected, apply_projections(loop.projections))
    ]
    if real is not None and not cell.output_is_hidden:
        states[0] = hold_last_real(states[0], state[0], real, reverse)
    return states, [_last(x, before, reverse) for x, before in zip(states, state, strict=True)]


def _on_real(real: Any, x: Any, otherwise: float):
    return ops.where(real[..., None], x, ops.cast(otherwise, x.dtype))


def _last(states: Any, before: Any, reverse: bool):
    """Returns the state that was reached last, the one before the first step if there was none."""
    end = states[:1] if reverse else states[-1:]
    return ops.concatenate([before[None], end], axis=0)[-1]
