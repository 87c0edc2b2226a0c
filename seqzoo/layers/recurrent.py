"""Layers that run a cell over whole sequences."""

import keras
from keras import ops

from seqzoo.layers.cells import Cell
from seqzoo.ops.masks import attached_mask, where_real
from seqzoo.ops.scans import scan


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

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: Boolean tensor `(B, T)`, True on real steps; None where all are.
        initial_state: List of `(B, units)`, one for each state of the cell; zeros if None.

    Returns:
        `(B, T, units)`, or `(B, units)` without `return_sequences`; with `return_state`, a tuple
        of it and the final states `(B, units)`.
    """

    def __init__(
        self,
        cell: Cell,
        reverse: bool = False,
        return_sequences: bool = False,
        return_state: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.cell = cell
        self.reverse = reverse
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.supports_masking = True

    def build(self, input_shape):
        _build(self.cell, input_shape)

    def call(self, inputs, mask=None, initial_state=None):
        mask = attached_mask(mask, inputs)
        state = _initial_state(self.cell, inputs, initial_state)
        steps = _steps(self.cell, inputs, mask)
        states, final = scan(_masked(self.cell), state, steps, self.cell.maps(), (), self.reverse)
        outputs = ops.transpose(states[0], (1, 0, 2)) if self.return_sequences else final[0]
        return (outputs, *final) if self.return_state else outputs

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

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: Boolean tensor `(B, T)`, True on real steps; None where all are.

    Returns:
        `(outputs, *states)`: the outputs of both directions side by side, `(B, T, 2 * units)`,
        and for each state of the cell the final ones of both, `(B, 2 * units)`.

    Reference: Schuster and Paliwal, 1997, Bidirectional recurrent neural networks.
    """

    def __init__(self, cell: Cell, **kwargs):
        super().__init__(**kwargs)
        self.forward_cell = cell
        self.backward_cell = type(cell).from_config(
            cell.get_config() | {"name": f"{cell.name}_backward"}
        )
        self.supports_masking = True

    def build(self, input_shape):
        _build(self.forward_cell, input_shape)
        _build(self.backward_cell, input_shape)

    def call(self, inputs, mask=None):
        cells = {"forward": self.forward_cell, "backward": self.backward_cell}
        steps = {
            "forward": _steps(self.forward_cell, inputs, mask),
            "backward": keras.tree.map_structure(
                lambda x: ops.flip(x, axis=0), _steps(self.backward_cell, inputs, mask)
            ),
        }
        state = {name: _initial_state(cell, inputs, None) for name, cell in cells.items()}
        maps = {
            f"{name}/{key}": parts
            for name, cell in cells.items()
            for key, parts in cell.maps().items()
        }

        def step(inputs_t, state, constants, linear):
            return {
                name: _masked(cell)(
                    inputs_t[name],
                    state[name],
                    constants,
                    lambda key, u, name=name: linear(f"{name}/{key}", u),
                )
                for name, cell in cells.items()
            }

        states, final = scan(step, state, steps, maps)
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
            "cell": keras.saving.serialize_keras_object(self.forward_cell)
        }

    @classmethod
    def from_config(cls, config):
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**config | {"cell": cell})


def _build(cell: Cell, input_shape):
    if not cell.built:  # a cell that comes from a file may be
        cell.build(tuple(input_shape))


def _steps(cell: Cell, inputs, mask):
    """Returns what a step of `_masked` takes, time first: the projected inputs and the mask."""
    inputs = ops.transpose(cell.cast(inputs), (1, 0, 2))
    projected = cell.project(inputs)  # (T, B, F) -> (T, B, gates * U)
    return projected, () if mask is None else ops.transpose(ops.cast(mask, "bool"))


def _masked(cell: Cell):
    """Returns a step of the cell that leaves the state as it is where the mask is False."""

    def step(inputs_t, state, constants, linear):
        projected, mask = inputs_t
        advanced = cell.advance(projected, state, linear)
        return advanced if isinstance(mask, tuple) else where_real(mask, advanced, state)

    return step


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
