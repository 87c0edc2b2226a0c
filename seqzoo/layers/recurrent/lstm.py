"""The drop-in for Keras's LSTM layer."""

import keras

from seqzoo.layers.cells import LSTMCell
from seqzoo.layers.recurrent.keras_recurrent import KerasRecurrent


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
