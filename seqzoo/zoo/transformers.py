"""Transformers of the literature: translation and language models."""

from __future__ import annotations

from typing import Any, Literal

import keras

from seqzoo.decoders.blocks import BlockDecoder
from seqzoo.decoders.language import LanguageDecoder
from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.heads.tokens import Tokens
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.make_blocks import make_blocks
from seqzoo.layers.positions import RotaryPositions
from seqzoo.preprocessing.masked_text import MaskedText
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.preprocessing.running_text import RunningText
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.language_model import LanguageModel
from seqzoo.tasks.masked_language_model import MaskedLanguageModel
from seqzoo.tasks.seq2seq import Seq2Seq


def vaswani_2017(
    source: Tokenizer,
    target: Tokenizer,
    units: int = 256,
    layers: int = 3,
    num_heads: int = 4,
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
) -> Seq2Seq:
    """Builds the first Transformer, with sinusoids and one matrix for embeddings and logits.

    The paper's base model has 512 units, 6 layers, 8 heads and norms after; here norms stand
    before, which trains without a warm-up (Xiong et al., 2020, https://arxiv.org/abs/2002.04745),
    and a final norm follows each stack.

    Args:
        source: Adapted tokenizer of the source.
        target: Adapted tokenizer of the target.
        units: Width of embeddings and blocks.
        layers: Blocks on either side.
        num_heads: Heads of each attention.
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
    Reference: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.vaswani_2017(text, text, units=8, layers=1, num_heads=2)
        >>> model.count_params()
        4420
    """

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


def radford_2019(
    tokenizer: Tokenizer,
    units: int = 128,
    layers: int = 4,
    num_heads: int = 4,
    dropout: float = 0.1,
    window_length: int = 256,
    end_tokens: bool = True,
    tie_embeddings: bool = True,
    max_target_length: int | None = None,
    search: Any = None,
) -> LanguageModel:
    """Builds GPT-2: causal blocks with norms before, learned positions and GELU.

    The smallest of the paper has 768 units, 12 layers, 12 heads and 1,024 positions. As there, the
    weights that write into the residual stream begin smaller, by the root of their number.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks.
        layers: Blocks.
        num_heads: Heads of each attention.
        dropout: Of embeddings, attention weights and what each part adds.
        window_length: Tokens of a training window, and positions: prompt and answer together have
            at most as many.
        end_tokens: See `RunningText`.
        tie_embeddings: Whether the head uses the embedding.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.
    Reference: Radford et al., 2019, Language Models are Unsupervised Multitask Learners

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.radford_2019(text, units=8, layers=1, num_heads=2, window_length=16)
        >>> model.count_params()
        3356
    """
    blocks = make_blocks(
        units,
        layers,
        num_heads=num_heads,
        causal=True,
        feed_forward=FeedForward(4 * units, "gelu_tanh"),
        dropout=dropout,
        attention_dropout=dropout,
    )
    encoder = BlockEncoder(
        tokenizer.vocabulary_size,
        units,
        blocks,
        "learned",
        max_length=window_length,
        dropout=dropout,
    )
    return language_model_of_blocks(
        encoder, tokenizer, end_tokens, window_length, tie_embeddings, max_target_length, search
    )


def raffel_2020(
    source: Tokenizer,
    target: Tokenizer,
    units: int = 256,
    layers: int = 3,
    num_heads: int = 4,
    feed_forward_units: int | None = None,
    gated: bool = True,
    dropout: float = 0.1,
    label_smoothing: float = 0.0,
    tie_embeddings: bool = False,
    share_embeddings: bool | None = None,
    max_source_length: int | None = None,
    max_target_length: int | None = None,
    search: Any = None,
) -> Seq2Seq:
    """Builds T5: RMS norms before, learned numbers for relative distances, no biases.

    All blocks of a side share the numbers for distances. As in its version 1.1 the feed-forward
    networks are gated and the head has weights of its own; the first version has ReLU and one
    matrix for embeddings and logits. Scores are scaled as elsewhere; the paper begins with smaller
    queries in place of that.

    Args:
        source: Adapted tokenizer of the source.
        target: Adapted tokenizer of the target.
        units: Width of embeddings and blocks.
        layers: Blocks on either side; the paper's small model has 6 of 512 units and 8 heads.
        num_heads: Heads of each attention.
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
    Reference: Raffel et al., 2020, https://arxiv.org/abs/1910.10683

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.raffel_2020(text, text, units=8, layers=1, num_heads=2)
        >>> model.count_params()
        6380
    """
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


