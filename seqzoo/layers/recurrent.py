"""Layers that run a cell over whole sequences."""

import keras
from keras import ops

from seqzoo.layers.cells import CELLS, Cell
from seqzoo.ops.masks import where_real
from seqzoo.ops.scans import scan


def make_cell(cell: str | Cell, units: int) -> Cell:
    """Returns a cell of `units` from its name in `CELLS`, or `cell` itself."""
    return lookup(cell, CELLS, "cell")(units) if isinstance(cell, str) else cell
