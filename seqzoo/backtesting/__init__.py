"""Forecasts of the past: proofs that they know nothing of the future, and what they are worth."""

from seqzoo.backtesting.causal_gradient import check_causal_gradients
from seqzoo.backtesting.look_ahead import LookAheadError, prove_no_look_ahead
from seqzoo.backtesting.trading_report import TradingReport, trading_report
from seqzoo.backtesting.walk_forward import walk_forward

__all__ = [
    "LookAheadError",
    "TradingReport",
    "check_causal_gradients",
    "prove_no_look_ahead",
    "trading_report",
    "walk_forward",
]
