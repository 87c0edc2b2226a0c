"""The recurrent encoder of token sequences."""

from typing import Literal

import keras

from seqzoo.encoders.encoder import (
    Encoded,
    make_embedding,
    segments_of,
    step_mask,
    tokens_or_vectors,
)
from seqzoo.layers.cells import make_cell
from seqzoo.layers.recurrent.bidirectional import Bidirectional
from seqzoo.layers.recurrent.rnn import Recurrent
from seqzoo.layers.recurrent.stack import RecurrentStack, Skip
from seqzoo.ops.option_names import check_known

DIRECTIONS = ("forward", "backward", "both")


@keras.saving.register_keras_serializable(package="seqzoo")
class RecurrentEncoder(keras.layers.Layer):
    """Embeds tokens and runs a stack of recurrent layers over them.

    Args:
        vocabulary_size: Positive int, padding (id 0) counted; None takes vectors instead of
            tokens, and embeds nothing.
        embedding_dim: Positive int, the width of the embeddings or of the vectors.
        units: Positive int. Width of the state, for each direction.
        layers: Positive int.
        cell: A name in `layers.cells.CELLS`.
        direction: How the layers run: `"forward"`, `"backward"`, which is the same as reading
            the source reversed, or `"both"`, whose outputs lie side by side.
        skip: How layers after the first are bypassed; see `RecurrentStack`.
        dropout: From 0 to 1: the share of the values set to 0 after the embedding, between
            layers and in the outputs.
        embedding_stddev: Standard deviation of the initial embeddings.
        checkpoint_steps: None, or the steps of a chunk that training computes again for its
            gradient, so that long sequences take less memory; see `Recurrent`.

    Call arguments:
        inputs: Token ids `(B, S)`, or vectors `(B, S, embedding_dim)`.
        mask: Boolean `(B, S)`, True on real steps; None means every id but 0, and every
            vector.
        segment_ids: Integer `(B, S)` where rows hold several sequences; see `layers.Recurrent`.
            The states are those of each sequence then.

    Returns:
        `Encoded`; features are `units`, or twice that for `"both"`.

    Example:
        >>> encoder = sz.encoders.RecurrentEncoder(20, embedding_dim=4, units=5, layers=2)
        >>> encoded = encoder(np.array([[3, 4, 0], [5, 6, 7]]))
        >>> tuple(encoded.outputs.shape), len(encoded.state)
        ((2, 3, 10), 2)
    """

    def __init__(
        self,
        vocabulary_size: int | None,
        embedding_dim: int = 256,
        units: int = 256,
        layers: int = 1,
        cell: str = "lstm",
        direction: Literal["forward", "backward", "both"] = "both",
        skip: Skip = "none",
        dropout: float = 0.0,
        embedding_stddev: float = 1.0,
        checkpoint_steps: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.units = units
        self.layers = layers
        self.cell = cell
        self.direction = direction
        self.skip = skip
        self.dropout = dropout
        self.embedding_stddev = embedding_stddev
        self.checkpoint_steps = checkpoint_steps
        self.supports_masking = True
        check_known("direction", direction, DIRECTIONS)
        if layers < 1:
            raise ValueError(f"`layers` must be at least 1. Received: layers={layers}.")
        dtype = self.dtype_policy
        # Keras's own initial values, ±0.05, keep all states so small that a decoder needs hundreds
        # of steps before it learns to attend to the source.
        self.embedding = make_embedding(vocabulary_size, embedding_dim, dtype, embedding_stddev)
        self.stack = RecurrentStack(
            [self._make_layer(i) for i in range(layers)], skip, dropout, dtype=dtype, name="stack"
        )
        self.drop = keras.layers.Dropout(dropout, dtype=dtype, name="dropout")

    def _make_layer(self, i: int) -> keras.layers.Layer:
        dtype = self.dtype_policy
        cell = make_cell(self.cell, self.units, dtype=dtype)
        shared = {"checkpoint_steps": self.checkpoint_steps, "name": f"recurrent_{i}"}
        if self.direction == "both":
            return Bidirectional(cell, dtype=dtype, **shared)
        return Recurrent(
            cell,
            reverse=self.direction == "backward",
            return_sequences=True,
            return_state=True,
            dtype=dtype,
            **shared,
        )

    def build(self, inputs_shape):
        if self.embedding is not None:
            self.embedding.build(inputs_shape)
        self.stack.build((*inputs_shape[:2], self.embedding_dim))

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        return tokens_or_vectors(self.vocabulary_size, self.embedding_dim)

    def call(self, inputs, mask=None, segment_ids=None, training=False):
        mask = step_mask(inputs, mask)
        embedded = inputs if self.embedding is None else self.embedding(inputs)
        embedded = self.drop(embedded, training=training)
        outputs, states = self.stack(
            embedded,
            mask=mask,
            training=training,
            segment_ids=segment_ids,
            segment_states=segment_ids is not None,
        )
        outputs = self.drop(outputs, training=training)
        return Encoded(outputs, states, mask, segments_of(mask, segment_ids))

    def compute_mask(self, inputs, mask=None, segment_ids=None):
        # Of the outputs, which come first; the states have no time.
        return [step_mask(inputs, mask)]

    def get_config(self):
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "units": self.units,
            "layers": self.layers,
            "cell": self.cell,
            "direction": self.direction,
            "skip": self.skip,
            "dropout": self.dropout,
            "embedding_stddev": self.embedding_stddev,
            "checkpoint_steps": self.checkpoint_steps,
        }
