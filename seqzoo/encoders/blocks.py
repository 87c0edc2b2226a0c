"""The encoder of residual blocks: a Transformer's, or one of any sequence mixers."""

from typing import Any

import keras
from keras import ops

from seqzoo.encoders.encoder import (
    Encoded,
    make_embedding,
    segments_of,
    step_mask,
    tokens_or_vectors,
)
from seqzoo.layers.block import Block
from seqzoo.layers.block_stack import BlockStack, StackState
from seqzoo.layers.embedding_table import embedding_table
from seqzoo.layers.positions import PositionsKind
from seqzoo.ops.gather import gather


@keras.saving.register_keras_serializable(package="seqzoo")
class BlockEncoder(keras.layers.Layer):
    """Embeds tokens and runs residual blocks over them.

    Of causal mixers it is the encoder of a language model too: `step` reads a token, and a state
    goes from chunk to chunk of a text.

    Args:
        vocabulary_size: Positive int, padding (id 0) counted; None takes vectors instead of
            tokens, and embeds nothing.
        embedding_dim: Positive int, the width of the embeddings or vectors and of all blocks.
        blocks: List of `layers.Block`s, see `layers.make_blocks`.
        positions: See `layers.BlockStack`.
        max_length: Positive int, positions of `"learned"`.
        scale_embeddings: Whether embeddings are multiplied by `sqrt(embedding_dim)`, as in the
            first Transformer; they are initialised as much smaller then.
        embedding_norm: Whether embeddings with their positions are normalised.
        final_norm: See `layers.BlockStack`.
        dropout: From 0 to below 1: share of the values of the embeddings that are dropped.

    Call arguments:
        inputs: Token ids `(B, S)`, or vectors `(B, S, embedding_dim)`.
        mask: Boolean `(B, S)`, True on real steps; None means every id but 0, and every vector.
        segment_ids: Integer `(B, S)` where rows hold several sequences; see
            `layers.SequenceMixer`.

    Returns:
        `Encoded`, without a state: decoders that need one take the mean of the outputs.

    Example:
        >>> blocks = sz.layers.make_blocks(8, layers=2, num_heads=2)
        >>> encoder = sz.encoders.BlockEncoder(50, 8, blocks, positions="sinusoidal")
        >>> encoder(np.array([[3, 4, 5], [6, 7, 0]])).outputs.shape
        TensorShape([2, 3, 8])
    """

    def __init__(
        self,
        vocabulary_size: int | None,
        embedding_dim: int,
        blocks: list[Block],
        positions: PositionsKind | keras.layers.Layer | None = None,
        max_length: int = 512,
        scale_embeddings: bool = False,
        embedding_norm: bool = False,
        final_norm: bool | None = None,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.max_length = max_length
        self.scale_embeddings = scale_embeddings
        self.embedding_norm = embedding_norm
        self.final_norm = final_norm
        self.dropout = dropout
        dtype = self.dtype_policy
        self.embedding = make_embedding(
            vocabulary_size, embedding_dim, dtype, embedding_stddev(embedding_dim, scale_embeddings)
        )
        self.stack = BlockStack(
            blocks,
            positions,
            max_length,
            embedding_norm,
            final_norm,
            dropout,
            dtype=dtype,
            name="stack",
        )
        self._shares_embedding = False
        self.supports_masking = True

    @property
    def blocks(self) -> list[Block]:
        """The blocks."""
        return self.stack.blocks

    @property
    def hidden_size(self) -> int:
        """Width of the outputs."""
        return self.embedding_dim

    def share_embedding(self, embedding: keras.layers.Embedding) -> None:
        """Uses an embedding of another layer in place of its own. To be called before build."""
        self._tracker.untrack(self.embedding)  # which Keras goes on listing otherwise
        self.embedding = embedding
        self._shares_embedding = True

    @property
    def carries_state(self) -> bool:
        """Whether a text may go on from the state of the one before, which has one size then.

        A state with caches grows with the text.
        """
        return not self.stack.attends

    @property
    def max_positions(self) -> int | None:
        """The longest text in tokens; None: any."""
        return self.stack.max_positions

    def build(self, inputs_shape):
        if self.embedding is not None and not self.embedding.built:
            self.embedding.build(inputs_shape)
        if not self.stack.built:
            self.stack.build((*inputs_shape[:2], self.embedding_dim))

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        """Returns shape and type of the inputs, by their name."""
        return tokens_or_vectors(self.vocabulary_size, self.embedding_dim)

    def call(self, inputs, mask=None, segment_ids=None, training=False):
        mask = step_mask(inputs, mask)
        outputs, _ = self.run(inputs, None, mask, training, segment_ids)
        return Encoded(outputs, (), mask, segments_of(mask, segment_ids))

    def run(self, inputs, state=None, mask=None, training=False, segment_ids=None):
        """Reads inputs from a state on.

        Args:
            inputs: Token ids `(B, T)`, or vectors.
            state: See `initial_state`; None begins a text.
            mask: Boolean `(B, T)`, True on real steps; None where all are.
            training: Whether values are dropped.
            segment_ids: See the call.

        Returns:
            The outputs `(B, T, embedding_dim)` and the state after the last real step, `()` without
            `state`.
        """
        return self.stack(
            embedded(self, inputs),
            mask=mask,
            segment_ids=segment_ids,
            state=state,
            training=training,
        )

    def initial_state(self, batch_size: Any, max_length: Any = 0, width: Any = 1) -> StackState:
        """Returns the state before the first token; see `layers.SequenceMixer.initial_state`."""
        return self.stack.initial_state(batch_size, max_length, width)

    def with_width(self, state: StackState, width: int) -> StackState:
        """Returns a state of one hypothesis an example as that of `width` equal ones."""
        return self.stack.with_width(state, width)

    def step(self, inputs, state):
        """Reads one token of each row, `(N,)`, or a vector, without dropout.

        Returns:
            The output `(N, embedding_dim)` and the next state.
        """
        return self.stepper()(inputs, state)

    def stepper(self):
        """Returns `step` with its weights read and cast: a loop does that once, ahead of it."""
        stack_step, embed = self.stack.stepper(), embedder(self)

        def step(inputs, state):
            output, state, _ = stack_step(embed(inputs), state)
            return output, state

        return step

    def compute_mask(self, inputs, mask=None, segment_ids=None):
        return [step_mask(inputs, mask)]  # of the outputs, which come first

    def get_build_config(self):
        # One that is loaded must share again before it is built.
        return None if self._shares_embedding else super().get_build_config()

    def get_config(self):
        return super().get_config() | block_options(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config | loaded_blocks(config))


def embedding_stddev(embedding_dim: int, scale_embeddings: bool) -> float:
    """Returns the standard deviation of initial embeddings."""
    return embedding_dim**-0.5 if scale_embeddings else 0.02


def embedded(layer: Any, inputs: Any) -> Any:
    """Returns the embeddings of tokens, scaled where the layer says so; vectors as they are."""
    vectors = inputs if layer.embedding is None else layer.embedding(inputs)
    return vectors * layer.embedding_dim**0.5 if layer.scale_embeddings else vectors


def embedder(layer: Any):
    """Returns `embedded` with the embeddings read, for a loop over steps."""
    if layer.embedding is None:
        return lambda inputs: embedded(layer, inputs)
    table, dtype = embedding_table(layer.embedding), layer.compute_dtype
    scale = layer.embedding_dim**0.5 if layer.scale_embeddings else 1.0

    def embed(token_ids):
        vectors = ops.cast(gather(table, token_ids), dtype)
        return vectors * scale if scale != 1.0 else vectors

    return embed


def block_options(layer: Any) -> dict[str, Any]:
    """Returns the arguments of the constructor for a config."""
    serialize = keras.saving.serialize_keras_object
    names = ("vocabulary_size", "embedding_dim", "max_length", "scale_embeddings")
    names += ("embedding_norm", "final_norm", "dropout")
    own: dict[str, Any] = {name: getattr(layer, name) for name in names}
    own["blocks"] = [serialize(block) for block in layer.stack.blocks]
    return own | {"positions": serialize(layer.stack.positions)}


def loaded_blocks(config: dict) -> dict[str, Any]:
    """Returns the layers among the arguments in a config."""
    deserialize = keras.saving.deserialize_keras_object
    positions = deserialize(config["positions"])
    return {"blocks": [deserialize(b) for b in config["blocks"]], "positions": positions}
