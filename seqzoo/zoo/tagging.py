"""Taggers of the literature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from seqzoo.encoders.recurrent import RecurrentEncoder
from seqzoo.heads.tags import Tags
from seqzoo.layers.token_features import TokenFeatures
from seqzoo.preprocessing.tag_schemes import Scheme, forbidden_pairs
from seqzoo.preprocessing.tagged_tokens import TaggedTokens
from seqzoo.tasks.tagger import Tagger


def lample_2016(
    preprocessor: TaggedTokens,
    units: int = 100,
    embedding_dim: int = 100,
    piece_dim: int = 25,
    piece_units: int = 25,
    layers: int = 1,
    dropout: float = 0.5,
    unknown_rate: float = 0.0,
    scheme: Scheme | None = None,
    crf: bool = True,
    class_weights: Sequence[float] | None = None,
) -> Tagger:
    """Builds a bidirectional LSTM over words and their letters, these read by an LSTM, and a CRF.

    Args:
        preprocessor: Adapted `TaggedTokens`, with `pieces`.
        units: Width of each direction.
        embedding_dim: Width of the embeddings of words.
        piece_dim: Width of the embeddings of letters.
        piece_units: Width of the letters' LSTM for each direction.
        layers: Recurrent layers on top of each other.
        dropout: Of the features and of the outputs.
        unknown_rate: See `TokenFeatures`.
        scheme: `"bio"` (IOB2), `"bioes"` or `"iob1"` forbids what breaks spans; None nothing.
        crf: Whether the head learns which tag follows which.
        class_weights: See `Tags`.
    Reference: Lample et al., 2016, https://arxiv.org/abs/1603.01360

    Example:
        >>> words, letters = sz.preprocessing.TokenLookup(), sz.preprocessing.ByteTokenizer()
        >>> text = sz.preprocessing.TaggedTokens(words, letters)
        >>> text.adapt([(["Ann", "left"], ["B-PER", "O"])])
        >>> sz.zoo.lample_2016(text, units=8, embedding_dim=4, scheme="bio").count_params()
        20798
    """
    sizes = (units, embedding_dim, piece_dim, piece_units, layers, dropout, unknown_rate)
    return _tagger(preprocessor, "lstm", *sizes, scheme, crf, class_weights)


def ma_2016(
    preprocessor: TaggedTokens,
    units: int = 200,
    embedding_dim: int = 100,
    piece_dim: int = 30,
    piece_units: int = 30,
    layers: int = 1,
    dropout: float = 0.5,
    unknown_rate: float = 0.0,
    scheme: Scheme | None = None,
    crf: bool = True,
    class_weights: Sequence[float] | None = None,
) -> Tagger:
    """Builds a bidirectional LSTM over words and their letters, these read by a CNN, and a CRF.

    Args:
        preprocessor: Adapted `TaggedTokens`, with `pieces`.
        units: Width of each direction.
        embedding_dim: Width of the embeddings of words.
        piece_dim: Width of the embeddings of letters.
        piece_units: Filters over letters, each three wide.
        layers: Recurrent layers on top of each other.
        dropout: Of the features and of the outputs.
        unknown_rate: See `TokenFeatures`.
        scheme: `"bio"` (IOB2), `"bioes"` or `"iob1"` forbids what breaks spans; None nothing.
        crf: Whether the head learns which tag follows which.
        class_weights: See `Tags`.
    Reference: Ma and Hovy, 2016, https://arxiv.org/abs/1603.01354

    Example:
        >>> words, letters = sz.preprocessing.TokenLookup(), sz.preprocessing.ByteTokenizer()
        >>> text = sz.preprocessing.TaggedTokens(words, letters)
        >>> text.adapt([(["Ann", "left"], ["B-PER", "O"])])
        >>> sz.zoo.ma_2016(text, units=8, embedding_dim=4, scheme="bio").count_params()
        13348
    """
    sizes = (units, embedding_dim, piece_dim, piece_units, layers, dropout, unknown_rate)
    return _tagger(preprocessor, "cnn", *sizes, scheme, crf, class_weights)


def _tagger(
    preprocessor: TaggedTokens,
    reader: Literal["cnn", "lstm"],
    units: int,
    embedding_dim: int,
    piece_dim: int,
    piece_units: int,
    layers: int,
    dropout: float,
    unknown_rate: float,
    scheme: Scheme | None,
    crf: bool,
    class_weights: Sequence[float] | None,
) -> Tagger:
    pieces = preprocessor.pieces
    features = TokenFeatures(
        preprocessor.words.vocabulary_size,
        embedding_dim,
        None if pieces is None else pieces.vocabulary_size,
        piece_dim,
        piece_units,
        reader,
        unknown_rate=unknown_rate,
    )
    # The encoder drops the features on their way in.
    encoder = RecurrentEncoder(None, features.width, units, layers, dropout=dropout)
    tags = preprocessor.labels.names
    forbidden = [] if scheme is None else forbidden_pairs(tags, scheme)
    head = Tags(len(tags), crf, forbidden, class_weights=class_weights)
    return Tagger(features, encoder, preprocessor, head)
