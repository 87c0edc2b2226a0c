"""Recurrent cells, one file each."""

from seqzoo.layers.cells.cell import Cell
from seqzoo.layers.cells.gru import GRUCell
from seqzoo.layers.cells.lstm import LSTMCell
from seqzoo.layers.cells.simple import SimpleRNNCell

CELLS: dict[str, type[Cell]] = {"simple": SimpleRNNCell, "gru": GRUCell, "lstm": LSTMCell}
"""The cells by the name that layers and builders take."""

__all__ = ["CELLS", "Cell", "GRUCell", "LSTMCell", "SimpleRNNCell"]
