"""Transformers of the literature that are language models."""

from __future__ import annotations

from typing import Any

import keras

from seqzoo.decoders.language import LanguageDecoder
from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.make_blocks import make_blocks
from seqzoo.layers.positions import RotaryPositions
from seqzoo.preprocessing.masked_text import MaskedText
from seqzoo.preprocessing.running_text import RunningText
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.language_model import LanguageModel
from seqzoo.tasks.masked_language_model import MaskedLanguageModel
from seqzoo.zoo.sizes import Size, sized


def radford_2019(
    tokenizer: Tokenizer,
    units: int | None = None,
    layers: int | None = None,
    num_heads: int | None = None,
    dropout: float = 0.1,
    window_length: int | None = None,
    end_tokens: bool = True,
    tie_embeddings: bool = True,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> LanguageModel:
    """Builds GPT-2: causal blocks with norms before, learned positions and GELU.

    The smallest of the paper has 768 units, 12 layers, 12 heads and 1,024 positions. As there, the
    weights that write into the residual stream begin smaller, by the root of their number.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks; None is 128, the paper's 768.
        layers: Blocks; None is 4, the paper's 12.
        num_heads: Heads of each attention; None is 4, the paper's 12.
        dropout: Of embeddings, attention weights and what each part adds.
        window_length: Tokens of a training window, and positions: prompt and answer together have
            at most as many; None is 256, the paper's 1024.
        end_tokens: See `RunningText`.
        tie_embeddings: Whether the head uses the embedding.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Radford et al., 2019, Language Models are Unsupervised Multitask Learners

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.radford_2019(text, units=8, layers=1, num_heads=2, window_length=16)
        >>> model.count_params()
        3356
    """
    units, layers, num_heads, window_length = sized(
        size,
        (units, layers, num_heads, window_length),
        small=(128, 4, 4, 256),
        paper=(768, 12, 12, 1024),
    )
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


def devlin_2019(
    tokenizer: Tokenizer,
    units: int | None = None,
    layers: int | None = None,
    num_heads: int | None = None,
    dropout: float = 0.1,
    window_length: int | None = None,
    rate: float = 0.15,
    end_tokens: bool = True,
    size: Size = "small",
) -> MaskedLanguageModel:
    """Builds BERT, which learns to fill in hidden tokens: blocks that read both ways.

    Norms stand after, as in the paper, and behind the embeddings. Its base model has 768 units, 12
    layers, 12 heads and 512 positions.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks; None is 128, the paper's 768.
        layers: Blocks; None is 4, the paper's 12.
        num_heads: Heads of each attention; None is 4, the paper's 12.
        dropout: Of embeddings, attention weights and what each part adds.
        window_length: Tokens of a training window, and positions: texts have at most as many; None
            is 128, the paper's 512.
        rate: See `MaskedLanguageModel`.
        end_tokens: See `RunningText`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Devlin et al., 2019, https://arxiv.org/abs/1810.04805

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.devlin_2019(text, units=8, layers=1, num_heads=2, window_length=16)
        >>> model.count_params()
        3365
    """
    units, layers, num_heads, window_length = sized(
        size,
        (units, layers, num_heads, window_length),
        small=(128, 4, 4, 128),
        paper=(768, 12, 12, 512),
    )
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
    units: int | None = None,
    layers: int | None = None,
    num_heads: int | None = None,
    num_kv_heads: int | None = None,
    feed_forward_units: int | None = None,
    rotary_base: float = 10000.0,
    dropout: float = 0.0,
    window_length: int | None = None,
    end_tokens: bool = True,
    tie_embeddings: bool = True,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> LanguageModel:
    """Builds LLaMA: RMS norms before, rotary positions, gated SiLU, no biases.

    The paper's smallest has 4,096 units, 32 layers and 32 heads, and does not tie its embedding.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks; None is 128, the paper's 4096.
        layers: Blocks; None is 4, the paper's 32.
        num_heads: Heads of the queries; None is 4, the paper's 32.
        num_kv_heads: Heads of keys and values, a divisor of `num_heads`; None is as many.
        feed_forward_units: Width between the products; None is 8 / 3 of `units`.
        rotary_base: See `layers.RotaryPositions`.
        dropout: Of embeddings, attention weights and what each part adds; the paper has none.
        window_length: Tokens of a training window; None is 256, the paper's 2048.
        end_tokens: See `RunningText`.
        tie_embeddings: Whether the head uses the embedding.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Touvron et al., 2023, https://arxiv.org/abs/2302.13971

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.touvron_2023(text, units=8, layers=1, num_heads=2)
        >>> model.count_params()
        3124
    """
    units, layers, num_heads, window_length = sized(
        size,
        (units, layers, num_heads, window_length),
        small=(128, 4, 4, 256),
        paper=(4096, 32, 32, 2048),
    )
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
