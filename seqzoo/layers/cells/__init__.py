"""Recurrent cells, one file each."""

from seqzoo.layers.cells.cell import Cell
from seqzoo.layers.cells.gru import GRUCell
from seqzoo.layers.cells.lstm import LSTMCell
from seqzoo.layers.cells.simple import SimpleRNNCell
from seqzoo.ops.names import check_known

CELLS: dict[str, type[Cell]] = {"simple": SimpleRNNCell, "gru": GRUCell, "lstm": LSTMCell}
"""The cells by the name that layers and builders take."""


def make_cell(cell: str, units: int, **options) -> Cell:
    """Returns a new cell of the kind that `CELLS` holds under that name."""
    check_known("cell", cell, CELLS)
    return CELLS[cell](units, **options)


__all__ = ["CELLS", "Cell", "GRUCell", "LSTMCell", "SimpleRNNCell", "make_cell"]
