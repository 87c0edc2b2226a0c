"""Functions on tensors, on any Keras backend: recurrences, attention, CRFs, graphs, losses.

    import seqzoo as sz

    sz.ops.crf.viterbi(potentials, transitions, mask)

A subject is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqzoo.ops import (
        attention,
        crf,
        decoding,
        exponential_smoothing,
        graphs,
        losses,
        masks,
        monotonic,
        recurrence,
    )

_SUBJECTS = (
    "attention",
    "crf",
    "decoding",
    "exponential_smoothing",
    "graphs",
    "losses",
    "masks",
    "monotonic",
    "recurrence",
)

__all__ = [
    "attention",
    "crf",
    "decoding",
    "exponential_smoothing",
    "graphs",
    "losses",
    "masks",
    "monotonic",
    "recurrence",
]


def __getattr__(name: str):
    """Imports a subject on first use."""
    if name in _SUBJECTS:
        return importlib.import_module(f"seqzoo.ops.{name}")
    raise AttributeError(f"module 'seqzoo.ops' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
