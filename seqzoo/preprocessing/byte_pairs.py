"""Pairs of bytes that are merged as tokens, as GPT-2 and LLaMA 3 have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from seqzoo.ops.option_names import check_known
from seqzoo.preprocessing.published import PublishedTokenizer
from seqzoo.preprocessing.tokenizer import Normalization

_SPACE = r"\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"
_BLANK = _SPACE.replace(r"\t-\r", r"\t\x{0B}\x{0C}")  # without the ends of lines
_ENDS = "'s|'t|'re|'ve|'m|'ll|'d"
_CUT = "\x00"  # no text holds it, see `Tokenizer.normalize`

WORD_PATTERNS = {
    "gpt2": (
        rf"([{_SPACE}]+)([{_SPACE}][^{_SPACE}\x00])",
        rf"{_ENDS}| ?\p{{L}}+| ?\p{{N}}+| ?[^{_SPACE}\x00\p{{L}}\p{{N}}]+|[{_SPACE}]+",
    ),
    "llama3": (
        rf"([{_BLANK}]+)([{_BLANK}][^{_SPACE}\x00])",
        rf"(?i:{_ENDS})|[^\r\n\x00\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}"
        rf"| ?[^{_SPACE}\x00\p{{L}}\p{{N}}]+[\r\n]*|[{_SPACE}]*[\r\n]+|[{_SPACE}]+",
    ),
}
"""For each way to cut text into words: where white space parts before a word, and the words.

The originals look ahead for the end of white space, which RE2 cannot: it is cut in advance.
"""


def byte_characters() -> dict[int, str]:
    """Returns the character that stands for each byte in the files of vocabularies."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [b for b in range(256) if b not in shown]
    return {b: chr(b) for b in shown} | {b: chr(0x100 + n) for n, b in enumerate(hidden)}


_BYTES = {character: b for b, character in byte_characters().items()}


