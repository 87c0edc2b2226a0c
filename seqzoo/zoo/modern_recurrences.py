"""Language models of modern recurrences, each in the residual block of its paper."""

from __future__ import annotations

from typing import Any

from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.layers.block import Block
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.make_blocks import make_blocks
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.language_model import LanguageModel
from seqzoo.zoo.transformer_language_models import language_model_of_blocks


def gu_2023(
    tokenizer: Tokenizer,
    units: int = 128,
    layers: int = 6,
    state_units: int = 16,
    dropout: float = 0.0,
    window_length: int = 256,
    end_tokens: bool = True,
    tie_embeddings: bool = True,
    max_target_length: int | None = None,
    search: Any = None,
) -> LanguageModel:
    """Builds Mamba: selective state spaces alone, no feed-forwards, RMS norms before.

    The paper's smallest has 768 units and 24 layers.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks.
        layers: Blocks; two of them are as large as a Transformer's one.
        state_units: See `layers.Mamba`.
        dropout: Of embeddings and of what each block adds; the paper has none.
        window_length: Tokens of a training window.
        end_tokens: See `RunningText`.
        tie_embeddings: Whether the head uses the embedding.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.
    Reference: Gu and Dao, 2023, https://arxiv.org/abs/2312.00752

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.gu_2023(text, units=8, layers=1, state_units=4)
        >>> model.count_params()
        3076
    """
    blocks = make_blocks(
        units,
        layers,
        "mamba",
        feed_forward=False,
        norm="rms",
        dropout=dropout,
        mixer_options={"mamba": {"state_units": state_units}},
    )
    encoder = BlockEncoder(tokenizer.vocabulary_size, units, blocks, dropout=dropout)
    return language_model_of_blocks(
        encoder, tokenizer, end_tokens, window_length, tie_embeddings, max_target_length, search
    )


