"""Sentences as lists of tokens, with a tag for each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import as_strings
from seqzoo.preprocessing.labelled import examples_of_dataset
from seqzoo.preprocessing.labels import Labels, as_name
from seqzoo.preprocessing.limits import BoundedInputs, Limits, last_real_step, short_enough
from seqzoo.preprocessing.packing import side_by_side
from seqzoo.preprocessing.tokenizer import Tokenizer

Encoded = dict[str, tf.RaggedTensor]


@keras.saving.register_keras_serializable(package="seqzoo")
class TaggedTokens(tf.Module):
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
        super().__init__()
        if max_pieces < 1:
            raise ValueError(f"`max_pieces` must be at least 1. Received: max_pieces={max_pieces}.")
        self.words = words
        self.pieces = pieces
        self.labels = tags if isinstance(tags, Labels) else Labels(tags)
        self.max_pieces = max_pieces

    def adapt(self, sentences: Any) -> None:
        """Makes the vocabularies from pairs of tokens and tags; tags that were given stay."""
        tokens, tags = zip(*_checked_pairs(sentences), strict=True)
        if self.labels.get_config()["names"] is None:
            self.labels.adapt(tag for each in tags for tag in each)
        flat = [token for sentence in tokens for token in sentence]
        if not flat:
            raise ValueError("The sentences hold no token. Give at least one with tokens.")
        self.words.adapt(flat)
        if self.pieces is not None:
            self.pieces.adapt(flat)

    def examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """Makes a dataset of tokens `(T,)` and tags `(T,)`, string tensors.

        Args:
            x: List of pairs of a list of tokens and the list of their tags, or a
                `tf.data.Dataset` of them, or the lists of tokens alone.
            y: The lists of tags, where `x` holds the tokens alone.

        Raises:
            ValueError: if there are no sentences, the tags of one are not as many as its tokens,
                or a tag is unknown.
        """
        tokens, tags = zip(*_checked_pairs(x, y), strict=True)
        for index, each in enumerate(tags):
            self.labels.check(each, f"in the sentence at index {index}")
        return tf.data.Dataset.from_tensor_slices((_ragged(tokens), _ragged(tags)))

    def as_raw(self, inputs: Any) -> tf.RaggedTensor:
        """Checks a list of lists of tokens and makes a ragged tensor `(B, None)` of it."""
        if isinstance(inputs, (str, bytes)):
            raise ValueError(
                f"Expected a list of lists of tokens. Received a text: {inputs[:40]!r}."
            )
        inputs = [_checked_tokens(tokens, index) for index, tokens in enumerate(inputs)]
        return _ragged(inputs)

    def tokens(self, text: str) -> list[str]:
        """The tokens of a sentence that is one text: spaces and tabs stand between them.

        No other white space does: a token may hold a no-break space.
        """
        return re.findall("[^ \t]+", text)

    @property
    def raw_spec(self) -> tf.TensorSpec:
        """What `serve` takes: tokens padded with ""."""
        return tf.TensorSpec([None, None], tf.string, name="tokens")

    def lengths(self, raw: tf.RaggedTensor) -> np.ndarray:
        """Tokens of each sentence `(B,)`."""
        return raw.row_lengths().numpy()

    def pad(self, raw: tf.RaggedTensor) -> tf.Tensor:
        """Tokens `(B, T)` as `raw_spec` describes them."""
        return raw.to_tensor("")

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

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """`encode_inputs` of tokens padded with "", as far as limits allow.

        A sentence of too many tokens is not read either. Nothing is computed of the columns beyond
        the limit, which are those of all sentences as soon as one is long.
        """
        max_length = limits.source_tokens
        is_short = tf.reduce_all(raw[:, max_length : max_length + 1] == "", axis=1)
        raw = raw[:, :max_length]
        is_token = tf.strings.length(raw) > 0  # half of the time of a comparison with ""
        steps = tf.where(is_short, last_real_step(is_token), 0)
        raw = raw[:, : tf.maximum(0, tf.reduce_max(steps))]
        is_read = is_short & short_enough(raw, limits.source_bytes)
        steps = tf.where(is_read, steps, 0)
        encoded = self.encode_inputs(tf.RaggedTensor.from_tensor(raw, lengths=steps))
        return BoundedInputs(raw, encoded, steps, is_read)

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

    def prepare(self, raw: Any) -> dict[str, tf.Tensor]:
        """The model's inputs of tokens, see `pack_inputs`."""
        return self.pack_inputs(self.encode_inputs(raw))

    def raw_targets(self, y: tf.Tensor) -> tf.Tensor:
        """The tags of ids, same shape."""
        return self.labels.strings(y)

    def __call__(self, x: Any, y: Any) -> tuple:
        """Makes a training batch of tokens and tags; see `pack` for what it holds."""
        return self.pack(*self.encode(x, y))

    def encode(self, x: Any, y: Any) -> tuple[Encoded, tf.RaggedTensor]:
        """Ids of the tokens, see `encode_inputs`, and of the tags `(B, None)`."""
        tags = self.labels.ids(y)
        tf.debugging.assert_greater_equal(
            tags.flat_values, 0, f"A tag is none of those of the training: {self.labels.names}."
        )
        tf.debugging.assert_equal(
            x.row_lengths(), tags.row_lengths(), "A sentence must have a tag for each token."
        )
        return self.encode_inputs(x), tags

    def pack(self, source: Encoded, target: tf.RaggedTensor) -> tuple:
        """Pads encoded rows to one batch.

        Returns:
            x, see `pack_inputs`; y `(B, T)` int32; sample_weight `(B, T)` float32, 1 on tokens.
        """
        x = self.pack_inputs(source)
        shape = tf.shape(x["mask"], tf.int64)
        return x, target.to_tensor(0, shape=shape), tf.cast(x["mask"], tf.float32)

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


