"""Layers that stand alone in any Keras model."""

from seqzoo.layers.attention import (
    AdditiveAttention,
    Attention,
    ConcatAttention,
    CoverageAttention,
    DotAttention,
    GeneralAttention,
    LocationSensitiveAttention,
    Memory,
    MultiHeadAttention,
    SelfAttentionPooling,
)
from seqzoo.layers.cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from seqzoo.layers.recurrent import Bidirectional, Recurrent

__all__ = [
    "AdditiveAttention",
    "Attention",
    "Bidirectional",
    "Cell",
    "ConcatAttention",
    "CoverageAttention",
    "DotAttention",
    "GRUCell",
    "GeneralAttention",
    "LSTMCell",
    "LocationSensitiveAttention",
    "Memory",
    "MultiHeadAttention",
    "Recurrent",
    "SelfAttentionPooling",
    "SimpleRNNCell",
]
