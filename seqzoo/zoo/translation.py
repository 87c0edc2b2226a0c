"""Recurrent translation models of the literature."""

from __future__ import annotations

from typing import Any

from seqzoo.decoders.recurrent import RecurrentDecoder
from seqzoo.encoders.recurrent import RecurrentEncoder
from seqzoo.heads.tokens import Tokens
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.seq2seq import Seq2Seq
from seqzoo.zoo.sizes import Size, sized


def sutskever_2014(
    source: Tokenizer,
    target: Tokenizer,
    units: int | None = None,
    layers: int | None = None,
    embedding_dim: int | None = None,
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    max_source_length: int | None = None,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> Seq2Seq:
    """Builds an LSTM encoder and decoder that share one fixed vector and no attention.

    The encoder reads the source from its end, and its final states are the decoder's first.

    Args:
        source: Adapted tokenizer of the source.
        target: Adapted tokenizer of the target.
        units: Width of every LSTM; None is 256, the paper's 1000.
        layers: LSTMs on top of each other, on either side; None is 2, the paper's 4.
        embedding_dim: Width of both embeddings; None is 128, the paper's 1000.
        dropout: See `RecurrentEncoder`.
        label_smoothing: See `Tokens`.
        max_source_length: See `TextPairs`.
        max_target_length: See `TextPairs`.
        search: See `Seq2Seq`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Sutskever et al., 2014, https://arxiv.org/abs/1409.3215

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.sutskever_2014(text, text, units=8, layers=2, embedding_dim=4)
        >>> model.count_params()
        6340
    """
    units, layers, embedding_dim = sized(
        size, (units, layers, embedding_dim), small=(256, 2, 128), paper=(1000, 4, 1000)
    )
    sizes = {"embedding_dim": embedding_dim, "units": units, "layers": layers, "dropout": dropout}
    return Seq2Seq(
        encoder=RecurrentEncoder(source.vocabulary_size, direction="backward", **sizes),
        decoder=RecurrentDecoder(
            target.vocabulary_size, attention=None, bridge="copy", readout="none", **sizes
        ),
        preprocessor=TextPairs(source, target, max_source_length, max_target_length),
        head=Tokens(target.vocabulary_size, label_smoothing),
        search=search,
    )


def bahdanau_2015(
    source: Tokenizer,
    target: Tokenizer,
    units: int | None = None,
    embedding_dim: int | None = None,
    cell: str = "gru",
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    max_source_length: int | None = None,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> Seq2Seq:
    """Builds the first translation model with attention, RNNsearch.

    A bidirectional encoder of `units` for each direction, additive attention from the decoder's
    previous state, whose context enters the cell, and a maxout readout. The decoder begins with
    tanh(W h), h being the encoder's final states of both directions; the paper takes the backward
    one alone.

    Args:
        source: Adapted tokenizer of the source.
        target: Adapted tokenizer of the target.
        units: Width of the decoder and of each direction of the encoder; None is 256, the paper's
            1000.
        embedding_dim: Width of both embeddings; None is 128, the paper's 620.
        cell: A name in `layers.cells.CELLS`.
        dropout: See `RecurrentEncoder`.
        label_smoothing: See `Tokens`.
        max_source_length: See `TextPairs`.
        max_target_length: See `TextPairs`.
        search: See `Seq2Seq`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.bahdanau_2015(text, text, units=8, embedding_dim=4)
        >>> model.count_params()
        5340
    """
    units, embedding_dim = sized(size, (units, embedding_dim), small=(256, 128), paper=(1000, 620))
    sizes = {"embedding_dim": embedding_dim, "units": units, "cell": cell, "dropout": dropout}
    return Seq2Seq(
        encoder=RecurrentEncoder(source.vocabulary_size, direction="both", **sizes),
        decoder=RecurrentDecoder(
            target.vocabulary_size,
            attention="additive",
            attend_from="previous",
            readout="maxout",
            **sizes,
        ),
        preprocessor=TextPairs(source, target, max_source_length, max_target_length),
        head=Tokens(target.vocabulary_size, label_smoothing),
        search=search,
    )


def luong_2015(
    source: Tokenizer,
    target: Tokenizer,
    units: int | None = None,
    layers: int | None = None,
    embedding_dim: int | None = None,
    attention: str = "general",
    input_feeding: bool = True,
    dropout: float = 0.2,
    label_smoothing: float = 0.0,
    tie_embeddings: bool = False,
    max_source_length: int | None = None,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> Seq2Seq:
    """Builds stacked LSTMs with global attention from the current state and input feeding.

    As in the paper the encoder reads the source from its end, and its final states are the
    decoder's first.

    Args:
        source: Adapted tokenizer of the source.
        target: Adapted tokenizer of the target.
        units: Width of every LSTM; None is 256, the paper's 1000.
        layers: LSTMs on top of each other, on either side; None is 2, the paper's 4.
        embedding_dim: Width of both embeddings; None is 128, the paper's 1000.
        attention: A name in `layers.attention.ATTENTIONS`; the paper has dot, general and concat.
        input_feeding: Whether the attentional vector enters the next step.
        dropout: See `RecurrentEncoder`.
        label_smoothing: See `Tokens`.
        tie_embeddings: Whether the head uses the decoder's embedding, as wide as `units`.
        max_source_length: See `TextPairs`.
        max_target_length: See `TextPairs`.
        search: See `Seq2Seq`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Luong et al., 2015, https://arxiv.org/abs/1508.04025

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.luong_2015(text, text, units=8, layers=2, embedding_dim=4)
        >>> model.count_params()
        6796
    """
    units, layers, embedding_dim = sized(
        size, (units, layers, embedding_dim), small=(256, 2, 128), paper=(1000, 4, 1000)
    )
    sizes = {"embedding_dim": embedding_dim, "units": units, "layers": layers, "dropout": dropout}
    return Seq2Seq(
        encoder=RecurrentEncoder(source.vocabulary_size, direction="backward", **sizes),
        decoder=RecurrentDecoder(
            target.vocabulary_size,
            attention=attention,
            attend_from="current",
            input_feeding=input_feeding,
            bridge="copy",
            **sizes,
        ),
        preprocessor=TextPairs(source, target, max_source_length, max_target_length),
        head=Tokens(target.vocabulary_size, label_smoothing),
        search=search,
        tie_embeddings=tie_embeddings,
    )
