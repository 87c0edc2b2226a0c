"""What the layers that stand for Keras's recurrent layers share."""

import keras
from keras import ops

from seqzoo.layers.cells import Cell
from seqzoo.layers.recurrent import Recurrent
from seqzoo.ops.cudnn import run_cudnn


class KerasRecurrent(Recurrent):
    """A `Recurrent` with the arguments, weights, results and config of a layer of Keras.

    What differs from `Recurrent`: `go_backwards` leaves the outputs in the order in which the
    steps ran, and cuDNN runs what it can on a GPU.
    """

    use_cudnn: bool | str = False
    """Whether cuDNN may run the layer."""

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

    def run(self, inputs, mask, state, training, segment_ids=None):
        def general():
            return super(KerasRecurrent, self).run(inputs, mask, state, training, segment_ids)

        random = self.dropout or self.recurrent_dropout or self.weight_drop
        in_parts = self.gradient_steps or self.checkpoint_steps or segment_ids is not None
        special = self.zoneout or in_parts or (training and random)
        arguments = None if special or not self.use_cudnn else self.cudnn_arguments(state)
        if arguments is None:
            outputs, final = general()
        else:
            arguments = {"inputs": self.cell.cast(inputs), **self._cudnn_weights(), **arguments}
            outputs, final = run_cudnn(arguments, mask, self.reverse, general)
        return ops.flip(outputs, axis=1) if self.reverse else outputs, final

    def cudnn_arguments(self, state: list) -> dict | None:
        """Returns what of the arguments of Keras's call of cuDNN is the layer's own.

        `kind` says which recurrence it is, `"lstm"` or `"gru"`. None where cuDNN has none.
        """
        return None

    def _cudnn_weights(self) -> dict:
        cell = self.cell
        weights = {name: getattr(cell, name) for name in ("kernel", "recurrent_kernel", "bias")}
        return {name: None if w is None else cell.cast(w) for name, w in weights.items()} | {
            "activation": cell.activation,
            "recurrent_activation": cell.recurrent_activation,
        }

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