def _checked_pairs(sentences: Any, y: Any = None) -> list[tuple[list, list[str]]]:
    if isinstance(sentences, tf.data.Dataset):
        sentences, y = examples_of_dataset(sentences, y, "tokens and their tags", 1, 1), None
    if y is not None:
        sentences, y = list(sentences), list(y)
        if len(sentences) != len(y):
            raise ValueError(
                f"Received {len(sentences)} sentences but tags of {len(y)}. Give each its own."
            )
        sentences = list(zip(sentences, y, strict=True))
    pairs = []
    for index, pair in enumerate(sentences):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(
                "Expected a list of pairs of tokens and tags. Received "
                f"{str(pair)[:60]!r} at index {index}."
            )
        where = f" in the sentence at index {index}"
        tokens, tags = _checked_tokens(pair[0], index), [as_name(tag, where) for tag in pair[1]]
        if len(tokens) != len(tags):
            raise ValueError(
                f"Each token must have one tag. Received: {len(tokens)} tokens and {len(tags)} "
                f"tags in the sentence at index {index}, which begins with {tokens[:5]}."
            )
        pairs.append((tokens, tags))
    if not pairs:
        raise ValueError("There are no sentences. Give at least one pair of tokens and tags.")
    return pairs


def _checked_tokens(tokens: Any, index: int) -> list:
    if isinstance(tokens, (str, bytes)):
        raise ValueError(
            f"A sentence is a list of tokens. Received a text at index {index}: {tokens[:40]!r}. "
            "Split it, for example with the preprocessor's `tokens`."
        )
    tokens = list(tokens)
    for token in tokens:
        if not isinstance(token, (str, bytes)) or not token:
            raise ValueError(
                f"A token is a text that is not empty. Received: {token!r} in the sentence at "
                f"index {index}. Leave it out."
            )
    return tokens


def _ragged(rows: Sequence[Sequence[Any]]) -> tf.RaggedTensor:
    flat = as_strings([each for row in rows for each in row])
    return tf.RaggedTensor.from_row_lengths(flat, tf.constant([len(row) for row in rows], tf.int64))
