"""Words as subwords for an encoder that reads these, such as BERT, with a tag for each word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from seqzoo.preprocessing.labels import Labels
from seqzoo.preprocessing.tagged_sentences import Encoded, TaggedSentences
from seqzoo.preprocessing.tokenizer import Tokenizer


@keras.saving.register_keras_serializable(package="seqzoo")
class TaggedSubwords(TaggedSentences):
    """Turns lists of words into the ids of their subwords, and tags of words too.

    The encoder reads the subwords of a sentence; a word is represented by its first one, as in
    BERT. A word without any, such as a control character, is the unknown token. A sentence of more
    subwords than `max_length` is read in chunks of as many, none of which sees another. What the
    tokenizer of a published model puts around a text, such as `[CLS]`, stands around each chunk.

    Args:
        tokenizer: Of the subwords, such as that of the task whose encoder is fine-tuned. `adapt`
            makes its vocabulary anew, if it is one that learns.
        tags: The tags in the order of their ids, or `Labels`; None takes those of `adapt`.
        max_length: Positive int, the most tokens that are read together, at most the positions of
            the encoder; None is that of a published tokenizer, and no limit with another.

    Raises:
        ValueError: if `max_length` has no room for a subword.

    Reference: Devlin et al., 2019, section 5.3, https://arxiv.org/abs/1810.04805

    Example:
        >>> tokenizer = sz.preprocessing.WordPieceTokenizer(
        ...     ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "play", "##ing"], [0, 1, 2, 3], [2], [3])
        >>> sentences = sz.preprocessing.TaggedSubwords(tokenizer, ["NOUN", "VERB"])
        >>> inputs = sentences.prepare(sentences.as_raw([["playing", "play"]]))
        >>> inputs["inputs"].numpy().tolist(), inputs["starts"].numpy().tolist()
        ([[[2, 4, 5, 4, 3]]], [[1, 3]])
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        tags: Labels | Sequence[str] | None = None,
        max_length: int | None = None,
    ):
        super().__init__(tags)
        if max_length is None:
            max_length = getattr(tokenizer, "max_length", None)
        least = 1 + sum(map(len, tokenizer.around))
        if max_length is not None and max_length < least:
            raise ValueError(
                f"`max_length` must be at least {least}: a subword and what stands around a text. "
                f"Received: max_length={max_length}."
            )
        self.tokenizer = tokenizer
        self.max_length = max_length

    def adapt_tokens(self, tokens: list) -> None:
        self.tokenizer.adapt(tokens)

    def encode_inputs(self, raw: Any) -> Encoded:
        """Ids of subwords `(B, None)`, and how many each word has `(B, None)`; 0 for a word ""."""
        if not isinstance(raw, tf.RaggedTensor):
            raw = tf.RaggedTensor.from_tensor(raw)
        flat = raw.flat_values
        ids = self.tokenizer.tokenize_words(flat)
        is_unknown = (flat != "") & (ids.row_lengths() == 0)
        counts = tf.cast(is_unknown, tf.int64)
        unknown = tf.fill([tf.reduce_sum(counts)], tf.cast(Tokenizer.unknown_id, ids.dtype))
        ids = tf.concat([ids, tf.RaggedTensor.from_row_lengths(unknown, counts)], axis=1)
        return {
            "inputs": raw.with_flat_values(ids).merge_dims(1, 2),
            "words": raw.with_flat_values(tf.cast(ids.row_lengths(), tf.int32)),
        }

    def pack_inputs(self, encoded: Encoded) -> dict[str, tf.Tensor]:
        """The model's inputs of encoded sentences.

        Returns:
            "inputs" `(B, C, S)`, the tokens of each chunk, padded with 0; "mask" `(B, T)`, True on
            words; "starts" `(B, T)`, where the first subword of each word stands among the C * S
            tokens. C, S and T are at least 1.
        """
        before, after = self.tokenizer.around
        ids, counts = encoded["inputs"], encoded["words"].to_tensor()
        width = longest = tf.maximum(1, tf.cast(tf.reduce_max(ids.row_lengths()), tf.int32))
        if self.max_length is not None:
            width = tf.minimum(longest, self.max_length - len(before) - len(after))
        chunks = -(-longest // width)
        shape = tf.stack([tf.shape(counts)[0], chunks * width])
        cut = tf.reshape(ids.to_tensor(shape=shape), [-1, width])  # (B, C*width) -> (B*C, width)
        lengths = tf.cast(ids.row_lengths(), tf.int32)[:, None] - tf.range(chunks) * width
        lengths = tf.reshape(tf.clip_by_value(lengths, 0, width), [-1])
        rows = tf.RaggedTensor.from_tensor(cut, lengths=lengths)
        sides = [tf.tile(tf.constant([s], ids.dtype), [rows.nrows(), 1]) for s in (before, after)]
        whole = tf.concat([sides[0], rows, sides[1]], axis=1).to_tensor()
        counts, whole = (  # no layer gets an empty axis
            tf.pad(each, [[0, 0], [0, tf.maximum(0, 1 - tf.shape(each)[1])]])
            for each in (counts, whole)
        )
        size = tf.shape(whole)[1]
        mask = counts > 0
        first = tf.cumsum(counts, axis=1, exclusive=True)
        starts = first // width * size + len(before) + first % width
        return {
            "inputs": tf.reshape(whole, [-1, chunks, size]),
            "mask": mask,
            "starts": tf.where(mask, starts, 0),
        }

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            "tokenizer": serialize(self.tokenizer),
            "tags": serialize(self.labels),
            "max_length": self.max_length,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TaggedSubwords:
        deserialize = keras.saving.deserialize_keras_object
        parts = {k: deserialize(v) if isinstance(v, dict) else v for k, v in config.items()}
        return cls(**parts)
