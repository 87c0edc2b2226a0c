"""How many examples a step of training takes, and how often each is seen, by their number."""

from __future__ import annotations

from typing import NamedTuple

_STEPS_IN_AN_EPOCH = 250  # at least, where the batch can be that small
_BATCH_SIZES = (128, 64, 32, 16)
_SMALLEST_BATCH = 8
STEPS = 4000  # of a training, about,
STEPS_OF_CLASSES = 2000  # where examples are classes of texts, which more steps learn by heart,
_TOKENS = 20_000_000  # unless it would read more: minutes on two cores, with a million weights
_EPOCHS = (3, 30)  # at least and at most,
_FEWEST_STEPS = 100  # unless so many take more
_FEW_STEPS = 2000  # of a training, below which each is larger,
_HIGHEST_RATE = 0.02  # up to this


class Amounts(NamedTuple):
    """The examples of a batch, and the passes over all examples."""

    batch_size: int
    epochs: int


def choose_amounts(
    examples: int, tokens: float, batch_size: int | None = None, steps: int = STEPS
) -> Amounts:
    """Returns what suits a number of training examples and their mean length in tokens.

    Hundreds of steps make an epoch, so that few examples are learned from in small batches, and
    thousands a training.

    Args:
        examples: Positive int.
        tokens: Of an example, about.
        batch_size: Examples of a batch, where that is given.
        steps: Of a training, about.

    Example:
        >>> from seqzoo.amounts import choose_amounts
        >>> choose_amounts(2000, tokens=20), choose_amounts(25_000, tokens=250)
        (Amounts(batch_size=8, epochs=16), Amounts(batch_size=64, epochs=3))
    """
    fitting = (size for size in _BATCH_SIZES if examples >= size * _STEPS_IN_AN_EPOCH)
    batch_size = next(fitting, _SMALLEST_BATCH) if batch_size is None else batch_size
    in_an_epoch = -(-examples // batch_size)
    epochs = round(min(steps / in_an_epoch, _TOKENS / (examples * max(tokens, 1))))
    most = max(_EPOCHS[1], -(-_FEWEST_STEPS // in_an_epoch))
    return Amounts(batch_size, min(max(epochs, _EPOCHS[0]), most))


def suited_rate(rate: float, steps: int) -> float:
    """Returns the highest learning rate of a training of so many steps: fewer steps are larger.

    Args:
        rate: Of a training of thousands of steps.
        steps: Positive int, of the whole training.

    Example:
        >>> from seqzoo.amounts import suited_rate
        >>> suited_rate(0.001, steps=4000), suited_rate(0.001, steps=250)
        (0.001, 0.008)
    """
    return max(rate, min(rate * _FEW_STEPS / steps, _HIGHEST_RATE))
