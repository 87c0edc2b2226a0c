"""What users pass to `fit` and `evaluate`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def refuse_arguments_for_tensors(arguments: dict[str, Any]) -> None:
    """Raises an error for what Keras's `fit` takes with tensors only."""
    for name in ("class_weight", "sample_weight", "shuffle", "validation_split"):
        if name in arguments:
            raise ValueError(
                f"`fit` takes no `{name}` with raw examples: `seed` gives their order, each token "
                "has weight 1, and `validation_data` holds the examples to validate on."
            )


def split(data) -> tuple:
    """Returns a tuple of inputs and targets as it is, and other examples as the only one of one."""
    is_pair = isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], (str, bytes))
    return data if is_pair else (data,)


def is_batched(x) -> bool:
    """Tells a dataset of batches, as `fit` itself evaluates, from raw examples."""
    spec = x.element_spec if isinstance(x, tf.data.Dataset) else None
    return isinstance(spec, tuple) and isinstance(spec[0], dict)
