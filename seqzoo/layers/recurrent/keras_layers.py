"""The drop-ins for Keras's recurrent layers, faster on a CPU and legal under every mask.

Their constructors repeat Keras's arguments name by name, so that a call reads the same in both.
"""

import keras
from keras import ops

from seqzoo.layers.cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from seqzoo.layers.recurrent.rnn import Recurrent


class KerasRecurrent(Recurrent):
    """A `Recurrent` with the arguments, weights, results and config of a layer of Keras.

    What differs from `Recurrent`: `go_backwards` leaves the outputs in the order in which the steps
    ran.
    """

    def __init__(self, cell: Cell, go_backwards: bool, unroll: bool, **kwargs):
        super().__init__(cell, reverse=go_backwards, **kwargs)
        self.unroll = unroll

    @property
    def units(self) -> int:
        """Width of the output."""
        return self.cell.units

    @property
    def go_backwards(self) -> bool:
        """Whether the layer runs from the last step to the first."""
        return self.reverse

    def run(self, inputs, mask, state, training, segment_ids=None, segment_states=False):
        segments = segment_ids, segment_states
        outputs, final = super().run(inputs, mask, state, training, *segments)
        flips = self.reverse and self.return_sequences
        return ops.flip(outputs, axis=1) if flips else outputs, final

    def get_config(self):
        config = super().get_config() | {
            "go_backwards": self.go_backwards,
            "unroll": self.unroll,
            "activity_regularizer": keras.regularizers.serialize(self.activity_regularizer),
        }
        own = config.keys() - {"cell", "reverse"}
        of_cell = self.cell.get_config().items()
        return {name: config[name] for name in own} | {
            name: value for name, value in of_cell if name not in own
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="seqzoo")
class LSTM(KerasRecurrent):
    """`keras.layers.LSTM`, faster on a CPU and legal under every mask.

    Arguments, weights and results are those of Keras's layer, and weights can be exchanged. A
    masked step leaves the state as it is; outputs before the first real step are the initial
    state, which is zeros unless it is given.

    Args:
        units: Positive int. Width of the output.
        zoneout: See `Recurrent`, as for `weight_drop` and `gradient_steps`.
        weight_drop: See `Recurrent`.
        gradient_steps: See `Recurrent`.
        checkpoint_steps: See `Recurrent`.

    For the other arguments see `keras.layers.LSTM`; `unroll` has no effect, as the loop is as
    fast. For call arguments and results see `Recurrent`.

    Reference: Hochreiter and Schmidhuber, 1997; with the forget gate of Gers et al., 2000.

    Takes `(B, T, features)` and returns `(B, units)`, or `(B, T, units)` with `return_sequences`.

    Example:
        >>> layer = sz.layers.LSTM(5, return_sequences=True, zoneout=0.1)
        >>> keras.ops.shape(layer(np.ones((2, 3, 4))))
        (2, 3, 5)
    """

    def __init__(
        self,
        units: int,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: bool | str = "auto",
        zoneout: float = 0.0,
        weight_drop: float = 0.0,
        gradient_steps: int | None = None,
        checkpoint_steps: int | None = None,
        **kwargs,
    ):
        cell = LSTMCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dtype=kwargs.get("dtype"),
            name="cell",
        )
        super().__init__(
            cell,
            go_backwards=go_backwards,
            unroll=unroll,
            return_sequences=return_sequences,
            return_state=return_state,
            stateful=stateful,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            zoneout=zoneout,
            weight_drop=weight_drop,
            gradient_steps=gradient_steps,
            checkpoint_steps=checkpoint_steps,
            seed=seed,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn

    def get_config(self):
        return super().get_config() | {"use_cudnn": self.use_cudnn}


@keras.saving.register_keras_serializable(package="seqzoo")
class GRU(KerasRecurrent):
    """`keras.layers.GRU`, faster on a CPU and legal under every mask.

    Arguments, weights and results are those of Keras's layer, and weights can be exchanged. A
    masked step leaves the state as it is; outputs before the first real step are the initial
    state, which is zeros unless it is given.

    Args:
        units: Positive int. Width of the output.
        zoneout: See `Recurrent`, as for `weight_drop` and `gradient_steps`.
        weight_drop: See `Recurrent`.
        gradient_steps: See `Recurrent`.
        checkpoint_steps: See `Recurrent`.

    For the other arguments see `keras.layers.GRU`; `unroll` has no effect, as the loop is as
    fast. For call arguments and results see `Recurrent`.

    Reference: Cho et al., 2014, https://arxiv.org/abs/1406.1078

    Takes `(B, T, features)` and returns `(B, units)`, or `(B, T, units)` with `return_sequences`.

    Example:
        >>> layer = sz.layers.GRU(5, return_sequences=True, return_state=True)
        >>> outputs, state = layer(np.ones((2, 3, 4)))
        >>> keras.ops.shape(outputs), keras.ops.shape(state)
        ((2, 3, 5), (2, 5))
    """

    def __init__(
        self,
        units: int,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: bool | str = "auto",
        zoneout: float = 0.0,
        weight_drop: float = 0.0,
        gradient_steps: int | None = None,
        checkpoint_steps: int | None = None,
        **kwargs,
    ):
        cell = GRUCell(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            reset_after=reset_after,
            dtype=kwargs.get("dtype"),
            name="cell",
        )
        super().__init__(
            cell,
            go_backwards=go_backwards,
            unroll=unroll,
            return_sequences=return_sequences,
            return_state=return_state,
            stateful=stateful,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            zoneout=zoneout,
            weight_drop=weight_drop,
            gradient_steps=gradient_steps,
            checkpoint_steps=checkpoint_steps,
            seed=seed,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn

    def get_config(self):
        return super().get_config() | {"use_cudnn": self.use_cudnn}


@keras.saving.register_keras_serializable(package="seqzoo")
class SimpleRNN(KerasRecurrent):
    """`keras.layers.SimpleRNN`, faster on a CPU and legal under every mask.

    Arguments, weights and results are those of Keras's layer, and weights can be exchanged. A
    masked step leaves the state as it is; outputs before the first real step are the initial
    state, which is zeros unless it is given.

    Args:
        units: Positive int. Width of the output.
        zoneout: See `Recurrent`, as for `weight_drop` and `gradient_steps`.
        weight_drop: See `Recurrent`.
        gradient_steps: See `Recurrent`.
        checkpoint_steps: See `Recurrent`.

    For the other arguments see `keras.layers.SimpleRNN`; `unroll` has no effect, as the loop is as
    fast. For call arguments and results see `Recurrent`.

    Reference: Elman, 1990, Finding structure in time.

    Takes `(B, T, features)` and returns `(B, units)`, or `(B, T, units)` with `return_sequences`.

    Example:
        >>> layer = sz.layers.SimpleRNN(5, return_sequences=True)
        >>> tuple(layer(np.ones((2, 4, 3), "float32")).shape)
        (2, 4, 5)
    """

    def __init__(
        self,
        units: int,
        activation="tanh",
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        zoneout: float = 0.0,
        weight_drop: float = 0.0,
        gradient_steps: int | None = None,
        checkpoint_steps: int | None = None,
        **kwargs,
    ):
        cell = SimpleRNNCell(
            units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dtype=kwargs.get("dtype"),
            name="cell",
        )
        super().__init__(
            cell,
            go_backwards=go_backwards,
            unroll=unroll,
            return_sequences=return_sequences,
            return_state=return_state,
            stateful=stateful,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            zoneout=zoneout,
            weight_drop=weight_drop,
            gradient_steps=gradient_steps,
            checkpoint_steps=checkpoint_steps,
            seed=seed,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
