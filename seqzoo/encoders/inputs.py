"""What encoders take: token ids, or vectors."""

from typing import Any

import keras
from keras import ops


def make_embedding(
    vocabulary_size: int | None, embedding_dim: int, dtype: Any, stddev: float | None = None
) -> keras.layers.Embedding | None:
    """Returns an embedding, or None where vectors stand in place of tokens.

    It starts with normal values of that deviation; None is Keras's own start.
    """
    if vocabulary_size is None:
        return None
    start = "uniform" if stddev is None else keras.initializers.RandomNormal(stddev=stddev)
    return keras.layers.Embedding(
        vocabulary_size, embedding_dim, start, dtype=dtype, name="embedding"
    )


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
