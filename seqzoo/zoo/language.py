"""Recurrent language models of the literature."""

from __future__ import annotations

from typing import Any

from seqzoo.decoders.language import LanguageDecoder
from seqzoo.encoders.language import LanguageEncoder
from seqzoo.preprocessing.running_text import RunningText
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.language_model import LanguageModel
from seqzoo.zoo.sizes import Size, sized


def zaremba_2014(
    tokenizer: Tokenizer,
    units: int | None = None,
    layers: int | None = None,
    embedding_dim: int | None = None,
    cell: str = "lstm",
    dropout: float | None = None,
    end_tokens: bool = True,
    window_length: int = 35,
    tie_embeddings: bool = False,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> LanguageModel:
    """Builds stacked LSTMs with dropout on what goes up, none on what goes on in time.

    The paper's medium model. The small one has 200 units, no dropout and windows of 20 tokens, the
    large one 1500 units and a dropout of 0.65.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of every layer; None is 256, the paper's 650.
        layers: Layers on top of each other; None is 1, the paper's 2.
        embedding_dim: Width of the embedding; None is `units`, as in the paper.
        cell: A name in `layers.cells.CELLS`.
        dropout: After the embedding, between the layers and of the outputs, other values at each
            step; None is 0.2, the paper's 0.5.
        end_tokens: See `RunningText`.
        window_length: See `RunningText`.
        tie_embeddings: Whether the head uses the embedding; the paper's does not.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Zaremba et al., 2014, https://arxiv.org/abs/1409.2329

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.zaremba_2014(text, units=8)
        >>> model.count_params()
        4964
    """
    units, layers, dropout = sized(
        size, (units, layers, dropout), small=(256, 1, 0.2), paper=(650, 2, 0.5)
    )
    encoder = LanguageEncoder(
        tokenizer.vocabulary_size,
        embedding_dim=units if embedding_dim is None else embedding_dim,
        units=units,
        layers=layers,
        cell=cell,
        input_dropout=dropout,
        dropout=dropout,
        output_dropout=dropout,
    )
    text = RunningText(tokenizer, end_tokens, window_length, max_target_length)
    return LanguageModel(
        LanguageDecoder(encoder), text, search=search, tie_embeddings=tie_embeddings
    )


def merity_2018(
    tokenizer: Tokenizer,
    units: int | None = None,
    layers: int | None = None,
    embedding_dim: int | None = None,
    cell: str = "lstm",
    dropout: float = 0.25,
    input_dropout: float = 0.4,
    output_dropout: float = 0.4,
    embedding_dropout: float = 0.1,
    weight_drop: float = 0.5,
    ar: float = 2.0,
    tar: float = 1.0,
    tie_embeddings: bool = True,
    end_tokens: bool = True,
    window_length: int = 70,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> LanguageModel:
    """Builds AWD-LSTM: LSTMs whose recurrent weights are dropped, with variational dropout.

    Words are dropped from the embedding, which the head uses too; the outputs are kept small and
    slow (AR and TAR). The paper trains with SGD that turns to averaging; here the optimizer is
    the user's. It draws the length of every window, `RunningText` that of the first.

    Args:
        tokenizer: Adapted tokenizer.
        units: Width of the layers below the top, which is as wide as the embedding; None is 256,
            the paper's 1150.
        layers: Layers on top of each other; None is 2, the paper's 3.
        embedding_dim: Width of the embedding and of the outputs; None is 128, the paper's 400.
        cell: A name in `layers.cells.CELLS`. One whose recurrence has no weights, such as
            `"min_gru"` and `"lru"`, goes with `weight_drop=0`.
        dropout: Between the layers, the same values at all steps; as the two next ones.
        input_dropout: After the embedding.
        output_dropout: Of the outputs.
        embedding_dropout: Share of the words.
        weight_drop: Share of the recurrent weights.
        ar: Weight of activation regularization.
        tar: Weight of temporal activation regularization.
        tie_embeddings: Whether the head uses the embedding.
        end_tokens: See `RunningText`.
        window_length: See `RunningText`.
        max_target_length: See `RunningText`.
        search: See `LanguageModel`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Merity, Keskar and Socher, 2018, https://arxiv.org/abs/1708.02182

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.merity_2018(text, units=8, layers=2, embedding_dim=4)
        >>> model.count_params()
        1924
    """
    units, layers, embedding_dim = sized(
        size, (units, layers, embedding_dim), small=(256, 2, 128), paper=(1150, 3, 400)
    )
    encoder = LanguageEncoder(
        tokenizer.vocabulary_size,
        embedding_dim=embedding_dim,
        units=units,
        layers=layers,
        cell=cell,
        output_units=embedding_dim,
        input_dropout=input_dropout,
        dropout=dropout,
        output_dropout=output_dropout,
        locked_dropout=True,
        embedding_dropout=embedding_dropout,
        weight_drop=weight_drop,
        ar=ar,
        tar=tar,
    )
    text = RunningText(tokenizer, end_tokens, window_length, max_target_length)
    return LanguageModel(
        LanguageDecoder(encoder), text, search=search, tie_embeddings=tie_embeddings
    )
