"""The layers that run cells over time."""

from seqzoo.layers.recurrent.bidirectional import Bidirectional
from seqzoo.layers.recurrent.keras_layers import GRU, LSTM, SimpleRNN
from seqzoo.layers.recurrent.rnn import Recurrent
from seqzoo.layers.recurrent.stack import RecurrentStack

__all__ = ["GRU", "LSTM", "Bidirectional", "Recurrent", "RecurrentStack", "SimpleRNN"]
