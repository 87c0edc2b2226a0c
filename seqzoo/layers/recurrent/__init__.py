"""The layers that run cells over time."""

from seqzoo.layers.recurrent.bidirectional import Bidirectional
from seqzoo.layers.recurrent.gru import GRU
from seqzoo.layers.recurrent.lstm import LSTM
from seqzoo.layers.recurrent.recurrent import Recurrent
from seqzoo.layers.recurrent.simple_rnn import SimpleRNN
from seqzoo.layers.recurrent.stack import RecurrentStack

__all__ = ["GRU", "LSTM", "Bidirectional", "Recurrent", "RecurrentStack", "SimpleRNN"]
