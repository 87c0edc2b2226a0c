"""Transformers of the literature that translate."""

from __future__ import annotations

from typing import Any, Literal

from seqzoo.decoders.blocks import BlockDecoder
from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.heads.tokens import Tokens
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.make_blocks import make_blocks
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.seq2seq import Seq2Seq
from seqzoo.zoo.sizes import Size, sized


def vaswani_2017(
    source: Tokenizer,
    target: Tokenizer,
    units: int | None = None,
    layers: int | None = None,
    num_heads: int | None = None,
    feed_forward_units: int | None = None,
    activation: Literal["relu", "gelu", "gelu_tanh", "silu"] = "relu",
    norm_position: Literal["before", "after"] = "before",
    dropout: float = 0.1,
    attention_dropout: float = 0.0,
    label_smoothing: float = 0.1,
    share_embeddings: bool | None = None,
    max_source_length: int | None = None,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> Seq2Seq:
    """Builds the first Transformer, with sinusoids and one matrix for embeddings and logits.

    The paper's base model has 512 units, 6 layers, 8 heads and norms after; here norms stand
    before, which trains without a warm-up (Xiong et al., 2020, https://arxiv.org/abs/2002.04745),
    and a final norm follows each stack.

    Args:
        source: Adapted tokenizer of the source.
        target: Adapted tokenizer of the target.
        units: Width of embeddings and blocks; None is 256, the paper's 512.
        layers: Blocks on either side; None is 3, the paper's 6.
        num_heads: Heads of each attention; None is 4, the paper's 8.
        feed_forward_units: Width of the feed-forward networks; None is four times `units`.
        activation: Of the feed-forward networks.
        norm_position: See `layers.Block`.
        dropout: Of embeddings and of what each part adds.
        attention_dropout: Of the weights of self-attention.
        label_smoothing: See `Tokens`.
        share_embeddings: Whether both sides have one embedding; None: where `source` is `target`,
            as one sub-word vocabulary for both is.
        max_source_length: See `TextPairs`.
        max_target_length: See `TextPairs`.
        search: See `Seq2Seq`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.vaswani_2017(text, text, units=8, layers=1, num_heads=2)
        >>> model.count_params()
        4420
    """
    units, layers, num_heads = sized(
        size, (units, layers, num_heads), small=(256, 3, 4), paper=(512, 6, 8)
    )

    def blocks(**options):
        return make_blocks(
            units,
            layers,
            num_heads=num_heads,
            feed_forward=FeedForward(feed_forward_units or 4 * units, activation),
            norm_position=norm_position,
            dropout=dropout,
            attention_dropout=attention_dropout,
            **options,
        )

    sides = {"positions": "sinusoidal", "scale_embeddings": True, "dropout": dropout}
    return Seq2Seq(
        encoder=BlockEncoder(source.vocabulary_size, units, blocks(), **sides),
        decoder=BlockDecoder(
            target.vocabulary_size, units, blocks(causal=True, cross_attention=True), **sides
        ),
        preprocessor=TextPairs(source, target, max_source_length, max_target_length),
        head=Tokens(target.vocabulary_size, label_smoothing),
        search=search,
        tie_embeddings=True,
        share_embeddings=source is target if share_embeddings is None else share_embeddings,
    )


def raffel_2020(
    source: Tokenizer,
    target: Tokenizer,
    units: int | None = None,
    layers: int | None = None,
    num_heads: int | None = None,
    feed_forward_units: int | None = None,
    gated: bool = True,
    dropout: float = 0.1,
    label_smoothing: float = 0.0,
    tie_embeddings: bool = False,
    share_embeddings: bool | None = None,
    max_source_length: int | None = None,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> Seq2Seq:
    """Builds T5: RMS norms before, learned numbers for relative distances, no biases.

    All blocks of a side share the numbers for distances. As in its version 1.1 the feed-forward
    networks are gated and the head has weights of its own; the first version has ReLU and one
    matrix for embeddings and logits. Scores are scaled as elsewhere; the paper begins with smaller
    queries in place of that.

    Args:
        source: Adapted tokenizer of the source.
        target: Adapted tokenizer of the target.
        units: Width of embeddings and blocks; None is 256, the paper's 512.
        layers: Blocks on either side; None is 3, the 6 of the paper's small model.
        num_heads: Heads of each attention; None is 4, the paper's 8.
        feed_forward_units: Width of the feed-forward networks; None is 8 / 3 of `units`, where not
            gated four times.
        gated: Whether they are gated (GELU), or have ReLU.
        dropout: Of embeddings, attention weights and what each part adds.
        label_smoothing: See `Tokens`.
        tie_embeddings: Whether the head uses the embedding.
        share_embeddings: Whether both sides have one embedding; None: where `source` is `target`.
        max_source_length: See `TextPairs`.
        max_target_length: See `TextPairs`.
        search: See `Seq2Seq`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Raffel et al., 2020, https://arxiv.org/abs/1910.10683

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.raffel_2020(text, text, units=8, layers=1, num_heads=2)
        >>> model.count_params()
        6380
    """
    units, layers, num_heads = sized(
        size, (units, layers, num_heads), small=(256, 3, 4), paper=(512, 6, 8)
    )
    activation = "gelu_tanh" if gated else "relu"

    def blocks(**options):
        return make_blocks(
            units,
            layers,
            num_heads=num_heads,
            feed_forward=FeedForward(feed_forward_units, activation, gated, use_bias=False),
            norm="rms",
            use_bias=False,
            dropout=dropout,
            attention_dropout=dropout,
            epsilon=1e-6,
            **options,
        )

    return Seq2Seq(
        encoder=BlockEncoder(source.vocabulary_size, units, blocks(), "relative", dropout=dropout),
        decoder=BlockDecoder(
            target.vocabulary_size,
            units,
            blocks(causal=True, cross_attention=True),
            "relative",
            dropout=dropout,
        ),
        preprocessor=TextPairs(source, target, max_source_length, max_target_length),
        head=Tokens(target.vocabulary_size, label_smoothing),
        search=search,
        tie_embeddings=tie_embeddings,
        share_embeddings=source is target if share_embeddings is None else share_embeddings,
    )
