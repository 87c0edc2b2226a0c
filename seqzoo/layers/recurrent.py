"""Layers that run a cell over whole sequences."""

import keras
from keras import ops

from seqzoo.layers.cells import Cell
from seqzoo.layers.recurrent_loop import Loop, LoopOptions, make_loop
from seqzoo.ops.masks import attached_mask
from seqzoo.ops.scans import apply_maps, scan, within


@keras.saving.register_keras_serializable(package="seqzoo")
class Recurrent(keras.layers.Layer):
    """Runs a cell over a sequence.

    The share of the inputs in the gates is computed for all steps at once, before the loop. A
    masked step leaves the state as it is, so that any mask is legal and padding, on whichever
    side, changes nothing on real steps; its output is that of the last real step before it.

    Args:
        cell: A `Cell`.
        reverse: Whether to run from the last step to the first. Outputs stay in the order of the
            inputs.
        return_sequences: Whether to return the output of every step, or of the last that ran.
        return_state: Whether to return the final states too.
        dropout: From 0 to below 1: share of the inputs that are set to 0 in training, the same
            ones at all steps of a row.
        recurrent_dropout: Likewise of what the recurrent weights are multiplied with (variational
            dropout; Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287).
        zoneout: Share of the values of the states that stay as they are at a step in training;
            elsewhere each moves as far as is expected (Krueger et al., 2017,
            https://arxiv.org/abs/1606.01305).
        weight_drop: Share of the recurrent weights that are set to 0 for a batch in training
            (Merity et al., 2018, https://arxiv.org/abs/1708.02182).
        gradient_steps: None, or the length of the pieces between which no gradient flows back
            (truncated back-propagation; Williams and Peng, 1990). The state flows on.
        seed: Of what is drawn.

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: Boolean tensor `(B, T)`, True on real steps; None where all are.
        initial_state: List of `(B, width)`, one for each state of the cell; zeros if None.

    Returns:
        `(B, T, units)`, or `(B, units)` without `return_sequences`; with `return_state`, a tuple
        of it and the final states `(B, width)`.

    Raises:
        ValueError: for rates out of range, and for those of no effect on the cell.
    """

    def __init__(
        self,
        cell: Cell,
        reverse: bool = False,
        return_sequences: bool = False,
        return_state: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        weight_drop: float = 0.0,
        gradient_steps: int | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.cell = cell
        self.reverse = reverse
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.weight_drop = weight_drop
        self.gradient_steps = gradient_steps
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape):
        _options(self).check(self.cell)
        _build(self.cell, input_shape)

    def call(self, inputs, mask=None, initial_state=None, training=False):
        mask = attached_mask(mask, inputs)
        state = _initial_state(self.cell, inputs, initial_state)
        loop = make_loop(self.cell, inputs, mask, _options(self), training, self.seed_generator)
        states, final = scan(
            loop.step, state, loop.inputs, loop.maps, loop.constants, self.reverse, owner=self
        )
        outputs = ops.transpose(states[0], (1, 0, 2)) if self.return_sequences else final[0]
        return (outputs, *final) if self.return_state else outputs

    def step(self, inputs, state):
        """Takes one step of a stream, as `call` does without `training`.

        Args:
            inputs: Float tensor `(B, features)`.
            state: List of `(B, width)`; the first one is `get_initial_state(B)`.

        Returns:
            `(output, state)`, the output `(B, units)`.
        """
        state = _initial_state(self.cell, inputs, state)
        loop = make_loop(
            self.cell, inputs[:, None], None, _options(self), False, self.seed_generator
        )
        inputs_t = keras.tree.map_structure(lambda leaf: leaf[0], loop.inputs)
        state = loop.step(inputs_t, state, loop.constants, apply_maps(loop.maps))
        return state[0], state

    def get_initial_state(self, batch_size):
        """Returns states of zeros, a list of `(batch_size, width)`."""
        return self.cell.get_initial_state(batch_size=batch_size)

    def compute_mask(self, inputs, mask=None):
        output_mask = mask if self.return_sequences else None
        states = [None] * len(self.cell.state_size)
        return [output_mask, *states] if self.return_state else output_mask

    def compute_output_shape(self, input_shape):
        batch, time = input_shape[:2]
        width = self.cell.output_size
        output = (batch, time, width) if self.return_sequences else (batch, width)
        states = [(batch, size) for size in self.cell.state_size]
        return (output, *states) if self.return_state else output

    def get_config(self):
        return super().get_config() | {
            "cell": keras.saving.serialize_keras_object(self.cell),
            "reverse": self.reverse,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            **_options(self)._asdict(),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**config | {"cell": cell})


