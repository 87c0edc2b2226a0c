"""A cell made ready to run over a batch of sequences: masks, dropout, cut gradients."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.cells import Cell
from seqzoo.ops.gather import gather
from seqzoo.ops.masks import first_of_segments, hold_last_real, where_real
from seqzoo.ops.recurrence.scan import Constants, Loop, Project, Step


class LoopOptions(NamedTuple):
    """What a recurrent layer adds to its cell.

    Attributes:
        dropout: Share of the inputs that are set to 0, the same for all steps of a row.
        recurrent_dropout: Likewise of what goes into the cell's products by recurrent weights.
        zoneout: Share of the values of the states that stay as they were at a step.
        weight_drop: Share of the recurrent weights that are set to 0, the same for all rows.
        gradient_steps: Maximum number of steps that a gradient goes back, or None for all.
        checkpoint_steps: Steps of a chunk that is run again for its gradient, or None.
    """

    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    zoneout: float = 0.0
    weight_drop: float = 0.0
    gradient_steps: int | None = None
    checkpoint_steps: int | None = None

    @property
    def is_random(self) -> bool:
        """Whether something is drawn in training."""
        return any((self.dropout, self.recurrent_dropout, self.zoneout, self.weight_drop))

    @property
    def changes_step(self) -> bool:
        """Whether a step is more than one of the cell, dropout and mask apart."""
        return bool(self.zoneout) or self.gradient_steps is not None

    def check(self, cell: Cell) -> None:
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
        if not cell.has_recurrent_projections:
            raise ValueError(
                "`recurrent_dropout` and `weight_drop` act on products by recurrent weights, and "
                f"a {type(cell).__name__} has none. Use `dropout` or `zoneout`."
            )


def make_loop(
    owner: Any,
    cell: Cell,
    inputs: Any,
    mask: Any,
    state: list,
    training: bool,
    reverse: bool = False,
    segment_ids: Any = None,
    return_sequences: bool = True,
    segment_states: bool = False,
) -> Loop:
    """Makes a loop of a cell, of inputs `(B, T, features)` and of a mask `(B, T)` or None.

    What is random is drawn here, outside of the loop. The dropped weights and the dropout masks
    are the same at every step, as Gal and Ghahramani, 2016 (https://arxiv.org/abs/1512.05287) and
    Merity et al., 2018 (https://arxiv.org/abs/1708.02182) have them; zoneout is that of Krueger et
    al., 2017 (https://arxiv.org/abs/1606.01305).

    Args:
        owner: The layer, which holds the options as attributes, and a seed generator.
        cell: The cell.
        inputs: `(B, T, features)`.
        mask: Boolean `(B, T)`, True on real steps; None where all are.
        state: The states before the first step.
        training: Whether the loop is run in training.
        reverse: Whether the loop is to run from the last step.
        segment_ids: Integers `(B, T)`: the states are zeros before the first step of every
            sequence in a row but the one that comes first.
        return_sequences: Whether the output of every step is requested.
        segment_states: Whether all states of every step are; see `states_after_segments`.

    Returns:
        The loop; `requested` is the first state, which is the output, all or nothing.
    """
    options, seed = options_of(owner), owner.seed_generator
    is_plain = not options.changes_step and segment_ids is None
    if is_plain and owner.use_cudnn and not (training and options.is_random):
        cudnn = cell.cudnn_call(inputs, mask, state)
    else:
        cudnn = None
    inputs = ops.transpose(cell.cast(inputs), (1, 0, 2))  # (B, T, F) -> (T, B, F)
    noise = options if training else LoopOptions()
    steps = {"values": _dropped_inputs(inputs, noise, seed)}
    if mask is not None:
        steps["real"] = ops.transpose(ops.cast(mask, "bool"))
    if segment_ids is not None:
        steps["starts"] = ops.transpose(first_of_segments(segment_ids, reverse))
    time, batch, _ = ops.shape(inputs)
    projections, dropout_masks = _dropped_projections(cell, batch, noise, seed)
    if noise.zoneout:
        steps["moves"] = [
            _draw_kept((time, batch, *shape), noise.zoneout, seed) for shape in cell.state_shapes
        ]
    if options.gradient_steps is not None:
        steps["cut"] = _first_of_chunks(time, options.gradient_steps, reverse)
    return Loop(
        step=_make_step(partial(_advance, cell), options, training),
        state=state,
        inputs=steps,
        projections=projections,
        constants=Constants(dropout_masks, cell.extra_weights()),
        reverse=reverse,
        prepare=partial(_project_inputs, cell),
        input_weights=cell.input_projection(),
        requested=[
            segment_states or (return_sequences and index == 0) for index in range(len(state))
        ],
        training=training,
        independent_rows=True,
        elementwise=cell.is_elementwise,
        parallel=None if options.changes_step else cell.parallel,
        cudnn=cudnn,
        joint=_joint_form(cell, options, training),
        checkpoint_steps=options.checkpoint_steps,
        owner=owner,
    )


def states_after_segments(states: list, segment_ids: Any, reverse: bool = False) -> list:
    """Returns for each step the states after the sequence that it belongs to, `(B, T, ...)`.

    Args:
        states: Those after each step of a loop, `(T, B, ...)`.
        segment_ids: Integers `(B, T)`, as in `make_loop`.
        reverse: Whether the loop ran from the last step.

    Raises:
        ValueError: without segment ids.
    """
    if segment_ids is None:
        raise ValueError(
            "`segment_states` are the states after each sequence of a row. Received: no "
            "`segment_ids`. Give them, or leave out `segment_states`."
        )
    changes = ops.not_equal(segment_ids[:, 1:], segment_ids[:, :-1])
    is_end = ops.pad(changes, [[0, 0], [1, 0] if reverse else [0, 1]], constant_values=True)
    batch, time = ops.shape(segment_ids)
    steps = ops.ones((time, batch, 1), "int32") * ops.arange(time, dtype="int32")[:, None, None]
    end_of = hold_last_real(steps, steps[0], ops.transpose(is_end), not reverse)[..., 0]  # (T, B)
    indices = ops.transpose(end_of * batch + ops.arange(batch, dtype="int32"))

    return [
        gather(
            ops.reshape(leaf, (time * batch, *leaf.shape[2:])), indices
        )  # (T, B, …) -> (B, T, …)
        for leaf in states
    ]


def _project_inputs(cell: Cell, inputs: dict[str, Any], input_projection: tuple) -> dict[str, Any]:
    """Returns what a step takes: the share of the values in the gates, for all steps at once."""
    others = {name: leaf for name, leaf in inputs.items() if name != "values"}
    return others | {"projected": cell.project_inputs(inputs["values"], input_projection)}


def _advance(cell: Cell, inputs_t: dict, state: list, project: Project, weights: dict) -> list:
    return cell.advance(inputs_t["projected"], state, project, weights)


def _joint_form(cell: Cell, options: LoopOptions, training: bool):
    """Returns what makes a loop one of a joint product; None if the cell has none.

    Dropout of the state alone needs a product of its own.
    """
    if training and options.recurrent_dropout:
        return None
    if cell.joint_kernel(cell.input_projection(), cell.projections()) is None:
        return None

    def advance(inputs_t: dict, state: list, project: Project, weights: dict) -> list:
        both = ops.concatenate([inputs_t["values"], state[0]], axis=-1)
        return cell.advance_joint(project("joint", both), state, weights)

    def joint(loop: Loop) -> Loop:
        kernel = cell.joint_kernel(loop.input_weights, loop.projections)
        values = ops.pad(loop.inputs["values"], [[0, 0], [0, 0], [0, 1]], constant_values=1)
        return loop._replace(
            step=_make_step(advance, options, training),
            inputs=loop.inputs | {"values": values},
            projections={"joint": (kernel,)},
            prepare=None,
            input_weights=(),
            joint=None,
        )

    return joint


def _make_step(advance: Callable[..., list], options: LoopOptions, training: bool) -> Step:
    """Returns a step of a cell under masks, dropout, zoneout and cut gradients.

    Args:
        advance: Takes the cell's own step, of `inputs_t, state, project, weights`.
        options: Those of the layer.
        training: Whether the loop is run in training.
    """

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
        new = advance(inputs_t, state, dropping, constants.weights)
        if "moves" in inputs_t:
            new = [
                ops.where(moves, a, b)
                for moves, a, b in zip(inputs_t["moves"], new, state, strict=True)
            ]
        elif options.zoneout and not training:  # what is expected of a step in training
            new = [a + options.zoneout * (b - a) for a, b in zip(new, state, strict=True)]
        return where_real(inputs_t["real"], new, state) if "real" in inputs_t else new

    return step


def _dropped_inputs(inputs, noise: LoopOptions, seed):
    if not noise.dropout:
        return inputs
    _, batch, features = ops.shape(inputs)
    return _drop(inputs, _draw_kept((1, batch, features), noise.dropout, seed), noise.dropout)


def _dropped_projections(cell: Cell, batch, noise: LoopOptions, seed) -> tuple[dict, dict]:
    """Returns the projections, and for each the mask of what it is applied to."""
    projections, masks = cell.projections(), {}
    if noise.weight_drop:
        projections = {
            name: (_dropped_weights(parts[0], noise.weight_drop, seed), *parts[1:])
            for name, parts in projections.items()
        }
    if noise.recurrent_dropout:
        masks = {
            name: _draw_kept((batch, parts[0].shape[0]), noise.recurrent_dropout, seed)
            for name, parts in projections.items()
        }
    return projections, masks


def _first_of_chunks(time, length: int, reverse: bool):
    """Returns booleans `(T,)`, True where a gradient stops."""
    steps_before = ops.arange(time)
    steps_before = time - 1 - steps_before if reverse else steps_before
    # Not before the first step: the state that the layer is given is within reach of it.
    return ops.logical_and(steps_before % length == 0, steps_before > 0)


def _draw_kept(shape, rate: float, seed):
    """Returns booleans of which a share of `rate` is False."""
    return keras.random.uniform(shape, dtype="float32", seed=seed) >= rate


def _drop(values, kept, rate: float):
    """Returns 0 where the values are dropped, and scales the others so that the mean stays."""
    return ops.where(kept, values / (1 - rate), ops.zeros_like(values))


def _dropped_weights(kernel, rate: float, seed):
    return _drop(kernel, _draw_kept(ops.shape(kernel), rate, seed), rate)


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
