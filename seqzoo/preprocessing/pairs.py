"""Pairs of texts as the inputs and labels of a sequence-to-sequence model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import PAIRS, examples, raw_texts, row_lengths
from seqzoo.preprocessing.limits import BoundedInputs, Limits, short_enough
from seqzoo.preprocessing.packing import side_by_side
from seqzoo.preprocessing.tokenizer import Tokenizer

Inputs = dict[str, tf.Tensor]


@keras.saving.register_keras_serializable(package="seqzoo")
class TextPairs(tf.Module):
    """Turns source and target texts into ids, labels and weights for teacher forcing.

    Args:
        source: Tokenizer of the source side.
        target: Tokenizer of the target side; None, or the same object, for one
            vocabulary on both sides.
        max_source_length: Longest source in tokens, the end token counted.
            Longer ones are cut and keep the end token. None cuts nothing.
        max_target_length: The same for the target.

    Returns the inputs `source_ids` `(B, S)` and `target_ids` `(B, T)`, labels `(B, T)` and weights
    `(B, T)`.

    Example:
        >>> source, target = sz.preprocessing.WordTokenizer(), sz.preprocessing.WordTokenizer()
        >>> text = sz.preprocessing.TextPairs(source, target)
        >>> text.adapt([("guten Tag", "good day")])
        >>> x, y, sample_weight = text(["guten Tag"], ["good day"])
        >>> x["target_ids"].numpy().tolist(), y.numpy().tolist()  # begins with 2; ends with 3
        ([[2, 5, 4]], [[5, 4, 3]])
    """

    def __init__(
        self,
        source: Tokenizer,
        target: Tokenizer | None = None,
        max_source_length: int | None = None,
        max_target_length: int | None = None,
    ):
        super().__init__()
        for name, length in (("source", max_source_length), ("target", max_target_length)):
            if length is not None and length < 1:
                raise ValueError(
                    f"`max_{name}_length` counts the end token and must be at least 1. "
                    f"Received: max_{name}_length={length}."
                )
        self.source: Any = source  # `GraphPairs` reads graphs in its place
        self.target = source if target is None else target
        self.max_source_length = max_source_length
        self.max_target_length = max_target_length

    kind = PAIRS

    def adapt(self, pairs: Any, columns: Mapping[str, str] | None = None) -> None:
        """Makes the vocabularies; a tokenizer that serves both sides sees both.

        Args:
            pairs: Source and target texts in any form that `fit` takes.
            columns: Names of the columns "source" and "target" of a table.
        """
        dataset = examples(pairs, columns=columns)
        sources = dataset.map(lambda source, _: source)
        targets = dataset.map(lambda _, target: target)
        if self.target is self.source:
            self.source.adapt(sources.concatenate(targets))
        else:
            self.source.adapt(sources)
            self.target.adapt(targets)

    def examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """Makes a dataset of pairs of texts; see `seqzoo.preprocessing.examples`."""
        return examples(x, y)

    def __call__(self, x: tf.Tensor, y: tf.Tensor) -> tuple[Inputs, tf.Tensor, tf.Tensor]:
        """Makes a training batch of texts `(B,)` and `(B,)`; see `pack` for what it holds."""
        return self.pack(*self.encode(x, y))

    def encode(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Ids `(B, None)` of sources and targets, each row with the end id, cut to length."""
        return self.encode_inputs(x), with_end(self.target.tokenize(y), self.max_target_length)

    def pack(
        self, source: tf.RaggedTensor, target: tf.RaggedTensor
    ) -> tuple[Inputs, tf.Tensor, tf.Tensor]:
        """Pads encoded rows to one batch.

        Returns:
            x, a dict of "source_ids" `(B, S)` int32, which end in the end id, and
            "target_ids" `(B, T)` int32, which begin with the start id;
            y `(B, T)` int32, the target one step ahead with its end id;
            sample_weight `(B, T)` float32, 1 on the tokens of y and 0 on padding.
        """
        starts = tf.fill([target.nrows(), 1], Tokenizer.start_id)
        shifted = tf.concat([starts, target[:, :-1]], axis=1)
        x = {"source_ids": self.pack_inputs(source), "target_ids": shifted.to_tensor()}
        return x, target.to_tensor(), tf.sequence_mask(target.row_lengths(), dtype=tf.float32)

    def pack_together(
        self, source: tf.RaggedTensor, target: tf.RaggedTensor, members: tf.RaggedTensor
    ) -> tuple[Inputs, tf.Tensor, tf.Tensor]:
        """Puts several pairs into each row of a batch.

        Args:
            source: Encoded sources `(N, None)`.
            target: Encoded targets `(N, None)`.
            members: Ragged `(rows, None)`, the numbers of the pairs of each row.

        Returns:
            What `pack` returns, and in x the numbers of the pairs within their rows from 1 on, 0 on
            padding: "source_segments" `(B, S)` and "target_segments" `(B, T)`.
        """
        starts = tf.fill([target.nrows(), 1], tf.cast(Tokenizer.start_id, target.dtype))
        shifted = tf.concat([starts, target[:, :-1]], axis=1)
        source_ids, source_segments = side_by_side(source, members)
        target_ids, target_segments = side_by_side(shifted, members)
        y, _ = side_by_side(target, members)
        x = {
            "source_ids": source_ids,
            "source_segments": source_segments,
            "target_ids": target_ids,
            "target_segments": target_segments,
        }
        return x, y, tf.cast(target_segments > 0, tf.float32)

    @property
    def raw_spec(self) -> tf.TensorSpec:
        """What a served model takes: source texts."""
        return tf.TensorSpec([None], tf.string, name="text")

    def as_raw(self, inputs: Any) -> tf.Tensor:
        """A string tensor `(B,)` of a list of source texts."""
        return raw_texts(inputs)

    def encode_inputs(self, raw: tf.Tensor) -> tf.RaggedTensor:
        """Ids `(B, None)` of source texts, each with the end id, cut to length."""
        return with_end(self.source.tokenize(raw), self.max_source_length)

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """`encode_inputs` as far as limits allow; a text that is not read is empty."""
        is_read = short_enough(raw, limits.source_bytes)
        raw = tf.where(is_read, raw, "")
        ids = with_end(self.source.tokenize(raw), self.max_source_length or limits.source_tokens)
        return BoundedInputs(raw, ids, tf.cast(ids.row_lengths(), tf.int32), is_read)

    def pack_inputs(self, encoded: tf.RaggedTensor) -> tf.Tensor:
        """Padded ids `(B, S)` int32."""
        return encoded.to_tensor()

    def prepare(self, raw: tf.Tensor) -> tf.Tensor:
        """Source ids of source texts, see `source_ids`."""
        return self.source_ids(raw)

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        """Tokens of each source text `(B,)`, the end token counted."""
        return row_lengths(self.encode_inputs, raw)

    def raw_targets(self, y: tf.Tensor) -> tf.Tensor:
        """Target texts of the labels of a batch, see `detokenize`."""
        return self.detokenize(y)

    def source_ids(self, strings: tf.Tensor) -> tf.Tensor:
        """Padded ids `(B, S)` int32 of source texts `(B,)`; an empty text is the end id alone."""
        return self.pack_inputs(self.encode_inputs(strings))

    def source_words(self, strings: tf.Tensor, limits: Limits | None = None) -> tf.Tensor:
        """Words `(B, S)` of each of `source_ids`, known or not; "" for the end and padding.

        For sources of a `LookupTokenizer`. With limits, each of the ids of `encode_within`.
        """
        max_length = self.max_source_length or (limits and limits.source_tokens)
        return with_end(self.source.split(strings), max_length, "").to_tensor("")

    def detokenize(self, ids: tf.Tensor) -> tf.Tensor:
        """Target texts `(...)` of ids `(..., T)`."""
        return self.target.detokenize(ids)

    def source_tokens(self, ids: tf.Tensor) -> tf.Tensor:
        """Readable source tokens of ids, same shape."""
        return self.source.tokens(ids)

    def target_tokens(self, ids: tf.Tensor) -> tf.Tensor:
        """Readable target tokens of ids, same shape."""
        return self.target.tokens(ids)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            "source": serialize(self.source),
            "target": None if self.target is self.source else serialize(self.target),
            "max_source_length": self.max_source_length,
            "max_target_length": self.max_target_length,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextPairs:
        sides = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("source", "target")
        }
        return cls(**{**config, **sides})


def with_end(
    ids: tf.RaggedTensor, max_length: int | None, end: int | str = Tokenizer.end_id
) -> tf.RaggedTensor:
    """Ids, or words, `(B, None)` with the end behind each row, together at most so many."""
    if max_length is not None:
        ids = ids[:, : max_length - 1]
    return tf.concat([ids, tf.fill([ids.nrows(), 1], end)], axis=1)
