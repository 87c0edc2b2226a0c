"""What users pass to `fit` and `evaluate`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from seqzoo.preprocessing.batching import Batches, Preprocessor, training_batches
from seqzoo.preprocessing.streaming import is_stream, streamed_batches
from seqzoo.preprocessing.tokenised_stream import packer_of


def refuse_arguments_for_tensors(arguments: dict[str, Any]) -> None:
    """Raises an error for what Keras's `fit` takes with tensors only."""
    for name in ("class_weight", "sample_weight", "shuffle", "validation_split"):
        if name in arguments:
            raise ValueError(
                f"`fit` takes no `{name}` with raw examples: `seed` gives their order, heads of "
                "classes and tags take `class_weights`, all else has weight 1, and "
                "`validation_data` holds the examples to validate on."
            )


def as_examples(data, preprocessor: Preprocessor) -> tf.data.Dataset:
    """Makes a dataset of raw examples, of a stream, or of a tuple of inputs and targets."""
    if is_stream(data):
        return data.ordered()
    return preprocessor.examples(*split(data))


def split(data) -> tuple:
    """Returns a tuple of inputs and targets as it is, and other examples as the only one of one."""
    is_pair = isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], (str, bytes))
    return data if is_pair else (data,)


def batches_of(x, y, preprocessor, *sizes: int | None, seed: int) -> Batches:
    """Makes training batches of what `fit` takes, given rows or tokens of a batch."""
    if is_stream(x):
        return streamed_batches(x, packer_of(x, preprocessor), *sizes, seed)  # pyright: ignore[reportCallIssue]
    return training_batches(preprocessor.examples(x, y), preprocessor, *sizes, seed)  # pyright: ignore[reportCallIssue]


def is_batched(x) -> bool:
    """Tells a dataset of batches, as `fit` itself evaluates, from raw examples."""
    spec = x.element_spec if isinstance(x, tf.data.Dataset) else None
    return isinstance(spec, tuple) and isinstance(spec[0], dict)
