"""Layers that stand alone in any Keras model."""

from seqzoo.layers.activation_regularization import ActivationRegularization
from seqzoo.layers.attention import (
    AdditiveAttention,
    Attention,
    ConcatAttention,
    DotAttention,
    GeneralAttention,
    Memory,
)
from seqzoo.layers.cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from seqzoo.layers.dropped_embedding import DroppedEmbedding
from seqzoo.layers.locked_dropout import LockedDropout
from seqzoo.layers.recurrent import Bidirectional, Recurrent

__all__ = [
    "ActivationRegularization",
    "AdditiveAttention",
    "Attention",
    "Bidirectional",
    "Cell",
    "ConcatAttention",
    "DotAttention",
    "DroppedEmbedding",
    "GRUCell",
    "GeneralAttention",
    "LSTMCell",
    "LockedDropout",
    "Memory",
    "Recurrent",
    "SimpleRNNCell",
]
