"""The layer that runs a cell both ways over a sequence."""

from typing import Literal

import keras
from keras import ops

from seqzoo.layers.cells import Cell, as_cell
from seqzoo.layers.recurrent.keras_layers import GRU, LSTM, SimpleRNN
from seqzoo.layers.recurrent.loop import (
    LoopOptions,
    build_cell,
    first_state,
    make_loop,
    options_of,
    states_after_segments,
)
from seqzoo.layers.recurrent.rnn import Recurrent
from seqzoo.ops.masks import attached_mask
from seqzoo.ops.option_names import check_known
from seqzoo.ops.recurrence import plan

MERGES = ("concat", "sum", "mul", "ave")
Merge = Literal["concat", "sum", "mul", "ave"]

DROP_INS: dict[type[keras.layers.Layer], type[Recurrent]] = {
    keras.layers.LSTM: LSTM,
    keras.layers.GRU: GRU,
    keras.layers.SimpleRNN: SimpleRNN,
}
"""The layers of Keras and those that take their places."""


@keras.saving.register_keras_serializable(package="seqzoo")
class Bidirectional(keras.layers.Layer):
    """Runs one cell forward and another of the same kind backward.

    Given a layer, as in Keras, it has the options of that layer and returns what Keras's own
    `Bidirectional` would:

        Bidirectional(layers.LSTM(64, return_sequences=True, dropout=0.1))

    Given a cell, it returns sequences and states.

    Args:
        cell: The `Cell` that runs forward; the other one is made from its config. Or a recurrent
            layer of seqzoo or Keras, whose options then take the place of the arguments below.
        merge_mode: How the results of both directions become one: side by side, or their sum,
            product or mean.

    For the other arguments, `use_cudnn`, and errors, see `Recurrent`.

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: Boolean tensor `(B, T)`, True on real steps; None where all are.
        initial_state: List of the states `(B, *shape)` of the forward cell and then of the
            backward cell; zeros if None.
        segment_ids: See `Recurrent`.
        segment_states: See `Recurrent`.

    Returns:
        Of a cell, `(outputs, *states)`: the outputs of both directions merged, `(B, T, 2 * units)`
        side by side and `(B, T, units)` otherwise, and for each state of the cell the final ones
        of both side by side, `(B, ..., 2 * width)`. Of a layer, the outputs, without time if it
        has no `return_sequences`; with `return_state`, a tuple of them, the final states of the
        forward cell and those of the backward cell.

    Raises:
        ValueError: for a layer that is stateful, runs backward, comes with options beside it, or,
            if it is Keras's, is built or has `zero_output_for_mask`.

    Reference: Schuster and Paliwal, 1997, Bidirectional recurrent neural networks.

    Example:
        >>> layer = sz.layers.Bidirectional(sz.layers.LSTM(5, return_sequences=True))
        >>> keras.ops.shape(layer(np.ones((2, 3, 4))))
        (2, 3, 10)
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
        merge_mode: Merge = "concat",
        **kwargs,
    ):
        layer = _as_recurrent(cell)
        options = LoopOptions(
            dropout, recurrent_dropout, zoneout, weight_drop, gradient_steps, checkpoint_steps
        )
        if layer is not None:
            _check_layer(layer, options)
            kwargs = {"dtype": layer.dtype_policy} | kwargs
        super().__init__(**kwargs)
        check_known("merge_mode", merge_mode, MERGES)
        # The config alone: the layer itself would be saved a second time beside its cell.
        self._layer_config = None if layer is None else keras.saving.serialize_keras_object(layer)
        if layer is not None:
            cell, options, seed = layer.cell, options_of(layer), layer.seed
            self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
            self.use_cudnn = layer.use_cudnn
            self.activity_regularizer = layer.activity_regularizer
        self.forward_cell = cell = as_cell(cell)
        self.backward_cell = type(cell).from_config(
            cell.get_config() | {"name": f"{cell.name}_backward"}
        )
        self.merge_mode = merge_mode
        self.dropout = options.dropout
        self.recurrent_dropout = options.recurrent_dropout
        self.zoneout = options.zoneout
        self.weight_drop = options.weight_drop
        self.gradient_steps = options.gradient_steps
        self.checkpoint_steps = options.checkpoint_steps
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    @property
    def _wraps_layer(self) -> bool:
        return self._layer_config is not None

    def build(self, input_shape):
        options_of(self).check(self.forward_cell)
        build_cell(self.forward_cell, input_shape)
        build_cell(self.backward_cell, input_shape)

    def call(
        self,
        inputs,
        mask=None,
        training=False,
        segment_ids=None,
        initial_state=None,
        segment_states=False,
    ):
        mask = attached_mask(mask, inputs)
        cells = (self.forward_cell, self.backward_cell)
        count = len(self.forward_cell.state_size)
        given = (None, None)
        if initial_state is not None:
            given = (initial_state[:count], initial_state[count:])
        states = [first_state(cell, inputs, own) for cell, own in zip(cells, given, strict=True)]
        returns_sequences = not self._wraps_layer or self.return_sequences
        forward, backward = (
            make_loop(
                self,
                cell,
                inputs,
                mask,
                state,
                training,
                reverse,
                segment_ids,
                returns_sequences,
                segment_states,
            )
            for cell, state, reverse in zip(cells, states, (False, True), strict=True)
        )
        (forward_states, forward_final), (backward_states, backward_final) = plan.run(
            [forward, backward]
        )
        if segment_states:
            forward_final = states_after_segments(forward_states, segment_ids)
            backward_final = states_after_segments(backward_states, segment_ids, reverse=True)
        if not returns_sequences:
            outputs = self._merge(forward_final[0], backward_final[0])
        else:
            outputs = self._merge(forward_states[0], backward_states[0])
            outputs = ops.transpose(outputs, (1, 0, 2))  # (T, B, units) -> (B, T, units)
        if self._wraps_layer:
            states = (*forward_final, *backward_final)
            return (outputs, *states) if self.return_state else outputs
        pairs = zip(forward_final, backward_final, strict=True)
        return (outputs, *(ops.concatenate(pair, axis=-1) for pair in pairs))

    def _merge(self, forward, backward):
        if self.merge_mode == "concat":
            return ops.concatenate([forward, backward], axis=-1)
        if self.merge_mode == "mul":
            return forward * backward
        total = forward + backward
        return total / 2 if self.merge_mode == "ave" else total

    def compute_mask(self, inputs, mask=None):
        states = [None] * len(self.forward_cell.state_size)
        if not self._wraps_layer:
            return [mask, *states]
        output_mask = mask if self.return_sequences else None
        return [output_mask, *states, *states] if self.return_state else output_mask

    def compute_output_shape(self, input_shape):
        batch, time = input_shape[:2]
        shapes = self.forward_cell.state_shapes
        width = self.forward_cell.output_size * (2 if self.merge_mode == "concat" else 1)
        if not self._wraps_layer:
            states = [(batch, *shape[:-1], 2 * shape[-1]) for shape in shapes]
            return ((batch, time, width), *states)
        output = (batch, time, width) if self.return_sequences else (batch, width)
        states = [(batch, *shape) for shape in shapes]
        return (output, *states, *states) if self.return_state else output

    def get_config(self):
        config = super().get_config() | {"merge_mode": self.merge_mode}
        if self._wraps_layer:
            return config | {"cell": self._layer_config}
        return config | {
            "cell": keras.saving.serialize_keras_object(self.forward_cell),
            **options_of(self)._asdict(),
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**config | {"cell": cell})


def _check_layer(layer: Recurrent, options: LoopOptions) -> None:
    """Raises ValueError for a layer that cannot run both ways."""
    if layer.stateful:
        raise ValueError(
            "The layer of a `Bidirectional` cannot be stateful, as the backward direction begins "
            "at the end of the sequence. Set stateful=False."
        )
    if layer.reverse:
        raise ValueError(
            "The layer of a `Bidirectional` must run forward; the backward one is made from it. "
            "Received: a layer that runs backward. Leave out `reverse` or `go_backwards`."
        )
    if options != LoopOptions():
        given = {k: v for k, v in options._asdict().items() if v != LoopOptions()._asdict()[k]}
        raise ValueError(
            f"Of a layer, a `Bidirectional` takes the options of the layer. Received: {given} "
            "beside a layer. Give them to the layer."
        )


def _as_recurrent(layer: keras.layers.Layer) -> Recurrent | None:
    """Returns a `Recurrent` that does what a recurrent layer does; None for what is no layer.

    A layer of Keras must not be built yet, as the new one has weights of its own.
    """
    if isinstance(layer, Recurrent):
        return layer
    if not isinstance(layer, keras.layers.RNN):
        return None
    if layer.built:
        raise ValueError(
            f"{layer.name} is built already. Give a new keras.layers.{type(layer).__name__}, and "
            "set the weights of the result."
        )
    if layer.zero_output_for_mask:
        raise ValueError(
            "`zero_output_for_mask` is not known here: a masked step gives the output of the last "
            "real one. Leave it out, and multiply the outputs by the mask."
        )
    if type(layer) in DROP_INS:
        config = layer.get_config()
        del config["zero_output_for_mask"]
        return DROP_INS[type(layer)](**config)
    return Recurrent(
        layer.cell,
        reverse=layer.go_backwards,
        return_sequences=layer.return_sequences,
        return_state=layer.return_state,
        stateful=layer.stateful,
        name=layer.name,
        dtype=layer.dtype_policy,
    )
