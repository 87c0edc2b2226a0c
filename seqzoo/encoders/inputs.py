"""What encoders take: token ids, or vectors."""

from typing import Any

import keras
from keras import ops


def step_mask(inputs: Any, mask: Any = None) -> Any:
    """Returns the mask `(B, S)`; None is that of every id but 0, or of every vector."""
    if mask is not None:
        return ops.cast(mask, "bool")
    if len(inputs.shape) == 2:
        return ops.not_equal(inputs, 0)
    return ops.ones(ops.shape(inputs)[:2], dtype="bool")


def symbolic_inputs(encoder: Any) -> Any:
    """Returns a tensor without values that stands for an encoder's inputs, to build it with."""
    if encoder.vocabulary_size is None:
        return keras.KerasTensor((None, None, encoder.embedding_dim), dtype="float32")
    return keras.KerasTensor((None, None), dtype="int32")
