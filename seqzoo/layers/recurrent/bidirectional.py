"""The layer that runs a cell both ways over a sequence."""

import keras
from keras import ops

from seqzoo.layers.cells import Cell, as_cell
from seqzoo.layers.recurrent.checkpointing import run_loops
from seqzoo.layers.recurrent.cudnn import cudnn_or_general, is_for_cudnn
from seqzoo.layers.recurrent.loop import (
    Loop,
    build_cell,
    first_only,
    first_state,
    make_loop,
    options_of,
)
from seqzoo.layers.recurrent.parallel import needs_no_loop, run_without_loop
from seqzoo.ops.recurrence.scan import Constants, loop_is_compiled, scan, scan_compiled, within


@keras.saving.register_keras_serializable(package="seqzoo")
class Bidirectional(keras.layers.Layer):
    """Runs one cell forward and another of the same kind backward, in one loop.

    On a GPU, cuDNN runs both where it can and is faster; see `Recurrent`.

    Args:
        cell: The `Cell` that runs forward; the other one is made from its config.

    For the other arguments, `use_cudnn`, and errors, see `Recurrent`.

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: Boolean tensor `(B, T)`, True on real steps; None where all are.
        segment_ids: See `Recurrent`.

    Returns:
        `(outputs, *states)`: the outputs of both directions side by side, `(B, T, 2 * units)`,
        and for each state of the cell the final ones of both, `(B, 2 * width)`.

    Reference: Schuster and Paliwal, 1997, Bidirectional recurrent neural networks.
    """

    use_cudnn: bool | str = "auto"

    def __init__(
        self,
        cell: Cell | keras.layers.Layer,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        weight_drop: float = 0.0,
        gradient_steps: int | None = None,
        checkpoint_steps: int | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.forward_cell = cell = as_cell(cell)
        self.backward_cell = type(cell).from_config(
            cell.get_config() | {"name": f"{cell.name}_backward"}
        )
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.weight_drop = weight_drop
        self.gradient_steps = gradient_steps
        self.checkpoint_steps = checkpoint_steps
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape):
        options_of(self).check(self.forward_cell)
        build_cell(self.forward_cell, input_shape)
        build_cell(self.backward_cell, input_shape)

    def call(self, inputs, mask=None, training=False, segment_ids=None):
        cells = {"forward": self.forward_cell, "backward": self.backward_cell}
        options, seed = options_of(self), self.seed_generator
        asked = (self.forward_cell, inputs, mask, options, training, segment_ids)
        if self.use_cudnn and is_for_cudnn(*asked):
            return self._run_by_cudnn(cells, inputs, mask, training)
        loops = {
            name: make_loop(
                cell, inputs, mask, options, training, seed, name == "backward", segment_ids
            )
            for name, cell in cells.items()
        }
        state = {name: first_state(cell, inputs, None) for name, cell in cells.items()}
        if needs_no_loop(self.forward_cell, options):
            outputs, final = _run_without_loops(self, loops, state)
        else:
            outputs, final = _run_both(self, loops, state, training)
        outputs = ops.transpose(ops.concatenate(outputs, axis=-1), (1, 0, 2))
        return (outputs, *(ops.concatenate(pair, axis=-1) for pair in zip(*final, strict=True)))

    def _run_by_cudnn(self, cells, inputs, mask, training):
        def run_way(name, cell):
            reverse, state = name == "backward", first_state(cell, inputs, None)

            def general():
                options, seed = options_of(self), self.seed_generator
                loop = make_loop(cell, inputs, mask, options, training, seed, reverse).projected()
                arguments = (
                    loop.step,
                    state,
                    loop.inputs,
                    loop.projections,
                    loop.constants,
                    reverse,
                )
                wanted = first_only(state)
                states, final = scan(*arguments, owner=self, wanted=wanted, training=training)
                return ops.transpose(states[0], (1, 0, 2)), final

            return cudnn_or_general(cell, inputs, mask, state, reverse, general)

        outputs, final = zip(*(run_way(*each) for each in cells.items()), strict=True)
        states = (ops.concatenate(pair, axis=-1) for pair in zip(*final, strict=True))
        return (ops.concatenate(outputs, axis=-1), *states)

    def compute_mask(self, inputs, mask=None):
        return [mask, *([None] * len(self.forward_cell.state_size))]

    def compute_output_shape(self, input_shape):
        batch, time = input_shape[:2]
        states = [(batch, 2 * size) for size in self.forward_cell.state_size]
        return ((batch, time, 2 * self.forward_cell.output_size), *states)

    def get_config(self):
        return super().get_config() | {
            "cell": keras.saving.serialize_keras_object(self.forward_cell),
            **options_of(self)._asdict(),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**config | {"cell": cell})


