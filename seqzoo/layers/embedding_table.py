"""The vectors of an embedding as a tensor, whatever it stores."""

from typing import Any

import keras
from keras import ops


def embedding_table(embedding: keras.layers.Embedding) -> Any:
    """Returns the vectors `(vocabulary_size, features)`, with what `quantize` has left of them."""
    if embedding.quantization_mode is None:
        return ops.convert_to_tensor(embedding.embeddings)
    return embedding(ops.arange(embedding.input_dim))