def beck_2024(
    tokenizer: Tokenizer,
    units: int = 128,
    layers: int = 4,
    slstm_layers: tuple[int, ...] = (1,),
    num_heads: int = 4,
    dropout: float = 0.0,
    window_length: int = 256,
    end_tokens: bool = True,
    tie_embeddings: bool = True,
    max_target_length: int | None = None,
    search: Any = None,
) -> LanguageModel:
    """Builds xLSTM: blocks of mLSTM, whose memory is a matrix, and of sLSTM, whose memory mixes.

    A block of sLSTM has a gated GELU network of 4 / 3 of its width behind it, one of mLSTM none.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks.
        layers: Blocks.
        slstm_layers: Which of them, from 0 on, are of sLSTM; the paper's xLSTM[7:1] has every
            eighth, xLSTM[1:0] none.
        num_heads: Heads of each.
        dropout: Of embeddings and of what each part adds; the paper has none.
        window_length: Tokens of a training window.
        end_tokens: See `RunningText`.
        tie_embeddings: Whether the head uses the embedding.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.

    Raises:
        ValueError: where `slstm_layers` names a layer that there is not.
    Reference: Beck et al., 2024, https://arxiv.org/abs/2405.04517

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.beck_2024(text, units=8, layers=2, num_heads=2)
        >>> model.count_params()
        3864
    """
    if any(i not in range(layers) for i in slstm_layers):
        raise ValueError(
            f"`slstm_layers` must hold layers from 0 to {layers - 1}. Received: "
            f"slstm_layers={tuple(slstm_layers)}."
        )
    network = FeedForward(4 * units // 3, gated=True, use_bias=False)

    def block(i: int) -> Block:
        name = "slstm" if i in slstm_layers else "mlstm"
        (made,) = make_blocks(
            units,
            1,
            name,
            feed_forward=network if name == "slstm" else False,
            dropout=dropout,
            mixer_options={name: {"num_heads": num_heads}},
        )
        return made

    blocks = [block(i) for i in range(layers)]
    encoder = BlockEncoder(tokenizer.vocabulary_size, units, blocks, dropout=dropout)
    return language_model_of_blocks(
        encoder, tokenizer, end_tokens, window_length, tie_embeddings, max_target_length, search
    )


def de_2024(
    tokenizer: Tokenizer,
    units: int = 128,
    layers: int = 6,
    num_heads: int = 4,
    attention_window: int = 128,
    hybrid: bool = True,
    dropout: float = 0.0,
    window_length: int = 256,
    end_tokens: bool = True,
    tie_embeddings: bool = True,
    max_target_length: int | None = None,
    search: Any = None,
) -> LanguageModel:
    """Builds Griffin: two blocks of gated linear recurrences, then one of local attention.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks.
        layers: Blocks.
        num_heads: Heads of attention, which share one of keys and values.
        attention_window: Steps that attention reads at most.
        hybrid: Whether every third block is of attention; False is Hawk, of recurrences alone.
        dropout: Of embeddings and of what each part adds; the paper has none.
        window_length: Tokens of a training window.
        end_tokens: See `RunningText`.
        tie_embeddings: Whether the head uses the embedding.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.
    Reference: De et al., 2024, https://arxiv.org/abs/2402.19427

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.de_2024(text, units=8, layers=3, num_heads=2, attention_window=4)
        >>> model.count_params()
        5300
    """
    attention = {"num_kv_heads": 1, "window": attention_window, "positions": "rotary"}
    blocks = make_blocks(
        units,
        layers,
        ["rg_lru", "rg_lru", "attention"] if hybrid else "rg_lru",
        num_heads=num_heads,
        causal=True,
        feed_forward=FeedForward(3 * units, "gelu_tanh", gated=True),
        norm="rms",
        use_bias=False,
        dropout=dropout,
        mixer_options={"attention": attention} if hybrid else None,
    )
    encoder = BlockEncoder(tokenizer.vocabulary_size, units, blocks, dropout=dropout)
    return language_model_of_blocks(
        encoder, tokenizer, end_tokens, window_length, tie_embeddings, max_target_length, search
    )


def feng_2024(
    tokenizer: Tokenizer,
    units: int = 128,
    layers: int = 4,
    expansion: float = 2.0,
    dropout: float = 0.1,
    window_length: int = 256,
    end_tokens: bool = True,
    tie_embeddings: bool = True,
    max_target_length: int | None = None,
    search: Any = None,
) -> LanguageModel:
    """Builds a stack of minimal GRUs, whose gates see the inputs alone, with feed-forwards.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks.
        layers: Blocks; the paper's have 384 units and 3 layers on tiny Shakespeare.
        expansion: Width of the recurrence, in `units`.
        dropout: Of embeddings and of what each part adds.
        window_length: Tokens of a training window.
        end_tokens: See `RunningText`.
        tie_embeddings: Whether the head uses the embedding.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.
    Reference: Feng et al., 2024, https://arxiv.org/abs/2410.01201

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.feng_2024(text, units=8, layers=1)
        >>> model.count_params()
        3404
    """
    blocks = make_blocks(
        units,
        layers,
        "min_gru",
        dropout=dropout,
        mixer_options={"min_gru": {"expansion": expansion}},
    )
    encoder = BlockEncoder(tokenizer.vocabulary_size, units, blocks, dropout=dropout)
    return language_model_of_blocks(
        encoder, tokenizer, end_tokens, window_length, tie_embeddings, max_target_length, search
    )


def yang_2024(
    tokenizer: Tokenizer,
    units: int = 128,
    layers: int = 4,
    num_heads: int = 4,
    negative_eigenvalues: bool = False,
    householder_steps: int = 1,
    dropout: float = 0.0,
    window_length: int = 256,
    end_tokens: bool = True,
    tie_embeddings: bool = True,
    max_target_length: int | None = None,
    search: Any = None,
) -> LanguageModel:
    """Builds the gated DeltaNet: a memory that is corrected in place, and forgets as a whole.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks.
        layers: Blocks.
        num_heads: Heads of the memory.
        negative_eigenvalues: See `layers.GatedDelta`.
        householder_steps: See `layers.GatedDelta`.
        dropout: Of embeddings and of what each part adds; the paper has none.
        window_length: Tokens of a training window.
        end_tokens: See `RunningText`.
        tie_embeddings: Whether the head uses the embedding.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.
    Reference: Yang et al., 2024, https://arxiv.org/abs/2412.06464; Siems et al., 2025 (several
    steps a token), https://arxiv.org/abs/2502.10297

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.yang_2024(text, units=8, layers=1, num_heads=2)
        >>> model.count_params()
        3324
    """
    options = {
        "num_heads": num_heads,
        "negative_eigenvalues": negative_eigenvalues,
        "householder_steps": householder_steps,
    }
    return _gated_silu_model(
        "gated_delta", options, tokenizer, units, layers, dropout, window_length, end_tokens,
        tie_embeddings, max_target_length, search,
    )  # fmt: skip


def sun_2024(
    tokenizer: Tokenizer,
    units: int = 128,
    layers: int = 4,
    num_heads: int = 4,
    memory: str = "ttt_linear",
    mini_batch: int = 16,
    dropout: float = 0.0,
    window_length: int = 256,
    end_tokens: bool = True,
    tie_embeddings: bool = True,
    max_target_length: int | None = None,
    search: Any = None,
) -> LanguageModel:
    """Builds a stack whose memory is a model that learns from the text as it is read.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of embeddings and blocks.
        layers: Blocks.
        num_heads: Heads, each with a memory of its own.
        memory: `"ttt_linear"` or `"ttt_mlp"`.
        mini_batch: Tokens that the memory learns from at once.
        dropout: Of embeddings and of what each part adds; the paper has none.
        window_length: Tokens of a training window.
        end_tokens: See `RunningText`.
        tie_embeddings: Whether the head uses the embedding.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.
    Reference: Sun et al., 2024, https://arxiv.org/abs/2407.04620

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.sun_2024(text, units=8, layers=1, num_heads=2)
        >>> model.count_params()
        3310
    """
    options = {"num_heads": num_heads, "mini_batch": mini_batch}
    return _gated_silu_model(
        memory, options, tokenizer, units, layers, dropout, window_length, end_tokens,
        tie_embeddings, max_target_length, search,
    )  # fmt: skip


def _gated_silu_model(
    mixer: str,
    options: dict[str, Any],
    tokenizer: Tokenizer,
    units: int,
    layers: int,
    dropout: float,
    window_length: int,
    end_tokens: bool,
    tie_embeddings: bool,
    max_target_length: int | None,
    search: Any,
) -> LanguageModel:
    """Builds blocks of LLaMA's form with another mixer, as both papers do."""
    blocks = make_blocks(
        units,
        layers,
        mixer,
        feed_forward=FeedForward(activation="silu", gated=True, use_bias=False),
        norm="rms",
        dropout=dropout,
        mixer_options={mixer: options},
    )
    encoder = BlockEncoder(tokenizer.vocabulary_size, units, blocks, dropout=dropout)
    return language_model_of_blocks(
        encoder, tokenizer, end_tokens, window_length, tie_embeddings, max_target_length, search
    )
