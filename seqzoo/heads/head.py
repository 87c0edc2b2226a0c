"""What every head is."""

from typing import Any, Protocol, runtime_checkable

import keras


@runtime_checkable
class Head(Protocol):
    """Makes outputs of hidden states, and knows their loss, metrics and decisions: a Keras layer.

    The outputs are a tensor, or a named tuple of tensors where the loss needs more than one. They
    are passed to the other methods as they are.

    Hidden states are `(B, T, features)`, or `(B, features)` for a head of whole inputs.

    Example:
        >>> head = sz.heads.Tokens(6, impossible=())
        >>> logits = head(np.zeros((2, 3, 4), "float32"))
        >>> loss, weight = head.loss(np.ones((2, 3), "int32"), logits, np.ones((2, 3), "float32"))
        >>> round(float(loss / weight), 4)  # log 6
        1.7918
    """

    def __call__(self, hidden: Any, mask: Any = None, reads: Any = None) -> Any:
        """Returns the outputs.

        Args:
            hidden: `(B, T, features)`, or `(B, features)` for a head of whole inputs.
            mask: Boolean `(B, T)`, True on real steps, for a head whose outputs depend on it.
            reads: `(weights, source_ids)` of a decoder's attention, for a head that copies.
        """
        ...

    def loss(self, y: Any, outputs: Any, weight: Any, mask: Any = None) -> tuple[Any, Any]:
        """Returns the sum of the losses and the sum of their weights, scalars.

        Args:
            y: Targets.
            outputs: What the call returned.
            weight: Float tensor of the shape of `y`: how much each target counts.
            mask: Boolean of the shape of `y`, True on real steps; None where all are. It alone
                says which steps a sequence of targets has: a step of weight 0 still is one.
        """
        ...

    def make_metrics(self) -> list[keras.metrics.Metric]:
        """Returns fresh metrics, in the order of `measure`."""
        ...

    def measure(self, y: Any, outputs: Any, weight: Any, mask: Any = None) -> list[tuple]:
        """Returns for each metric the arguments of its `update_state`; see `loss`."""
        ...

    def decide(self, outputs: Any, mask: Any = None) -> Any:
        """Returns the most probable answer.

        Args:
            outputs: What the call returned.
            mask: Boolean `(B, T)`, True on real steps; None where all are. Masked steps get 0.
        """
        ...
