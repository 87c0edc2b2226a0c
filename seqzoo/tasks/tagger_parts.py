"""Whether the parts of a tagger go together."""

from __future__ import annotations

from typing import Any

from seqzoo.encoders.graphs import GraphEncoder
from seqzoo.preprocessing.tagged_graphs import TaggedGraphs
from seqzoo.preprocessing.tagged_residues import TaggedResidues
from seqzoo.preprocessing.tagged_subwords import TaggedSubwords
from seqzoo.preprocessing.tagged_tokens import TaggedTokens
from seqzoo.tasks.answering import check_vocabulary


def check_parts(features: Any, encoder: Any, preprocessor: Any, head: Any) -> None:
    """Raises ValueError where an encoder does not read what features or a preprocessor make."""
    if encoder is None:
        raise ValueError(
            "A tagger needs an encoder, such as that of a MaskedLanguageModel. Received: None."
        )
    if features is None and isinstance(encoder, GraphEncoder):
        _check_graphs(encoder, preprocessor, head)
    elif features is None and encoder.vocabulary_size is None:
        _check_residues(encoder, preprocessor)
    elif features is None:
        _check_subwords(encoder, preprocessor)
    else:
        _check_features(features, encoder, preprocessor)
    if preprocessor is not None:
        _require_equal("head.tag_count", head.tag_count, len(preprocessor.labels))


def _check_residues(encoder: Any, preprocessor: Any) -> None:
    if preprocessor is None:
        return
    if not isinstance(preprocessor, TaggedResidues):
        raise ValueError(
            "Without `features`, the encoder of a tagger reads subwords, or residues of "
            f"TaggedResidues. Received: {type(encoder).__name__} with vocabulary_size=None, and "
            f"{type(preprocessor).__name__}. Give `features`, such as layers.TokenFeatures, or an "
            "encoder of tokens."
        )
    _require_equal("encoder.embedding_dim", encoder.embedding_dim, preprocessor.width)


def _check_subwords(encoder: Any, preprocessor: Any) -> None:
    if preprocessor is None:
        return
    _require_kind(preprocessor, TaggedSubwords, "an encoder of subwords")
    check_vocabulary(encoder, preprocessor.tokenizer)
    positions, length = getattr(encoder, "max_positions", None), preprocessor.max_length
    if positions is not None and (length is None or length > positions):
        raise ValueError(
            f"The encoder has {positions} positions. Received: TaggedSubwords with "
            f"max_length={length}. Make it with max_length={positions}."
        )


def _check_graphs(encoder: Any, preprocessor: Any, head: Any) -> None:
    if getattr(head, "crf", False):
        raise ValueError(
            "The nodes of a graph have no order in which tags follow each other. Received: a head "
            "with a CRF. Make it with crf=False."
        )
    if preprocessor is None:
        return
    _require_kind(preprocessor, TaggedGraphs, "an encoder of graphs")
    size = preprocessor.reader.vocabulary_size
    _require_equal("encoder.vocabulary_size", encoder.vocabulary_size, size)


def _check_features(features: Any, encoder: Any, preprocessor: Any) -> None:
    if encoder.vocabulary_size is not None or encoder.embedding_dim != features.width:
        raise ValueError(
            "The encoder of a tagger takes the vectors of `features`. Make it with "
            f"vocabulary_size=None, embedding_dim={features.width}. With one that reads subwords, "
            "leave the features out."
        )
    if preprocessor is None:
        return
    _require_kind(preprocessor, TaggedTokens, "`features`")
    words, pieces = preprocessor.words, preprocessor.pieces
    count = None if pieces is None else pieces.vocabulary_size
    _require_equal("features.vocabulary_size", features.vocabulary_size, words.vocabulary_size)
    _require_equal("features.piece_count", features.piece_count, count)


def _require_kind(preprocessor: Any, kind: type, reader: str) -> None:
    if not isinstance(preprocessor, kind):
        raise ValueError(
            f"A tagger with {reader} needs `{kind.__name__}`. Received: "
            f"{type(preprocessor).__name__}."
        )


def _require_equal(name: str, received: Any, size: Any) -> None:
    if received != size:
        raise ValueError(f"`{name}` must be {size}, as in the preprocessor. Received: {received}.")
