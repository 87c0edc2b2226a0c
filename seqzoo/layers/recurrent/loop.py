"""A cell made ready to run over a batch of sequences: masks, dropout, cut gradients."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.cells import Cell
from seqzoo.ops.masks import first_of_segments, where_real
from seqzoo.ops.recurrence.fused import fused
from seqzoo.ops.recurrence.scan import Constants, Project, Projections


class LoopOptions(NamedTuple):
    """What a recurrent layer adds to its cell.

    Attributes:
        dropout: Share of the inputs that are set to 0, the same for all steps of a row.
        recurrent_dropout: Likewise of what goes into the cell's products by recurrent weights.
        zoneout: Share of the values of the states that stay as they were at a step.
        weight_drop: Share of the recurrent weights that are set to 0, the same for all rows.
        gradient_steps: Most steps that a gradient goes back, or None for all.
        checkpoint_steps: Steps of a piece that is run again for its gradient, or None.
    """

    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    zoneout: float = 0.0
    weight_drop: float = 0.0
    gradient_steps: int | None = None
    checkpoint_steps: int | None = None

    def check(self, cell: keras.layers.Layer) -> None:
        """Raises ValueError for values out of range, or of no effect on this cell."""
        for name in ("dropout", "recurrent_dropout", "zoneout", "weight_drop"):
            rate = getattr(self, name)
            if not 0 <= rate < 1:
                raise ValueError(
                    f"`{name}` must be at least 0 and below 1. Received: {name}={rate}."
                )
        for name in ("gradient_steps", "checkpoint_steps"):
            steps = getattr(self, name)
            if steps is not None and steps < 1:
                raise ValueError(
                    f"`{name}` must be at least 1, or None for all steps. Received: {name}={steps}."
                )
        if not (self.recurrent_dropout or self.weight_drop):
            return
        if not (isinstance(cell, Cell) and cell.has_recurrent_projections):
            raise ValueError(
                "`recurrent_dropout` and `weight_drop` act on products by recurrent weights, and "
                f"a {type(cell).__name__} has none. Use `dropout` or `zoneout`."
            )


class Loop(NamedTuple):
    """The arguments of `ops.recurrence.scan.scan` for one cell and one batch, but the state.

    Attributes:
        cell: The cell.
        step: A step of the cell.
        inputs: What a step takes, tensors `(T, B, ...)`; `values` `(T, B, features)` are what the
            cell takes, of which the step takes `projected`.
        input_projection: `cell.input_projection()`.
        projections: Those of the step.
        constants: Those of the step.
    """

    cell: Cell
    step: Any
    inputs: dict[str, Any]
    input_projection: tuple
    projections: Projections
    constants: Constants

    def projected(self) -> "Loop":
        """Returns the loop with the share of its values in the gates, as the step takes it."""
        return self._replace(inputs=self.project_inputs(self.inputs, self.input_projection))

    def project_inputs(self, inputs: dict[str, Any], input_projection: tuple) -> dict[str, Any]:
        """Returns what the step takes of such inputs and such an input map."""
        others = {name: leaf for name, leaf in inputs.items() if name != "values"}
        return others | {"projected": self.cell.project_inputs(inputs["values"], input_projection)}


def make_loop(
    cell: Cell,
    inputs: Any,
    mask: Any,
    options: LoopOptions,
    training: bool,
    seed: keras.random.SeedGenerator,
    reverse: bool = False,
    segment_ids: Any = None,
) -> Loop:
    """Prepares a cell for inputs `(B, T, features)` under a mask `(B, T)` or None.

    With `reverse` the loop is to run from the last step. With `segment_ids` `(B, T)` the states
    are zeros before the first step of every sequence in a row but the one that comes first.

    What is random is drawn here, outside of the loop. The dropped weights and the masks are the
    same at every step, as Gal and Ghahramani, 2016 (https://arxiv.org/abs/1512.05287) and Merity
    et al., 2018 (https://arxiv.org/abs/1708.02182) have them; zoneout is that of Krueger et al.,
    2017 (https://arxiv.org/abs/1606.01305).
    """
    inputs = ops.transpose(cell.cast(inputs), (1, 0, 2))  # (B, T, F) -> (T, B, F)
    time, batch, features = ops.shape(inputs)
    projections, kept = cell.projections(), {}
    noise = options if training else LoopOptions()
    if noise.dropout:
        inputs = _drop(inputs, _kept((1, batch, features), noise.dropout, seed), noise.dropout)
    if noise.weight_drop:
        projections = {
            name: (_drop_weights(parts[0], noise.weight_drop, seed), *parts[1:])
            for name, parts in projections.items()
        }
    if noise.recurrent_dropout:
        kept = {
            name: _kept((batch, parts[0].shape[0]), noise.recurrent_dropout, seed)
            for name, parts in projections.items()
        }
    steps = {"values": inputs}
    if mask is not None:
        steps["real"] = ops.transpose(ops.cast(mask, "bool"))
    if segment_ids is not None:
        steps["starts"] = ops.transpose(first_of_segments(segment_ids, reverse))
    if noise.zoneout:
        steps["moves"] = [
            _kept((time, batch, size), noise.zoneout, seed) for size in cell.state_size
        ]
    if options.gradient_steps is not None:
        ran = ops.arange(time)
        ran = time - 1 - ran if reverse else ran
        # Not before the first step: the state that the layer is given is within reach of it.
        steps["cut"] = ops.logical_and(ran % options.gradient_steps == 0, ran > 0)
    step, constants = _make_step(cell, options, training), Constants(kept, cell.extra_weights())
    step = fused(step) if training and cell.is_elementwise else step
    return Loop(cell, step, steps, cell.input_projection(), projections, constants)


def options_of(layer: keras.layers.Layer) -> LoopOptions:
    """Returns the options that a layer holds as attributes."""
    return LoopOptions(*(getattr(layer, name) for name in LoopOptions._fields))


def build_cell(cell: Cell, input_shape) -> None:
    """Builds a cell for inputs `(B, T, features)`, unless it is."""
    if not cell.built:  # a cell that comes from a file may be
        cell.build(tuple(input_shape))


def first_state(cell: Cell, inputs, initial_state) -> list:
    """Returns `initial_state` in the compute dtype, or zeros for as many rows as `inputs` has.

    Raises:
        ValueError: if it holds another number of tensors than the cell has states.
    """
    if initial_state is None:
        return cell.get_initial_state(batch_size=ops.shape(inputs)[0])
    states = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
    if len(states) != len(cell.state_size):
        raise ValueError(
            f"`initial_state` must hold {len(cell.state_size)} tensors for a "
            f"{type(cell).__name__}. Received: {len(states)}."
        )
    return [cell.cast(state) for state in states]


def first_only(state: list) -> list[bool]:
    """Says of states that the first one, the output of the cell, is wanted after each step."""
    return [place == 0 for place in range(len(state))]


def _make_step(cell: Cell, options: LoopOptions, training: bool):
    def step(inputs_t: dict, state: list, constants: Constants, project: Project) -> list:
        def dropping(name, u):
            if constants.rows:
                u = _drop(u, constants.rows[name], options.recurrent_dropout)
            return project(name, u)

        if "cut" in inputs_t:
            state = [ops.where(inputs_t["cut"], ops.stop_gradient(old), old) for old in state]
        if "starts" in inputs_t:
            zeros = [ops.zeros_like(old) for old in state]
            state = where_real(inputs_t["starts"], zeros, state)
        new = cell.advance(inputs_t["projected"], state, dropping, constants.weights)
        if "moves" in inputs_t:
            new = [
                ops.where(moves, a, b)
                for moves, a, b in zip(inputs_t["moves"], new, state, strict=True)
            ]
        elif options.zoneout and not training:  # what is expected of a step in training
            new = [a + options.zoneout * (b - a) for a, b in zip(new, state, strict=True)]
        return where_real(inputs_t["real"], new, state) if "real" in inputs_t else new

    return step


def _kept(shape, rate: float, seed):
    """Returns booleans of which a share of `rate` is False."""
    return keras.random.uniform(shape, dtype="float32", seed=seed) >= rate


def _drop(values, kept, rate: float):
    """Returns 0 where the values are not kept, and scales the others so that the mean stays."""
    return ops.where(kept, values / (1 - rate), ops.zeros_like(values))


def _drop_weights(kernel, rate: float, seed):
    return _drop(kernel, _kept(ops.shape(kernel), rate, seed), rate)