def devlin_2019(
    tokenizer: Tokenizer,
    units: int = 128,
    layers: int = 4,
    num_heads: int = 4,
    dropout: float = 0.1,
    window_length: int = 128,
    rate: float = 0.15,
    end_tokens: bool = True,
) -> MaskedLanguageModel:
    """Builds BERT, which learns to fill in hidden tokens: blocks that read both ways.

    Norms stand after, as in the paper, and behind the embeddings. Its base model has 768 units, 12
    layers, 12 heads and 512 positions.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks.
        layers: Blocks.
        num_heads: Heads of each attention.
        dropout: Of embeddings, attention weights and what each part adds.
        window_length: Tokens of a training window, and positions: texts have at most as many.
        rate: See `MaskedLanguageModel`.
        end_tokens: See `RunningText`.
    Reference: Devlin et al., 2019, https://arxiv.org/abs/1810.04805

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.devlin_2019(text, units=8, layers=1, num_heads=2, window_length=16)
        >>> model.count_params()
        3365
    """
    blocks = make_blocks(
        units,
        layers,
        num_heads=num_heads,
        feed_forward=FeedForward(4 * units),
        norm_position="after",
        dropout=dropout,
        attention_dropout=dropout,
        epsilon=1e-12,
    )
    text = MaskedText(tokenizer, end_tokens, window_length)
    encoder = BlockEncoder(
        text.mask_id + 1,
        units,
        blocks,
        "learned",
        max_length=window_length,
        embedding_norm=True,
        dropout=dropout,
    )
    return MaskedLanguageModel(encoder, text, rate=rate)


def touvron_2023(
    tokenizer: Tokenizer,
    units: int = 128,
    layers: int = 4,
    num_heads: int = 4,
    num_kv_heads: int | None = None,
    feed_forward_units: int | None = None,
    rotary_base: float = 10000.0,
    dropout: float = 0.0,
    window_length: int = 256,
    end_tokens: bool = True,
    tie_embeddings: bool = True,
    max_target_length: int | None = None,
    search: Any = None,
) -> LanguageModel:
    """Builds LLaMA: RMS norms before, rotary positions, gated SiLU, no biases.

    The paper's smallest has 4,096 units, 32 layers and 32 heads, and does not tie its embedding.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks.
        layers: Blocks.
        num_heads: Heads of the queries.
        num_kv_heads: Heads of keys and values, a divisor of `num_heads`; None is as many.
        feed_forward_units: Width between the products; None is 8 / 3 of `units`.
        rotary_base: See `layers.RotaryPositions`.
        dropout: Of embeddings, attention weights and what each part adds; the paper has none.
        window_length: Tokens of a training window.
        end_tokens: See `RunningText`.
        tie_embeddings: Whether the head uses the embedding.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.
    Reference: Touvron et al., 2023, https://arxiv.org/abs/2302.13971

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.touvron_2023(text, units=8, layers=1, num_heads=2)
        >>> model.count_params()
        3124
    """
    blocks = make_blocks(
        units,
        layers,
        num_heads=num_heads,
        causal=True,
        feed_forward=FeedForward(feed_forward_units, "silu", gated=True, use_bias=False),
        norm="rms",
        use_bias=False,
        dropout=dropout,
        attention_dropout=dropout,
        epsilon=1e-6,
        mixer_options={"attention": {"num_kv_heads": num_kv_heads}},
    )
    positions = RotaryPositions(rotary_base)
    encoder = BlockEncoder(tokenizer.vocabulary_size, units, blocks, positions, dropout=dropout)
    return language_model_of_blocks(
        encoder, tokenizer, end_tokens, window_length, tie_embeddings, max_target_length, search
    )


def language_model_of_blocks(
    encoder: keras.layers.Layer,
    tokenizer: Tokenizer,
    end_tokens: bool,
    window_length: int,
    tie_embeddings: bool,
    max_target_length: int | None,
    search: Any,
) -> LanguageModel:
    """Builds a language model of a causal encoder; for the arguments see `radford_2019`."""
    text = RunningText(tokenizer, end_tokens, window_length, max_target_length)
    return LanguageModel(
        LanguageDecoder(encoder), text, search=search, tie_embeddings=tie_embeddings
    )
