"""Pairs of texts whose targets may copy words of their sources."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from seqzoo.preprocessing.limits import BoundedInputs, Limits, short_enough
from seqzoo.preprocessing.lookup import LookupTokenizer
from seqzoo.preprocessing.pairs import Inputs, TextPairs, with_end
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS, Tokenizer


@keras.saving.register_keras_serializable(package="seqzoo")
class CopyingPairs(TextPairs):
    """Turns pairs of texts into ids, in which unknown words of a source have ids of their own.

    With one vocabulary of V tokens on both sides, a source word that it lacks gets the id V + i,
    i being the position where it stands first in its source, and so does that word in the target.
    An unknown word of the target that the source lacks keeps the unknown id, which `heads.Copying`
    does not count. `detokenize` gives the words back.

    Args:
        tokenizer: Tokenizer of both sides. Only words and characters can be unknown, of a
            `LookupTokenizer`.
        max_source_length: See `TextPairs`.
        max_target_length: See `TextPairs`.

    Returns what `TextPairs` returns: ids `(B, S)` and `(B, T)`, labels and weights `(B, T)`.

    Example:
        >>> words = sz.preprocessing.WordTokenizer(vocabulary_size=5)
        >>> words.adapt(["call"])
        >>> pairs = sz.preprocessing.CopyingPairs(words)
        >>> x, y, _ = pairs(["call Ada , Ada"], ["Ada Bob"])
        >>> x["source_ids"].numpy().tolist(), y.numpy().tolist()  # 5 + 1 and 5 + 2
        ([[4, 6, 7, 6, 3]], [[6, 1, 3]])
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_source_length: int | None = None,
        max_target_length: int | None = None,
    ):
        super().__init__(tokenizer, None, max_source_length, max_target_length)

    def encode(self, x: tf.Tensor, y: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        return self.encode_inputs(x), with_end(self.target_ids(x, y), self.max_target_length)

    def encode_inputs(self, raw: tf.Tensor) -> tf.RaggedTensor:
        return self._source_ids(raw, self.max_source_length)

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        is_read = short_enough(raw, limits.source_bytes)
        raw = tf.where(is_read, raw, "")
        ids = self._source_ids(raw, self.max_source_length or limits.source_tokens)
        return BoundedInputs(raw, ids, tf.cast(ids.row_lengths(), tf.int32), is_read)

    def _source_ids(self, raw: tf.Tensor, max_length: int | None) -> tf.RaggedTensor:
        ids = with_end(self.source.tokenize(raw), max_length)
        if not isinstance(self.source, LookupTokenizer):
            return ids
        words = with_end(self.source.split(raw), max_length, "")
        return self._extended(ids, words, words)

    def target_ids(self, sources: tf.Tensor, targets: tf.Tensor) -> tf.RaggedTensor:
        """Ids `(B, None)` of whole targets `(B,)` without the end, where words of sources count."""
        ids = self.target.tokenize(targets)
        if not isinstance(self.target, LookupTokenizer):
            return ids
        words = with_end(self.source.split(sources), self.max_source_length, "")
        return self._extended(ids, self.target.split(targets), words)

    def _extended(
        self, ids: tf.RaggedTensor, words: tf.RaggedTensor, sources: tf.RaggedTensor
    ) -> tf.RaggedTensor:
        """Gives unknown words the ids of their first positions in the sources.

        Args:
            ids: `(B, None)`.
            words: `(B, None)`, the words with these ids.
            sources: `(B, None)`, the words of the sources.
        """
        positions = tf.ragged.range(sources.row_lengths()).flat_values
        numbered = tf.concat([_numbered(sources), _numbered(words)], axis=0)
        kinds, numbers = tf.unique(numbered)
        in_source = numbers[: tf.size(positions)]
        firsts = tf.math.unsorted_segment_min(positions, in_source, tf.size(kinds))
        firsts = tf.gather(firsts, numbers[tf.size(positions) :])  # the largest int for no position
        copied = tf.where(firsts < tf.int64.max, firsts + self.target.vocabulary_size, -1)
        copied = tf.cast(copied, ids.dtype)
        is_copied = (ids.flat_values == Tokenizer.unknown_id) & (copied >= 0)
        return ids.with_flat_values(tf.where(is_copied, copied, ids.flat_values))

    def pack_together(
        self, source: tf.RaggedTensor, target: tf.RaggedTensor, members: tf.RaggedTensor
    ) -> tuple[Inputs, tf.Tensor, tf.Tensor]:
        # In a row, a source begins where those before it end.
        lengths = tf.gather(tf.cast(source.row_lengths(), tf.int32), members)
        starts = tf.cumsum(lengths.to_tensor(), axis=1, exclusive=True)
        starts = tf.RaggedTensor.from_tensor(starts, lengths=members.row_lengths())
        numbers = tf.cast(members.flat_values, tf.int32)[:, None]
        offsets = tf.scatter_nd(numbers, starts.flat_values, [source.nrows(tf.int32)])

        def moved(ids: tf.RaggedTensor) -> tf.RaggedTensor:
            added = tf.cast(tf.repeat(offsets, ids.row_lengths()), ids.dtype)
            is_copied = ids.flat_values >= self.target.vocabulary_size
            return ids + ids.with_flat_values(tf.where(is_copied, added, 0))

        return super().pack_together(moved(source), moved(target), members)

    def copied_words(self, raw: tf.Tensor, limits: Limits | None = None) -> tf.Tensor:
        """Words `(B, S)` of sources `(B,)`, what `detokenize` takes; see `source_words`."""
        if isinstance(self.source, LookupTokenizer):
            return self.source_words(raw, limits)
        return tf.fill([tf.size(raw), 1], "")

    def raw_targets(self, y: tf.Tensor) -> tf.Tensor:
        """Target texts of the labels of a batch, where words that were copied are unknown."""
        return self.target.detokenize(self._known(y))

    def detokenize(self, ids: tf.Tensor, words: tf.Tensor | None = None) -> tf.Tensor:
        """Target texts `(B, ...)` of ids `(B, ..., T)`.

        Args:
            ids: Some of which may be those of words of the sources.
            words: `(B, S)`, `copied_words` of the sources; None shows such words as unknown.
        """
        if words is None or not isinstance(self.target, LookupTokenizer):
            return self.raw_targets(ids)
        is_copied = ids >= self.target.vocabulary_size
        unknown = SPECIAL_TOKENS[Tokenizer.unknown_id]
        copied = tf.where(is_copied, self._copied(ids, words), unknown)
        return self.target.detokenize_with(self._known(ids), copied)

    def target_tokens(self, ids: tf.Tensor, words: tf.Tensor | None = None) -> tf.Tensor:
        """Readable target tokens of ids `(B, ...)`, same shape; see `detokenize`."""
        tokens = self.target.tokens(self._known(ids))
        if words is None:
            return tokens
        is_copied = ids >= self.target.vocabulary_size
        return tf.where(is_copied, self.target.readable(self._copied(ids, words)), tokens)

    def source_tokens(self, ids: tf.Tensor, words: tf.Tensor | None = None) -> tf.Tensor:
        """Readable source tokens of ids `(B, S)`, same shape; see `detokenize`."""
        return self.target_tokens(ids, words)

    def _known(self, ids: tf.Tensor) -> tf.Tensor:
        return tf.where(ids < self.target.vocabulary_size, ids, Tokenizer.unknown_id)

    def _copied(self, ids: tf.Tensor, words: tf.Tensor) -> tf.Tensor:
        """The words of the sources at the positions that ids `(B, ...)` tell; others are any."""
        positions = tf.maximum(ids - self.target.vocabulary_size, 0)
        return tf.gather(words, positions, batch_dims=1)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["target"]
        return config | {"tokenizer": config.pop("source")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> CopyingPairs:
        tokenizer = keras.saving.deserialize_keras_object(config["tokenizer"])
        return cls(**{**config, "tokenizer": tokenizer})


def _numbered(words: tf.RaggedTensor) -> tf.Tensor:
    """The words `(total,)` of all rows, each with the number of its row."""
    rows = tf.strings.as_string(words.value_rowids())
    return tf.strings.join([rows, words.flat_values], " ")
