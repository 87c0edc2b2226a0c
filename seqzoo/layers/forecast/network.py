"""What every network of a forecaster takes and returns."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class ForecastNetwork(Protocol):
    """Reads windows of series, and returns hidden states that a forecast head projects.

    A Keras layer. It says for itself how many hidden states it returns: one that tells of the
    whole horizon, one for each segment or step of it, or, for a network in which every step is an
    origin, one for each step that it has read.

    One that leaves out `known` or `static` has their names as `unread`, and a forecaster with such
    covariates refuses it.

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


@runtime_checkable
class FedBackNetwork(ForecastNetwork, Protocol):
    """Takes the steps of a horizon one by one: each is fed the value of the one before.

    In a call the values that are fed are given as `following` `(B, G, C)`: hidden states
    `(B, 1 + G, features)`, each of the step after one that was fed, or `(B, L + G, features)` where
    the network `predicts_window`.

    Example:
        >>> decoder = sz.decoders.RecurrentDecoder(None, 1, units=5)
        >>> isinstance(sz.layers.DecodedHorizon(decoder), sz.layers.FedBackNetwork)
        True
    """

    @property
    def predicts_window(self) -> bool:
        """Whether hidden states tell of the steps of the window too."""
        ...

    def start(
        self,
        values: Any,
        steps: int,
        mask: Any = None,
        known: Any = None,
        static: Any = None,
        width: int = 1,
    ) -> tuple[Any, Any, Any]:
        """Reads a window, and returns what `stepper` begins with.

        Args:
            values: As in a call.
            steps: Positive int, H, the steps that will be taken.
            mask: As in a call.
            known: As in a call.
            static: As in a call.
            width: Positive int, the paths of each row, which stand side by side.

        Returns:
            The first value that is fed `(N, C)`, a state of leaves `(N, …)`, N = B * width, and
            the memory.
        """
        ...

    def stepper(self) -> Any:
        """Returns `step(previous (N, C), state, memory) -> (hidden (N, features), state)`."""
        ...
