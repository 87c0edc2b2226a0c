"""A Keras loss in place of that of the head: on logits, and on targets that it can read."""

from __future__ import annotations

from typing import Any

import keras

from seqzoo.heads.classes import Classes
from seqzoo.heads.tags import Tags
from seqzoo.heads.tokens import Tokens

_OF_IDS = {"sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy}
_OF_LABELS = {
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "binary_focal_crossentropy": keras.losses.BinaryFocalCrossentropy,
}


def make_loss(loss: Any, head: Any) -> Any:
    """Returns the loss that `compile` is given, or None where it is that of the head.

    Args:
        loss: "auto" or None, the name of a Keras loss, a loss, or a function of `(y, outputs)`.
        head: Its outputs are logits of class ids `(…, C)`, or with many labels of 0 and 1.

    Raises:
        ValueError: if a name is that of a loss that cannot read the targets, or a loss expects
            probabilities.
    """
    if loss in ("auto", None):
        return None
    if not isinstance(head, (Classes, Tags, Tokens)):
        return keras.losses.get(loss)
    suitable = _OF_LABELS if getattr(head, "multi_label", False) else _OF_IDS
    if getattr(loss, "__module__", "").startswith("keras.") and hasattr(loss, "__name__"):
        loss = loss.__name__  # one of Keras's own functions, which take probabilities
    if isinstance(loss, str):
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in loss).lstrip("_")
        if name not in suitable:
            targets = "rows of 0 and 1" if suitable is _OF_LABELS else "ids of classes"
            raise ValueError(
                f"`loss` must suit logits and targets that are {targets}. Received: {loss!r}. Use "
                f"{' or '.join(map(repr, suitable))}, or 'auto', which is the head's own."
            )
        return suitable[name](from_logits=True)
    if getattr(loss, "from_logits", None) is False:
        raise ValueError(
            f"The outputs of the task are logits. Received: a {type(loss).__name__} with "
            "from_logits=False. Make it with from_logits=True, or use loss='auto'."
        )
    return keras.losses.get(loss)
