"""Any cell as a sequence mixer."""

from typing import Any, NamedTuple

import keras

from seqzoo.layers.cells import Cell, as_cell, make_cell
from seqzoo.layers.mixers.mixer import SequenceMixer
from seqzoo.layers.recurrent import Recurrent
from seqzoo.ops.affine import affine


class RecurrentState(NamedTuple):
    """What a recurrent mixer continues from.

    Attributes:
        states: Those of the cell, `(N, *shape)` each.
    """

    states: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class RecurrentMixer(SequenceMixer):
    """Runs a cell over the sequence, so that an LSTM stands where attention stands.

    Where the output of the cell has another width than the inputs, a product brings it back to it.

    Args:
        cell: A name in `CELLS` or a `Cell`.
        units: Positive int, width of a cell that is given by name; None is that of the inputs.
        use_bias: Whether that product adds a bias.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: for `units` beside a `Cell`, which has its own.

    Takes and returns `(B, T, features)`; for call arguments and results see `SequenceMixer`.

    Example:
        >>> mixer = sz.layers.RecurrentMixer("lstm", units=5)
        >>> outputs, state = mixer(np.ones((1, 3, 4)))
        >>> outputs.shape, [leaf.shape for leaf in state.states]
        (TensorShape([1, 3, 4]), [TensorShape([1, 5]), TensorShape([1, 5])])
    """

    def __init__(
        self,
        cell: str | Cell | keras.layers.Layer = "lstm",
        units: int | None = None,
        use_bias: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if units is not None and not isinstance(cell, str):
            raise ValueError(
                f"`units` is for a cell given by name; this {type(cell).__name__} has its own. "
                f"Received: units={units}. Leave it out."
            )
        self.cell = cell if isinstance(cell, str) else as_cell(cell)
        self.units = units
        self.use_bias = use_bias

    def build(self, input_shape):
        features, cell = input_shape[-1], self.cell
        if isinstance(cell, str):
            units = features if self.units is None else self.units
            cell = make_cell(cell, units, dtype=self.dtype_policy)
        self.recurrent = Recurrent(
            cell, return_sequences=True, return_state=True, dtype=self.dtype_policy
        )
        self.recurrent.build(input_shape)
        self.output_kernel = self.output_bias = None
        if cell.output_size != features:
            self.output_kernel = self.add_weight(
                shape=(cell.output_size, features), name="output_kernel"
            )
            if self.use_bias:
                self.output_bias = self.add_weight(
                    shape=(features,), initializer="zeros", name="output_bias"
                )

    def mix(self, inputs, mask, segment_ids, state, training):
        states = None if state is None else list(RecurrentState(*state).states)
        outputs, *states = self.recurrent(
            inputs, mask=mask, initial_state=states, training=training, segment_ids=segment_ids
        )
        return self._projected(outputs), RecurrentState(states)

    def initial_state(self, batch_size, max_length, width=1):
        return RecurrentState(self.recurrent.get_initial_state(batch_size * width))

    def step(self, inputs, state):
        output, states = self.recurrent.step(inputs, RecurrentState(*state).states)
        return self._projected(output), RecurrentState(states)

    def _projected(self, outputs):
        if self.output_kernel is None:
            return outputs
        weights = (self.output_kernel, self.output_bias)
        return affine(outputs, *[self.recurrent.cell.cast(w) for w in weights if w is not None])

    def get_config(self):
        cell = self.cell
        cell = cell if isinstance(cell, str) else keras.saving.serialize_keras_object(cell)
        own = {"cell": cell, "units": self.units, "use_bias": self.use_bias}
        return super().get_config() | own

    @classmethod
    def from_config(cls, config):
        cell = config["cell"]
        if not isinstance(cell, str):
            cell = keras.saving.deserialize_keras_object(cell)
        return cls(**config | {"cell": cell})
