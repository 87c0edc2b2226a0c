"""A step of cells that stand one above the other in a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqzoo.layers.cells import Cell
from seqzoo.ops.recurrence.fused import fused
from seqzoo.ops.recurrence.scan import Project, within


def advance_stack(
    cells: Sequence[Cell],
    projected: Any,
    masks: Sequence[Any],
    states: Sequence[list],
    project: Project,
    weights: Sequence[dict],
    training: bool = False,
) -> list[list]:
    """Returns the states of all cells after a step.

    Args:
        cells: From the bottom up.
        projected: The share of the inputs in the gates of the first cell `(N, gates * units)`.
        masks: What the output of each cell but the top is multiplied by.
        states: Those of each cell.
        project: Applies the projections `cell_<i>/<name>` of the cells, and `input_<i>` from the
            output of a cell to the gates of the one above.
        weights: `extra_weights` of each cell.
        training: Whether a gradient is sure to be asked for; see `ops.recurrence.fused`.
    """
    advanced: list[list] = []
    for i, (cell, state) in enumerate(zip(cells, states, strict=True)):
        if i > 0:
            projected = project(f"input_{i}", advanced[-1][0] * masks[i - 1])
        step = _step_of(cell)
        step = fused(step) if training and cell.is_elementwise else step
        advanced.append(step(projected, state, weights[i], within(project, f"cell_{i}")))
    return advanced


def _step_of(cell: Cell):
    def step(projected, state, weights, project):
        return cell.advance(projected, state, project, weights)

    return step
