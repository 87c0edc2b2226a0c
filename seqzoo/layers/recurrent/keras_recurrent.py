"""What the layers that stand for Keras's recurrent layers share."""

import keras
from keras import ops

from seqzoo.layers.cells import Cell
from seqzoo.layers.recurrent.recurrent import Recurrent


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

    def run(self, inputs, mask, state, training, segment_ids=None):
        outputs, final = super().run(inputs, mask, state, training, segment_ids)
        return ops.flip(outputs, axis=1) if self.reverse else outputs, final

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
