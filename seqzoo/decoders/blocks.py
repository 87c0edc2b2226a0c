"""The decoder of residual blocks: a Transformer's, or one of any causal sequence mixers."""

from typing import Any

import keras
from keras import ops

from seqzoo.decoders.decoder import before_last, reversible_embedding
from seqzoo.decoders.segments import joined_steps
from seqzoo.encoders.blocks import (
    block_options,
    embedded,
    embedder,
    embedding_stddev,
    loaded_blocks,
)
from seqzoo.encoders.encoder import Encoded, token_ids_spec
from seqzoo.layers.attention import Memory
from seqzoo.layers.block import Block
from seqzoo.layers.block_stack import BlockStack, StackState
from seqzoo.layers.positions import PositionsKind
from seqzoo.ops.masks import attached_mask


@keras.saving.register_keras_serializable(package="seqzoo")
class BlockDecoder(keras.layers.Layer):
    """Embeds the tokens so far and runs causal residual blocks over them that read from a source.

    Args:
        vocabulary_size: Positive int, padding (id 0) counted.
        embedding_dim: Positive int, the width of the embeddings and of all blocks.
        blocks: List of `layers.Block`s of causal mixers with cross-attention; see
            `layers.make_blocks`.
        positions: See `layers.BlockStack`.
        max_length: Positive int, positions of `"learned"`.
        scale_embeddings: See `encoders.BlockEncoder`.
        embedding_norm: See `encoders.BlockEncoder`.
        final_norm: See `layers.BlockStack`.
        dropout: From 0 to below 1: share of the values of the embeddings that are dropped.
        alignments: Whether the state of a step holds the weights of the last cross-attention, a
            mean over its heads, for coverage penalties and the replacement of unknown words.

    Call arguments:
        token_ids: `(N, T)`, the start token and the target tokens but the last; N is B, or K * B
            where each example has K rows, side by side.
        encoded: `Encoded` of B examples, from any encoder with outputs.
        mask: See `Decoder`; None means that all steps are real.
        segment_ids: See `Decoder`.
        return_reads: Whether to return the weights of the last cross-attention too.

    Returns:
        Hidden states `(N, T, embedding_dim)`: those of `step` run over the tokens. With
        `return_reads`, a tuple of these and the weights `(N, T, S)`, 0 on padding.

    Raises:
        ValueError: where a mixer is not causal or a block has no cross-attention.

    Reference: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    Example:
        >>> encoder = sz.encoders.RecurrentEncoder(20, embedding_dim=4, units=5)
        >>> blocks = sz.layers.make_blocks(
        ...     8, layers=2, num_heads=2, causal=True, cross_attention=True
        ... )
        >>> decoder = sz.decoders.BlockDecoder(30, 8, blocks, positions="sinusoidal")
        >>> tuple(decoder(np.array([[2, 8, 9]]), encoder(np.array([[3, 4]]))).shape)
        (1, 3, 8)
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        blocks: list[Block],
        positions: PositionsKind | keras.layers.Layer | None = None,
        max_length: int = 512,
        scale_embeddings: bool = False,
        embedding_norm: bool = False,
        final_norm: bool | None = None,
        dropout: float = 0.0,
        alignments: bool = True,
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
        self.alignments = alignments
        for i, block in enumerate(blocks):
            if not block.mixer.causal or block.cross_attention is None:
                raise ValueError(
                    "The blocks of a decoder have causal mixers and cross-attention. Received: "
                    f"blocks[{i}] with causal={block.mixer.causal}, cross_attention="
                    f"{block.cross_attention}. Make them with causal=True, cross_attention=True; "
                    "a text without a source has a `LanguageDecoder`."
                )
        dtype = self.dtype_policy
        stddev = embedding_stddev(embedding_dim, scale_embeddings)
        self.embedding = reversible_embedding(vocabulary_size, embedding_dim, dtype, stddev)
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
        self.supports_masking = True

    @property
    def blocks(self) -> list[Block]:
        """The blocks."""
        return self.stack.blocks

    @property
    def hidden_size(self) -> int:
        """Width of the hidden states."""
        return self.embedding_dim

    @property
    def max_positions(self) -> int | None:
        """The longest sequence in tokens; None: any."""
        return self.stack.max_positions

    def build(self, token_ids_shape, encoded_shape):
        if not self.embedding.built:
            self.embedding.build(token_ids_shape)
        if not self.stack.built:
            outputs = Encoded(*encoded_shape).outputs
            self.stack.build(
                (*token_ids_shape[:2], self.embedding_dim), [outputs] * len(self.stack.blocks)
            )

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        """Returns shape and type of the tokens of a full call."""
        return {"token_ids": token_ids_spec()}

    def start(self, encoded, batch_size, max_length, width=1, prompt_ids=None, prompt_mask=None):
        """Returns the initial state and what `step` reads; for the arguments see `Decoder`.

        Returns:
            The state, a dict, and for each block the `Memory` of its cross-attention, B rows.
        """
        encoded = Encoded(*encoded)
        memory = self.stack.memories(encoded.outputs, encoded.mask)
        if prompt_ids is None:
            state = self.stack.initial_state(batch_size, max_length, width)
        else:
            length = max_length + ops.shape(prompt_ids)[1]
            state = self.stack.initial_state(batch_size, length)
            _, state = self.stack(
                embedded(self, prompt_ids),
                mask=before_last(prompt_ids, prompt_mask),
                state=state,
                memory=memory,
            )
            state = self.stack.with_width(state, width)
        started: dict[str, Any] = {"stack": state}
        if self.alignments:
            sizes = (batch_size * width, ops.shape(encoded.mask)[1])
            started["alignment"] = ops.zeros(sizes, dtype=self.compute_dtype)
        return started, memory

    def step(self, token_ids, state, memory):
        """Takes tokens `(N,)` to hidden states `(N, embedding_dim)` and the next state."""
        return self.stepper()(token_ids, state, memory)

    def stepper(self):
        """Returns `step` with its weights read and cast: a loop does that once, ahead of it."""
        stack_step, embed = self.stack.stepper(self.alignments), embedder(self)

        def step(token_ids, state, memory):
            hidden, after, weights = stack_step(
                embed(token_ids), StackState(*state["stack"]), memory
            )
            moved: dict[str, Any] = {"stack": after}
            if self.alignments:
                moved["alignment"] = ops.reshape(
                    weights, (ops.shape(token_ids)[0], ops.shape(weights)[2])
                )
            return hidden, moved

        return step

    def call(
        self, token_ids, encoded, mask=None, segment_ids=None, return_reads=False, training=False
    ):
        encoded, mask = Encoded(*encoded), attached_mask(mask, token_ids)
        joined = None if segment_ids is None else joined_steps(segment_ids, encoded)
        if segment_ids is not None and mask is None:
            mask = ops.not_equal(segment_ids, 0)
        memory = self.stack.memories(encoded.outputs, encoded.mask)
        hidden, _, *reads = self.stack(
            embedded(self, token_ids),
            mask=mask,
            segment_ids=segment_ids,
            memory=[Memory(*each) for each in memory],
            joined=joined,
            return_weights=return_reads,
            training=training,
        )
        if not return_reads:
            return hidden
        if mask is None:
            return hidden, reads[0]
        real = ops.cast(mask, "bool")[:, :, None]
        return hidden, ops.where(real, reads[0], ops.zeros_like(reads[0]))

    def get_config(self):
        return super().get_config() | block_options(self) | {"alignments": self.alignments}

    @classmethod
    def from_config(cls, config):
        return cls(**config | loaded_blocks(config))
