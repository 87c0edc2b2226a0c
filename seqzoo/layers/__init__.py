"""Layers that stand alone in any Keras model."""

from seqzoo.layers.attention import (
    AdditiveAttention,
    Attention,
    ConcatAttention,
    DotAttention,
    GeneralAttention,
    Memory,
)
from seqzoo.layers.cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from seqzoo.layers.recurrent import Bidirectional, Recurrent

__all__ = [
    "AdditiveAttention",
    "Attention",
    "Bidirectional",
    "Cell",
    "ConcatAttention",
    "DotAttention",
    "GRUCell",
    "GeneralAttention",
    "LSTMCell",
    "Memory",
    "Recurrent",
    "SimpleRNNCell",
]
