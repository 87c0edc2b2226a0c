"""The layer that runs a cell over a whole sequence."""

from types import SimpleNamespace

import keras
from keras import ops

from seqzoo.layers.cells import Cell, as_cell
from seqzoo.layers.recurrent.loop import (
    build_cell,
    first_state,
    make_loop,
    options_of,
    states_after_segments,
)
from seqzoo.ops.masks import attached_mask
from seqzoo.ops.recurrence import plan
from seqzoo.ops.recurrence.scan import apply_projections


@keras.saving.register_keras_serializable(package="seqzoo")
class Recurrent(keras.layers.Layer):
    """Runs a cell over a sequence.

    The share of the inputs in the gates is computed for all steps at once, before the loop. A
    masked step leaves the state as it is, so that any mask is legal and padding, on whichever
    side, changes nothing on real steps; its output is that of the last real step before it.

    On a GPU, cuDNN runs an `LSTMCell` or a `GRUCell` where it can and is faster.

    A `LinearCell` takes no loop over the steps, unless zoneout or cut gradients ask for one.

    Args:
        cell: A `Cell`, or any other of Keras's contract (see `KerasCell`).
        reverse: Whether to run from the last step to the first. Outputs stay in the order of the
            inputs.
        return_sequences: Whether to return the output of every step, or of the last that ran.
        return_state: Whether to return the final states too.
        stateful: Whether a batch begins in the states in which the one before ended, until
            `reset_state`. It needs a fixed batch size, and cannot be exported: use `step` there.
        dropout: From 0 to below 1: share of the inputs that are set to 0 in training, the same
            ones at all steps of a row.
        recurrent_dropout: Likewise of what the recurrent weights are multiplied with (variational
            dropout; Gal and Ghahramani, 2016, https://arxiv.org/abs/1512.05287).
        zoneout: Share of the values of the states that stay as they are at a step in training;
            elsewhere each moves as far as is expected (Krueger et al., 2017,
            https://arxiv.org/abs/1606.01305).
        weight_drop: Share of the recurrent weights that are set to 0 for a batch in training
            (Merity et al., 2018, https://arxiv.org/abs/1708.02182).
        gradient_steps: None, or the length of the chunks between which no gradient flows back
            (truncated back-propagation; Williams and Peng, 1990). The state flows on.
        checkpoint_steps: None, or the length of the chunks that are run again for their gradient
            (gradient checkpointing). Results are the same; training keeps the
            states between the chunks, the inputs and the outputs alone, and runs the loop forward
            twice. The square root of the number of steps is a good length.
        seed: Of what is drawn.

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: Boolean tensor `(B, T)`, True on real steps; None where all are.
        initial_state: List of `(B, *shape)`, one for each state of the cell; zeros if None.
        segment_ids: Integer tensor `(B, T)` where rows hold several sequences, one after the
            other: steps of one id that stand side by side are one sequence. Each begins in a state
            of zeros (the first one in `initial_state`), as if it had a row of its own. See
            `seqzoo.preprocessing.pack_rows`.
        segment_states: Whether the states that are returned are those after each sequence,
            `(B, T, *shape)`, the same at all steps of a sequence, in place of those of the row.
            Needs `segment_ids`.

    Returns:
        `(B, T, units)`, or `(B, units)` without `return_sequences`; with `return_state`, a tuple
        of it and the final states `(B, *shape)`.

    Raises:
        ValueError: for rates out of range, for those of no effect on the cell, for a stateful layer
            without a fixed batch size, and for more or fewer initial states than the cell has.

    Example:
        >>> layer = sz.layers.Recurrent(sz.layers.cells.LSTMCell(5), recurrent_dropout=0.2)
        >>> mask = np.array([[False, True, True], [True, False, False]])  # any mask is legal
        >>> keras.ops.shape(layer(np.ones((2, 3, 4)), mask=mask))
        (2, 5)
    """

    use_cudnn: bool | str = "auto"
    """Whether cuDNN may run the layer. It has no second derivatives: they want False on a GPU."""

    def __init__(
        self,
        cell: Cell | keras.layers.Layer,
        reverse: bool = False,
        return_sequences: bool = False,
        return_state: bool = False,
        stateful: bool = False,
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
        self.cell = as_cell(cell)
        self.reverse = reverse
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.stateful = stateful
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
        options_of(self).check(self.cell)
        build_cell(self.cell, input_shape)
        if self.stateful:
            # Not an attribute that Keras tracks: states are no weights to save or to exchange.
            self._between = SimpleNamespace(states=self._make_states(input_shape[0]))

    def _make_states(self, batch_size: int | None) -> list:
        if batch_size is None:
            raise ValueError(
                "A stateful layer needs a fixed batch size. Received: inputs of batch size None. "
                "Give `batch_shape` to `keras.Input`, or pass the states on by `return_state` and "
                "`initial_state`."
            )
        return [
            keras.Variable(ops.zeros_like(state), trainable=False)
            for state in self.get_initial_state(batch_size)
        ]

    def call(
        self,
        inputs,
        mask=None,
        initial_state=None,
        training=False,
        segment_ids=None,
        segment_states=False,
    ):
        mask = attached_mask(mask, inputs)
        if initial_state is None and self.stateful:
            initial_state = [state.value for state in self._between.states]
        state = first_state(self.cell, inputs, initial_state)
        outputs, final = self.run(inputs, mask, state, training, segment_ids, segment_states)
        if self.stateful:
            for variable, last in zip(self._between.states, final, strict=True):
                variable.assign(last)
        outputs = outputs if self.return_sequences else final[0]
        return (outputs, *final) if self.return_state else outputs

    def run(self, inputs, mask, state, training, segment_ids=None, segment_states=False):
        """Runs the cell.

        Returns:
            The outputs of every step `(B, T, units)`, None without `return_sequences`, and the
            final states.
        """
        loop = make_loop(
            self,
            self.cell,
            inputs,
            mask,
            state,
            training,
            self.reverse,
            segment_ids,
            self.return_sequences,
            segment_states,
        )
        states, final = plan.run([loop])[0]
        if segment_states:
            final = states_after_segments(states, segment_ids, self.reverse)
        if not self.return_sequences:
            return None, final
        return ops.transpose(states[0], (1, 0, 2)), final

    def reset_state(self):
        """Sets the states of a stateful layer to zeros."""
        for state in self._between.states if self.stateful and self.built else ():
            state.assign(ops.zeros_like(state.value))

    def step(self, inputs, state):
        """Takes one step of a stream, as `call` does without `training`.

        Args:
            inputs: Float tensor `(B, features)`.
            state: List of `(B, *shape)`; the first one is `get_initial_state(B)`.

        Returns:
            `(output, state)`, the output `(B, units)`.
        """
        state = first_state(self.cell, inputs, state)
        loop = make_loop(self, self.cell, inputs[:, None], None, state, training=False).prepared()
        inputs_t = keras.tree.map_structure(lambda leaf: leaf[0], loop.inputs)
        state = loop.step(inputs_t, state, loop.constants, apply_projections(loop.projections))
        return state[0], state

    def get_initial_state(self, batch_size):
        """Returns states of zeros, a list of `(batch_size, *shape)`."""
        return self.cell.get_initial_state(batch_size=batch_size)

    def compute_mask(self, inputs, mask=None):
        output_mask = mask if self.return_sequences else None
        states = [None] * len(self.cell.state_size)
        return [output_mask, *states] if self.return_state else output_mask

    def compute_output_shape(self, input_shape):
        batch, time = input_shape[:2]
        width = self.cell.output_size
        output = (batch, time, width) if self.return_sequences else (batch, width)
        states = [(batch, *shape) for shape in self.cell.state_shapes]
        return (output, *states) if self.return_state else output

    def get_config(self):
        return super().get_config() | {
            "cell": keras.saving.serialize_keras_object(self.cell),
            "reverse": self.reverse,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "stateful": self.stateful,
            **options_of(self)._asdict(),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**config | {"cell": cell})
