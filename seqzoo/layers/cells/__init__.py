"""Recurrent cells, one file each."""

from seqzoo.layers.cells.cell import Cell
from seqzoo.layers.cells.chrono import ChronoInitializer
from seqzoo.layers.cells.coupled_lstm import CoupledLSTMCell
from seqzoo.layers.cells.gru import GRUCell
from seqzoo.layers.cells.indrnn import IndRNNCell
from seqzoo.layers.cells.keras_cell import KerasCell, as_cell
from seqzoo.layers.cells.layer_norm_gru import LayerNormGRUCell
from seqzoo.layers.cells.layer_norm_lstm import LayerNormLSTMCell
from seqzoo.layers.cells.linear import LinearCell
from seqzoo.layers.cells.lru import LRUCell
from seqzoo.layers.cells.lstm import LSTMCell
from seqzoo.layers.cells.min_gru import MinGRUCell
from seqzoo.layers.cells.min_lstm import MinLSTMCell
from seqzoo.layers.cells.peephole_lstm import PeepholeLSTMCell
from seqzoo.layers.cells.projected_lstm import ProjectedLSTMCell
from seqzoo.layers.cells.rg_lru import RGLRUCell
from seqzoo.layers.cells.simple import SimpleRNNCell
from seqzoo.ops.option_names import check_known

CELLS: dict[str, type[Cell]] = {
    "simple": SimpleRNNCell,
    "gru": GRUCell,
    "lstm": LSTMCell,
    "peephole_lstm": PeepholeLSTMCell,
    "coupled_lstm": CoupledLSTMCell,
    "projected_lstm": ProjectedLSTMCell,
    "layer_norm_lstm": LayerNormLSTMCell,
    "layer_norm_gru": LayerNormGRUCell,
    "indrnn": IndRNNCell,
    "min_gru": MinGRUCell,
    "min_lstm": MinLSTMCell,
    "lru": LRUCell,
    "rg_lru": RGLRUCell,
}
"""The cells by the name that layers and builders take."""


def make_cell(cell: str, units: int, **options) -> Cell:
    """Returns a new cell of the kind that `CELLS` holds under that name."""
    check_known("cell", cell, CELLS)
    return CELLS[cell](units, **options)


__all__ = [
    "CELLS",
    "Cell",
    "ChronoInitializer",
    "CoupledLSTMCell",
    "GRUCell",
    "IndRNNCell",
    "KerasCell",
    "LRUCell",
    "LSTMCell",
    "LayerNormGRUCell",
    "LayerNormLSTMCell",
    "LinearCell",
    "MinGRUCell",
    "MinLSTMCell",
    "PeepholeLSTMCell",
    "ProjectedLSTMCell",
    "RGLRUCell",
    "SimpleRNNCell",
    "as_cell",
    "make_cell",
]