@keras.saving.register_keras_serializable(package="seqzoo")
class Bidirectional(keras.layers.Layer):
    """Runs one cell forward and another of the same kind backward, in one loop.

    Args:
        cell: The `Cell` that runs forward; the other one is made from its config.

    For the other arguments, and for errors, see `Recurrent`.

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: Boolean tensor `(B, T)`, True on real steps; None where all are.

    Returns:
        `(outputs, *states)`: the outputs of both directions side by side, `(B, T, 2 * units)`,
        and for each state of the cell the final ones of both, `(B, 2 * width)`.

    Reference: Schuster and Paliwal, 1997, Bidirectional recurrent neural networks.
    """

    def __init__(
        self,
        cell: Cell,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        weight_drop: float = 0.0,
        gradient_steps: int | None = None,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.forward_cell = cell
        self.backward_cell = type(cell).from_config(
            cell.get_config() | {"name": f"{cell.name}_backward"}
        )
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.zoneout = zoneout
        self.weight_drop = weight_drop
        self.gradient_steps = gradient_steps
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape):
        _options(self).check(self.forward_cell)
        _build(self.forward_cell, input_shape)
        _build(self.backward_cell, input_shape)

    def call(self, inputs, mask=None, training=False):
        cells = {"forward": self.forward_cell, "backward": self.backward_cell}
        options, seed = _options(self), self.seed_generator
        loops = {
            name: make_loop(cell, inputs, mask, options, training, seed)
            for name, cell in cells.items()
        }
        backward_inputs = keras.tree.map_structure(
            lambda x: ops.flip(x, axis=0), loops["backward"].inputs
        )
        loops["backward"] = loops["backward"]._replace(inputs=backward_inputs)
        state = {name: _initial_state(cell, inputs, None) for name, cell in cells.items()}
        states, final = scan(*_side_by_side(loops, state), owner=self)
        both = [states["forward"][0], ops.flip(states["backward"][0], axis=0)]
        outputs = ops.transpose(ops.concatenate(both, axis=-1), (1, 0, 2))
        pairs = zip(final["forward"], final["backward"], strict=True)
        return (outputs, *(ops.concatenate(pair, axis=-1) for pair in pairs))

    def compute_mask(self, inputs, mask=None):
        return [mask, *([None] * len(self.forward_cell.state_size))]

    def compute_output_shape(self, input_shape):
        batch, time = input_shape[:2]
        states = [(batch, 2 * size) for size in self.forward_cell.state_size]
        return ((batch, time, 2 * self.forward_cell.output_size), *states)

    def get_config(self):
        return super().get_config() | {
            "cell": keras.saving.serialize_keras_object(self.forward_cell),
            **_options(self)._asdict(),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**config | {"cell": cell})


def _side_by_side(loops: dict[str, Loop], state: dict) -> tuple:
    """Returns the arguments of `scan` that run loops over as many steps in one."""

    def step(inputs_t, state, constants, linear):
        return {
            name: loop.step(inputs_t[name], state[name], constants[name], within(linear, name))
            for name, loop in loops.items()
        }

    inputs = {name: loop.inputs for name, loop in loops.items()}
    constants = {name: loop.constants for name, loop in loops.items()}
    maps = {
        f"{name}/{key}": parts for name, loop in loops.items() for key, parts in loop.maps.items()
    }
    return step, state, inputs, maps, constants


def _options(layer) -> LoopOptions:
    return LoopOptions(*(getattr(layer, name) for name in LoopOptions._fields))


def _build(cell: Cell, input_shape):
    if not cell.built:  # a cell that comes from a file may be
        cell.build(tuple(input_shape))


def _initial_state(cell: Cell, inputs, initial_state):
    if initial_state is None:
        return cell.get_initial_state(batch_size=ops.shape(inputs)[0])
    states = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
    if len(states) != len(cell.state_size):
        raise ValueError(
            f"`initial_state` must hold {len(cell.state_size)} tensors for a "
            f"{type(cell).__name__}. Received: {len(states)}."
        )
    return [cell.cast(state) for state in states]