def _run_without_loops(layer: Bidirectional, loops: dict[str, Loop], state: dict) -> tuple:
    """Runs both directions, each without a loop. Returns what `_run_both` does."""

    def run_way(name):
        def run(loops, state):
            return run_without_loop(loops[0].projected(), state, name == "backward")

        return run_loops(
            run,
            [loops[name]],
            state[name],
            layer.checkpoint_steps,
            lambda states: states[0],
            name == "backward",
        )

    return tuple(zip(run_way("forward"), run_way("backward"), strict=True))


def _run_both(layer: Bidirectional, loops: dict[str, Loop], state: dict, training: bool) -> tuple:
    """Runs both directions in one loop.

    Returns:
        The outputs `(T, B, units)` and the final states of both.
    """
    backward_inputs = keras.tree.map_structure(
        lambda x: ops.flip(x, axis=0), loops["backward"].inputs
    )
    both = [loops["forward"], loops["backward"]._replace(inputs=backward_inputs)]

    def run(both, state):
        named = dict(zip(loops, both, strict=True))
        wanted = {name: first_only(own) for name, own in state.items()}
        if training and all(
            loop_is_compiled(state[name], loop.inputs, loop.projections)
            for name, loop in named.items()
        ):
            return _run_each(named, state, wanted)
        named = {name: loop.projected() for name, loop in named.items()}
        both_ways = _side_by_side(named, state)
        return scan(*both_ways, owner=layer, wanted=wanted, training=training)

    def put_out(states):
        return [states["forward"][0], states["backward"][0]]

    outputs, final = run_loops(run, both, state, layer.checkpoint_steps, put_out)
    outputs = [outputs[0], ops.flip(outputs[1], axis=0)]
    return outputs, [final["forward"], final["backward"]]


def _run_each(loops: dict[str, Loop], state: dict, wanted: dict) -> tuple:
    """Returns what `scan` does of `_side_by_side`, in training, each direction in its own loop."""
    found = {
        name: scan_compiled(
            *(loop.step, state[name], loop.inputs, loop.projections, loop.constants),
            wanted=wanted[name],
            prepared_by=(loop.project_inputs, loop.input_projection),
        )
        for name, loop in loops.items()
    }
    states, final = zip(*found.values(), strict=True)
    return dict(zip(loops, states, strict=True)), dict(zip(loops, final, strict=True))


def _side_by_side(loops: dict[str, Loop], state: dict) -> tuple:
    """Returns the arguments of `scan` that run loops over as many steps in one."""

    def step(inputs_t, state, constants, project):
        return {
            name: loop.step(
                inputs_t[name],
                state[name],
                Constants(constants.rows[name], constants.weights[name]),
                within(project, name),
            )
            for name, loop in loops.items()
        }

    inputs = {name: loop.inputs for name, loop in loops.items()}
    constants = Constants(
        {name: loop.constants.rows for name, loop in loops.items()},
        {name: loop.constants.weights for name, loop in loops.items()},
    )
    projections = {
        f"{name}/{key}": parts
        for name, loop in loops.items()
        for key, parts in loop.projections.items()
    }
    return step, state, inputs, projections, constants