@keras.saving.register_keras_serializable(package="seqzoo")
class BytePairTokenizer(PublishedTokenizer):
    """Merges the bytes of a word, pair by pair, in the order of a list.

    No text is unknown. Special tokens that stand in a text are text like any other. Core TensorFlow
    ops only.

    Args:
        pieces: See `PublishedTokenizer`. A character stands for a byte, as in the files of GPT-2.
        merges: The pairs, each two tokens with a space between, those that are merged first first.
        special_ids: See `PublishedTokenizer`.
        before: See `PublishedTokenizer`.
        after: See `PublishedTokenizer`.
        max_length: See `PublishedTokenizer`.
        pattern: How text is cut into words: a name in `WORD_PATTERNS`.
        whole_words: Whether a word that is a token is that one, whatever its merges would give.
        normalization: See `Tokenizer`.

    Raises:
        ValueError: if a merge names what is no token, or a byte has none.

    References: Sennrich et al., 2016, https://arxiv.org/abs/1508.07909; Radford et al., 2019

    Takes strings `(B,)` and returns ragged ids `(B, None)`; `sz.importing.load` makes one of the
    files of a model.

    Example:
        >>> from seqzoo.preprocessing.byte_pairs import byte_characters
        >>> pieces = [*byte_characters().values(), "ab", "<|endoftext|>"]
        >>> tokenizer = sz.preprocessing.BytePairTokenizer(pieces, ["a b"], [257, None, 257, 257])
        >>> ids = tokenizer.tokenize(["abb"])
        >>> ids.row_lengths().numpy().tolist(), tokenizer.detokenize(ids).numpy().tolist()
        ([2], [b'abb'])
    """

    def __init__(
        self,
        pieces: Sequence[str],
        merges: Sequence[str],
        special_ids: Sequence[int | None],
        before: Sequence[int] = (),
        after: Sequence[int] = (),
        max_length: int | None = None,
        pattern: Literal["gpt2", "llama3"] = "gpt2",
        whole_words: bool = False,
        normalization: Normalization = None,
    ):
        super().__init__(pieces, special_ids, before, after, max_length, normalization)
        check_known("pattern", pattern, WORD_PATTERNS)
        self.pattern = pattern
        self.whole_words = whole_words
        ids = {piece: i for i, piece in enumerate(self._pieces)}
        missing = [b for b, character in byte_characters().items() if character not in ids]
        if missing:
            raise ValueError(
                f"BytePairTokenizer needs a token for each byte. Received: none for {missing[:5]}."
            )
        self._byte_ids = np.array([ids[byte_characters()[b]] for b in range(256)], np.int32)
        self._merges = np.array(list(merges), dtype=object)
        keys, merged = _merge_table(self._merges, ids)
        order = np.argsort(keys)
        self._keys, self._ranks = keys[order], order.astype(np.int32)
        self._merged = merged

    def _original_ids(self, strings: tf.Tensor) -> tf.RaggedTensor:
        words, rows = self._split(strings)
        flat = tf.strings.bytes_split(words)
        codes = tf.io.decode_raw(flat.flat_values, tf.uint8, fixed_length=1)
        ids = tf.gather(tf.constant(self._byte_ids), tf.cast(tf.reshape(codes, [-1]), tf.int32))
        count = tf.shape(words, out_type=tf.int64)[0]
        ids, owner = self._merge(ids, flat.value_rowids(), count)
        ids = tf.RaggedTensor.from_value_rowids(ids, owner, nrows=count)
        if self.whole_words:
            found = self._whole.lookup(words)
            whole = tf.RaggedTensor.from_row_lengths(found, tf.ones_like(ids.row_lengths()))
            parts = tf.concat([tf.ragged.boolean_mask(whole, whole >= 0), ids], axis=1)
            lengths = tf.where(found >= 0, tf.ones_like(ids.row_lengths()), ids.row_lengths())
            ids = tf.ragged.boolean_mask(
                parts, tf.ragged.range(parts.row_lengths()) < lengths[:, None]
            )
        per_text = tf.RaggedTensor.from_value_rowids(
            ids, rows, nrows=tf.shape(strings, out_type=tf.int64)[0]
        )
        return per_text.merge_dims(1, 2)

    @property
    def _whole(self) -> tf.lookup.StaticHashTable:
        """The table from whole words to ids."""
        if not hasattr(self, "_table"):
            surfaces = [self._surface(piece) for piece in self._pieces]
            with tf.init_scope():
                self._table = tf.lookup.StaticHashTable(
                    tf.lookup.KeyValueTensorInitializer(
                        tf.constant(surfaces), tf.range(len(surfaces), dtype=tf.int32)
                    ),
                    default_value=-1,
                )
        return self._table

    def _split(self, strings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the words `(W,)` of strings `(N,)`, and the string that each is from."""
        spaces, words = WORD_PATTERNS[self.pattern]
        cut = tf.strings.regex_replace(strings, spaces, rf"\1{_CUT}\2")
        cut = tf.strings.regex_replace(cut, words, rf"{_CUT}\0")
        parts = tf.strings.split(cut, _CUT)
        parts = tf.ragged.boolean_mask(parts, parts != "")
        return parts.flat_values, parts.value_rowids()

    def _merge(self, ids: Any, owner: Any, words: Any) -> tuple[Any, Any]:
        """Merges tokens `(T,)` of the words `owner` until no pair of a word is in the list."""
        count = len(self._keys)
        if not count:
            return ids, owner
        keys, ranks = tf.constant(self._keys), tf.constant(self._ranks)
        merged, size = tf.constant(self._merged), len(self._pieces)

        def best_of(ids, owner):
            pairs = tf.cast(ids[:-1], tf.int64) * size + tf.cast(ids[1:], tf.int64)
            at = tf.minimum(tf.searchsorted(keys, pairs), count - 1)
            known = (tf.gather(keys, at) == pairs) & (owner[:-1] == owner[1:])
            return tf.where(known, tf.gather(ranks, at), count)

        def go_on(ids, owner, rank):
            return tf.reduce_any(rank < count)

        def merge_once(ids, owner, rank):
            best = tf.math.unsorted_segment_min(rank, owner[:-1], words)
            chosen = (rank < count) & (rank == tf.gather(best, owner[:-1]))
            # Of a token twice in a row, pairs overlap: the first of a word alone is merged now.
            places = tf.range(tf.shape(rank)[0])
            first = tf.math.unsorted_segment_min(
                tf.where(chosen, places, tf.shape(rank)[0]), owner[:-1], words
            )
            apart = (ids[:-1] != ids[1:]) | (places == tf.gather(first, owner[:-1]))
            chosen &= apart
            joined = tf.gather(merged, tf.where(chosen, rank, 0))
            ids = tf.concat([tf.where(chosen, joined, ids[:-1]), ids[-1:]], axis=0)
            stays = tf.concat([[True], ~chosen], axis=0)
            ids, owner = tf.boolean_mask(ids, stays), tf.boolean_mask(owner, stays)
            return ids, owner, best_of(ids, owner)

        shapes = [tf.TensorShape([None])] * 3
        loop = [ids, owner, best_of(ids, owner)]
        ids, owner, _ = tf.while_loop(go_on, merge_once, loop, shape_invariants=shapes)
        return ids, owner

    def _surface(self, piece: str) -> bytes:
        if all(character in _BYTES for character in piece):
            return bytes(_BYTES[character] for character in piece)
        return piece.encode()

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "merges": self._merges.tolist(),
            "pattern": self.pattern,
            "whole_words": self.whole_words,
        }


def _merge_table(merges: np.ndarray, ids: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the key of each pair, in the order of the list, and the token that it becomes."""
    keys, merged = np.zeros(len(merges), np.int64), np.zeros(len(merges), np.int32)
    for rank, merge in enumerate(merges):
        parts = merge.split(" ")
        if len(parts) != 2 or not {*parts, "".join(parts)} <= ids.keys():
            raise ValueError(
                "A merge is two tokens with a space between, which make a third. Received: "
                f"{merge!r} at index {rank}. The merges must be those of the vocabulary."
            )
        keys[rank] = ids[parts[0]] * len(ids) + ids[parts[1]]
        merged[rank] = ids["".join(parts)]
    return keys, merged
