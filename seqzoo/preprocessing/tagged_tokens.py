"""Tokens as ids of words and of their characters or subwords, with a tag for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from seqzoo.preprocessing.labels import Labels
from seqzoo.preprocessing.packing import side_by_side
from seqzoo.preprocessing.tagged_sentences import Encoded, TaggedSentences
from seqzoo.preprocessing.tokenizer import Tokenizer


@keras.saving.register_keras_serializable(package="seqzoo")
class TaggedTokens(TaggedSentences):
    """Turns lists of tokens into ids of words and of their characters or subwords, and tags too.

    Args:
        words: Tokenizer that gives each token one id, such as `TokenLookup`.
        pieces: Tokenizer of the inside of a token: characters, bytes or sub-words. Each
            token has ids of its own, so that tags stay aligned to tokens. None reads none.
        tags: The tags in the order of their ids, or `Labels`; None takes those of `adapt`.
        max_pieces: Positive int, max number of pieces of a token that are read.

    Returns `inputs` and `mask` `(B, T)`, `pieces` `(B, T, P)`, and of the tags ids and weights `(B,
    T)`.

    Example:
        >>> text = sz.preprocessing.TaggedTokens(
        ...     sz.preprocessing.TokenLookup(), sz.preprocessing.CharacterTokenizer()
        ... )
        >>> text.adapt([(["Ann", "left"], ["B-PER", "O"])])
        >>> x = text.prepare(text.as_raw([["Ann", "left"], ["Bob"]]))
        >>> x["inputs"].numpy().tolist(), tuple(x["pieces"].shape)
        ([[4, 5], [1, 0]], (2, 2, 4))
    """

    def __init__(
        self,
        words: Tokenizer,
        pieces: Tokenizer | None = None,
        tags: Labels | Sequence[str] | None = None,
        max_pieces: int = 32,
    ):
        super().__init__(tags)
        if max_pieces < 1:
            raise ValueError(f"`max_pieces` must be at least 1. Received: max_pieces={max_pieces}.")
        self.words = words
        self.pieces = pieces
        self.max_pieces = max_pieces

    def adapt_tokens(self, tokens: list) -> None:
        self.words.adapt(tokens)
        if self.pieces is not None:
            self.pieces.adapt(tokens)

    def encode_inputs(self, raw: Any) -> Encoded:
        """Ids of words `(B, None)` and of pieces `(B, None, None)`; no piece for a token "" ."""
        if not isinstance(raw, tf.RaggedTensor):
            raw = tf.RaggedTensor.from_tensor(raw)
        flat = raw.flat_values
        words = self.words.tokenize(flat).flat_values
        encoded = {"inputs": raw.with_flat_values(tf.where(flat == "", 0, words))}
        if self.pieces is not None:
            pieces = self.pieces.tokenize(flat)[:, : self.max_pieces]
            encoded["pieces"] = raw.with_flat_values(pieces)
        return encoded

    def pack_inputs(self, encoded: Encoded) -> dict[str, tf.Tensor]:
        """The model's inputs: "inputs" `(B, T)`, "mask" `(B, T)` and, if any, "pieces" `(B, T, P)`.

        There is at least one step, and one piece, so that no layer gets an empty axis.
        """
        ids = encoded["inputs"].to_tensor()
        missing = tf.maximum(0, 1 - tf.shape(ids)[1])
        ids = tf.pad(ids, [[0, 0], [0, missing]])
        packed = {"inputs": ids, "mask": ids != 0}
        if "pieces" in encoded:
            pieces = encoded["pieces"].to_tensor()
            none = tf.maximum(0, 1 - tf.shape(pieces)[2])
            packed["pieces"] = tf.pad(pieces, [[0, 0], [0, missing], [0, none]])
        return packed

    def pack_together(
        self, source: Encoded, target: tf.RaggedTensor, members: tf.RaggedTensor
    ) -> tuple:
        """Puts several sentences into each row of a batch.

        Args:
            source: Encoded tokens of N sentences, of `encode`.
            target: Their tags `(N, None)`.
            members: Ragged `(rows, None)`, the numbers of the sentences of each row.

        Returns:
            x, a dict of what `pack_inputs` returns, "segment_ids" `(B, T)`, the numbers of the
            sentences within their rows from 1 on, 0 on padding, and "steps" `(B, G, L)`, for each
            sentence the steps of its tokens, -1 on padding; y `(B, G, L)` int32; sample_weight
            `(B, G, L)` float32.
        """
        ids, segment_ids = side_by_side(source["inputs"], members)
        missing = [[0, 0], [0, tf.maximum(0, 1 - tf.shape(ids)[1])]]
        segment_ids = tf.pad(segment_ids, missing)
        x = {
            "inputs": tf.pad(ids, missing),
            "mask": segment_ids > 0,
            "segment_ids": segment_ids,
            "steps": _steps_of(source["inputs"], members),
        }
        if "pieces" in source:
            pieces = tf.gather(source["pieces"], members).merge_dims(1, 2).to_tensor()
            none = tf.maximum(0, 1 - tf.shape(pieces)[2])
            x["pieces"] = tf.pad(pieces, [*missing, [0, none]])
        shape = tf.shape(x["steps"], tf.int64)
        y = tf.gather(target, members).to_tensor(0, shape=shape)
        return x, y, tf.cast(x["steps"] >= 0, tf.float32)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            "words": serialize(self.words),
            "pieces": serialize(self.pieces),
            "tags": serialize(self.labels),
            "max_pieces": self.max_pieces,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TaggedTokens:
        deserialize = keras.saving.deserialize_keras_object
        parts = {k: deserialize(v) if isinstance(v, dict) else v for k, v in config.items()}
        return cls(**parts)


def _steps_of(sequences: tf.RaggedTensor, members: tf.RaggedTensor) -> tf.Tensor:
    """Returns the steps `(B, G, L)` that sequences have in the rows that they share, -1 on padding.

    Args:
        sequences: Ragged `(N, None)`.
        members: Ragged `(B, None)`, the numbers of the sequences of each row.
    """
    lengths = tf.cast(tf.gather(sequences.row_lengths(), members).to_tensor(), tf.int32)
    first = tf.cumsum(lengths, axis=1, exclusive=True)
    counted = tf.range(tf.maximum(1, tf.reduce_max(lengths)))
    return tf.where(counted < lengths[..., None], first[..., None] + counted, -1)
