"""One step of a recurrent decoder: its cells, and what it reads of the source."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from seqzoo.layers.attention.attention import Attention, Memory
from seqzoo.layers.cells import Cell
from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.recurrence.plan import fused, fusing_pays
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
    """Returns the states of all cells after one step.

    Args:
        cells: From the bottom up.
        projected: The input term of the gates of the first cell `(N, gates * units)`.
        masks: What the output of each cell but the top is multiplied by.
        states: Those of each cell.
        project: Applies the projections `cell_<i>/<name>` of the cells, and `input_<i>` from the
            output of a cell to the gates of the one above.
        weights: `extra_weights` of each cell.
        training: Whether a gradient will be needed; see `ops.recurrence.plan.fused`.
    """
    advanced: list[list] = []
    for i, (cell, state) in enumerate(zip(cells, states, strict=True)):
        if i > 0:
            projected = project(f"input_{i}", advanced[-1][0] * masks[i - 1])
        step = _step_of(cell)
        step = fused(step) if training and cell.is_elementwise and fusing_pays(state) else step
        advanced.append(step(projected, state, weights[i], within(project, f"cell_{i}")))
    return advanced


def _step_of(cell: Cell):
    def step(projected, state, weights, project):
        return cell.advance(projected, state, project, weights)

    return step


def initial_read(attention: Attention, memory: Memory) -> dict[str, Any]:
    """Returns the part of a decoder's initial state that is about reading, B rows."""
    state = attention.initial_state(memory)
    return {
        "context": ops.zeros_like(ops.sum(memory.values, axis=1)),
        "alignment": ops.zeros_like(memory.values[:, :, 0]),
        "attention": keras.tree.map_structure(lambda leaf: leaf[:, 0], state),
    }


def training_inputs(attention: Attention | None, token_ids, memory) -> dict[str, Any]:
    """Returns what the steps of tokens `(N, T)` take for reading in training, `(T, N, S)`."""
    if attention is None:
        return {}
    rows, steps = ops.shape(token_ids)[:2]
    noise = attention.training_noise(steps, rows, Memory(*memory))
    return {} if noise is None else {"noise": noise}


def read(
    attention: Attention,
    query,
    memory,
    state,
    project: Project,
    extra_weights: tuple,
    inputs_t: dict[str, Any],
) -> dict[str, Any]:
    """Reads from the source for N = B * K queries.

    Args:
        attention: The attention.
        query: `(N, features)`.
        memory: `Memory`, B rows.
        state: The attention's own, leaves `(N, ...)`.
        project: Applies the projections of the attention.
        extra_weights: Those of the attention.
        inputs_t: The inputs of the step, of which it reads `joined`, boolean `(N, S)`, True where
            a query may read, and `noise` `(N, S)`, see `training_noise`; either may be missing.

    Returns:
        `context` `(N, value_features)`, `alignment` `(N, S)` and the next state as `attention`.
    """
    memory = Memory(*memory)
    rows, examples = ops.shape(query)[0], ops.shape(memory.mask)[0]
    # JAX infers no size where another one is 0, but there all sizes are known.
    unknown = ops.is_tensor(rows) or ops.is_tensor(examples)
    beams, rows = (-1, -1) if unknown else (rows_per_example(rows, examples), rows)

    def by_example(leaf):  # (N, ...) -> (B, K, ...)
        return ops.reshape(leaf, (examples, beams, *ops.shape(leaf)[1:]))

    def by_beam(leaf):  # (B, K, ...) -> (N, ...)
        return ops.reshape(leaf, (rows, *ops.shape(leaf)[2:]))

    state = keras.tree.map_structure(by_example, state)
    options = {"mask": inputs_t.get("joined"), "noise": inputs_t.get("noise")}
    options = {name: by_example(leaf) for name, leaf in options.items() if leaf is not None}
    context, alignment, state = attention.attend(
        by_example(query), memory, state, project, extra_weights, **options
    )
    return {
        "context": by_beam(context),
        "alignment": by_beam(alignment),
        "attention": keras.tree.map_structure(by_beam, state),
    }
