"""The drop-in for Keras's SimpleRNN layer."""

import keras

from seqzoo.layers.cells import SimpleRNNCell
from seqzoo.layers.recurrent.keras_recurrent import KerasRecurrent


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
