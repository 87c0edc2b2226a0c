"""A step of cells that stand one above the other in a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqzoo.layers.cells import Cell
from seqzoo.ops.fused import fused
from seqzoo.ops.scans import Linear, within


def advance_stack(
    cells: Sequence[Cell],
    projected: Any,
    masks: Sequence[Any],
    states: Sequence[list],
    linear: Linear,
    weights: Sequence[dict],
    training: bool = False,
) -> list[list]:
    """Returns the states of all cells after a step.

    Args:
        cells: From the bottom up.
        projected: The share of the inputs in the gates of the first cell `(N, gates * units)`.
        masks: What the output of each cell but the top is multiplied by.
        states: Those of each cell.
        linear: Applies the maps `cell_<i>/<name>` of the cells, and `input_<i>` from the output of
            a cell to the gates of the one above.
        weights: `extra_weights` of each cell.
        training: Whether a gradient is sure to be asked for; see `ops.fused`.
    """
    advanced: list[list] = []
    for i, (cell, state) in enumerate(zip(cells, states, strict=True)):
        if i > 0:
            projected = linear(f"input_{i}", advanced[-1][0] * masks[i - 1])
        step = _step_of(cell)
        step = fused(step) if training and cell.is_elementwise else step
        advanced.append(step(projected, state, weights[i], within(linear, f"cell_{i}")))
    return advanced


def _step_of(cell: Cell):
    def step(projected, state, weights, linear):
        return cell.advance(projected, state, linear, weights)

    return step
