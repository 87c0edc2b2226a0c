"""Recurrences over time: the loop with its gradient, LSTM and GRU on tensors, linear ones."""

from seqzoo.ops.recurrence.gated import gru, lstm
from seqzoo.ops.recurrence.linear import linear_recurrence

__all__ = ["gru", "linear_recurrence", "lstm"]
