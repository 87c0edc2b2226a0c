"""How many examples a step of training takes, and how often each is seen, by their number."""

from __future__ import annotations

from typing import NamedTuple

_STEPS_IN_AN_EPOCH = 250  # at least, where the batch can be that small
_BATCH_SIZES = (128, 64, 32, 16)
_SMALLEST_BATCH = 8
_STEPS = 4000  # of a training, about,
_TOKENS = 20_000_000  # unless it would read more: minutes on two cores, with a million weights
_EPOCHS = (3, 30)  # at least and at most


class Amounts(NamedTuple):
    """The examples of a batch, and the passes over all examples."""

    batch_size: int
    epochs: int


def choose_amounts(examples: int, tokens: float) -> Amounts:
    """Returns what suits a number of training examples and their mean length in tokens.

    Hundreds of steps make an epoch, so that few examples are learned from in small batches, and
    thousands a training.

    Example:
        >>> from seqzoo.amounts import choose_amounts
        >>> choose_amounts(2000, tokens=20), choose_amounts(25_000, tokens=250)
        (Amounts(batch_size=8, epochs=16), Amounts(batch_size=64, epochs=3))
    """
    fitting = (size for size in _BATCH_SIZES if examples >= size * _STEPS_IN_AN_EPOCH)
    batch_size = next(fitting, _SMALLEST_BATCH)
    steps = -(-examples // batch_size)
    epochs = round(min(_STEPS / steps, _TOKENS / (examples * max(tokens, 1))))
    return Amounts(batch_size, min(max(epochs, _EPOCHS[0]), _EPOCHS[1]))
