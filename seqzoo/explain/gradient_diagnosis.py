"""What a slope of gradients means, in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqzoo.layers import GRUCell, LSTMCell, SimpleRNNCell

_SMALL, _LARGE = 1e-2, 1e2  # of what the last step gets, at the first one

_AGAINST_VANISHING = {
    SimpleRNNCell: "an orthogonal or identity recurrent initializer (with relu), or an LSTM or "
    "GRU cell",
    LSTMCell: "a larger bias of the forget gate (above 1, or chrono initialization)",
    GRUCell: "a larger bias of the update gate (chrono initialization)",
}
_AGAINST_EXPLODING = (
    "clipping by the global norm (`global_clipnorm`), a lower learning rate, smaller or orthogonal "
    "recurrent weights, or `gradient_steps`"
)


def diagnose(norms: np.ndarray, slope: float, steps: int, cell: Any, reads_all: bool) -> str:
    """Says whether a gradient vanishes, explodes or stays, over as many steps as the rows have.

    It vanishes where less than 1 % of what the last step gets would reach the first, and explodes
    where more than a hundred times as much would.

    Args:
        norms: Norms at all real steps of all rows, in any order.
        slope: See `LayerFlow.slope`.
        steps: See `LayerFlow.steps`.
        cell: The cell, for what to try.
        reads_all: Whether the loss reads many steps.
    """
    if not np.all(np.isfinite(norms)):
        return f"exploding: the gradient is not finite. Try {_AGAINST_EXPLODING}."
    if not np.any(norms):
        return "none: no gradient comes here. What is differentiated does not depend on this cell."
    if math.isnan(slope):
        return "unknown: there are too few steps with a gradient. Use longer sequences."
    percent, log_left = _percent(slope), slope * (steps - 1)
    left = f"{_number(log_left)} of what the last step gets reaches the first of {steps}"
    if log_left < math.log(_SMALL):
        return (
            f"vanishing: the gradient loses {percent} a step; {left}. Try {_remedy(cell)}. Where "
            "far steps do not matter, `gradient_steps` spares them."
        )
    if log_left > math.log(_LARGE):
        return (
            f"exploding: the gradient grows by {percent} a step; {_number(log_left)} times what "
            f"the last step gets reaches the first of {steps}. Try {_AGAINST_EXPLODING}."
        )
    if reads_all:
        return (
            f"level: the gradient changes by {percent} a step. The loss reads many steps, so that "
            "this says little of how far back it reaches. Leave out `y` to see that."
        )
    reached = np.mean(norms > 0)
    if reached < 1:
        return (
            f"cut: {100 * (1 - reached):.0f} % of the steps get no gradient at all. "
            "`gradient_steps` does that, and units that are stuck where the activation is flat."
        )
    return f"healthy: the gradient changes by {percent} a step; {left}."


def _percent(slope: float) -> str:
    share = abs(math.expm1(min(slope, 50.0)))
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1g} %"


def _number(log: float) -> str:
    """Writes e to the power of `log`, which may be too small or too large for a float."""
    exponent = log / math.log(10)
    if -2 <= exponent < 4:
        return f"{math.exp(log):.2g}"
    return f"1e{round(exponent)}"


def _remedy(cell: Any) -> str:
    kinds = (remedy for kind, remedy in _AGAINST_VANISHING.items() if isinstance(cell, kind))
    return next(kinds, "a cell whose gates can keep its state, such as an LSTM")
