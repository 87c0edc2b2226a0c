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
from seqzoo.layers.gru import GRU
from seqzoo.layers.lstm import LSTM
from seqzoo.layers.recurrent import Bidirectional, Recurrent
from seqzoo.layers.recurrent_stack import RecurrentStack
from seqzoo.layers.simple_rnn import SimpleRNN

__all__ = [
    "AdditiveAttention",
    "Attention",
    "Bidirectional",
    "Cell",
    "ConcatAttention",
    "DotAttention",
    "GRU",
    "GRUCell",
    "GeneralAttention",
    "LSTM",
    "LSTMCell",
    "Memory",
    "Recurrent",
    "RecurrentStack",
    "SimpleRNN",
    "SimpleRNNCell",
]
