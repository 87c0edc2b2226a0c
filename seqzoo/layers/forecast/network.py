"""What every network of a forecaster takes and returns."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class ForecastNetwork(Protocol):
    """Reads windows of series, and returns hidden states that a forecast head projects.

    A Keras layer. It says for itself how many hidden states it returns: one that tells of the
    whole horizon, one for each segment or step of it, or, for a network in which every step is an
    origin, one for each step that it has read.

    Values are `(B, L, F)`, hidden states `(B, N, features)`.

    Example:
        >>> isinstance(sz.layers.WindowSteps(), sz.layers.ForecastNetwork)
        True
    """

    def __call__(
        self,
        values: Any,
        mask: Any = None,
        known: Any = None,
        static: Any = None,
        training: bool = False,
    ) -> Any:
        """Returns hidden states `(B, N, features)`.

        Args:
            values: `(B, L, F)`, scaled, the steps before the origin.
            mask: Boolean `(B, L)`, True on real steps; None is all.
            known: `(B, L + H, K)`, covariates of all steps; None where there are none.
            static: `(B, S)`, what is known of a series; None where nothing is.
            training: Whether values are dropped.
        """
        ...
