"""Proofs that a forecast knows nothing of the future."""

from seqzoo.backtesting.causal_gradient import check_causal_gradients
from seqzoo.backtesting.look_ahead import LookAheadError, prove_no_look_ahead

__all__ = ["LookAheadError", "check_causal_gradients", "prove_no_look_ahead"]
