"""Words and their parts as tokens, as BERT has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from seqzoo.extras import import_tensorflow_text
from seqzoo.preprocessing import text_normalization as norm
from seqzoo.preprocessing.published import PublishedTokenizer

_CONTINUES = "##"  # marks a token that goes on a word
_DROPPED = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x{9F}\x{FFFD}]|\p{Cf}|\p{Co}"
_MAX_BYTES = 100  # of a word; a longer one is unknown


@keras.saving.register_keras_serializable(package="seqzoo")
class WordPieceTokenizer(PublishedTokenizer):
    """Cuts words into the longest tokens of a vocabulary, from the left, as BERT does.

    Control characters are dropped, white space is one space, every punctuation mark and every
    Chinese character is a word, and a word without tokens, or of more than 100 bytes, is unknown.
    Special tokens that stand in a text are text like any other. TensorFlow Text cuts in the graph,
    so that a process which loads an exported model must import `tensorflow_text`.

    Args:
        pieces: See `PublishedTokenizer`.
        special_ids: See `PublishedTokenizer`; the unknown token is required.
        before: See `PublishedTokenizer`.
        after: See `PublishedTokenizer`.
        max_length: See `PublishedTokenizer`.
        lowercase: Whether text is put in lower case and loses its accents.

    Reference: Devlin et al., 2019, https://arxiv.org/abs/1810.04805

    `tokenize` takes strings `(B,)` and returns ragged ids `(B, None)`; `detokenize` the reverse.

    Example:
        >>> tokenizer = sz.preprocessing.WordPieceTokenizer(
        ...     ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "play", "##ing"], [0, 1, 2, 3], [2], [3])
        >>> tokenizer.tokenize(["Playing ô"]).to_list()
        [[2, 4, 5, 1, 3]]
    """

    def __init__(
        self,
        pieces: Sequence[str],
        special_ids: Sequence[int | None],
        before: Sequence[int] = (),
        after: Sequence[int] = (),
        max_length: int | None = None,
        lowercase: bool = True,
    ):
        super().__init__(pieces, special_ids, before, after, max_length)
        if special_ids[self.unknown_id] is None:
            raise ValueError(
                "WordPieceTokenizer needs the id of the unknown token. Received: "
                f"special_ids={list(special_ids)}."
            )
        self.lowercase = lowercase
        self._words: Any = None

    def _original_ids(self, strings: tf.Tensor) -> tf.RaggedTensor:
        tensorflow_text = import_tensorflow_text()

        if self._words is None:
            with tf.init_scope():
                self._words = tensorflow_text.FastBertTokenizer(
                    vocab=self.pieces,
                    suffix_indicator=_CONTINUES,
                    max_bytes_per_word=_MAX_BYTES,
                    token_out_type=tf.int32,
                    unknown_token=self.pieces[self._special[self.unknown_id]],
                )
        strings = tf.strings.regex_replace(strings, _DROPPED, "")
        if self.lowercase:
            # TensorFlow Text's own option takes a ligature apart and ½ for 1 / 2, which BERT's
            # does not; and a sigma is the same at the end of a word.
            strings = tensorflow_text.normalize_utf8(strings, "NFD")
            strings = tf.strings.regex_replace(strings, r"\p{Mn}", "")
            strings = tf.strings.regex_replace(
                strings, "\N{GREEK CAPITAL LETTER SIGMA}", "\N{GREEK SMALL LETTER SIGMA}"
            )
            strings = norm.lower(strings)
        return self._words.tokenize(strings)

    def _surface(self, piece: str) -> bytes:
        if piece.startswith(_CONTINUES):
            return piece.removeprefix(_CONTINUES).encode()
        return f" {piece}".encode()

    def _decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.regex_replace(super()._decode(ids), "^ ", "")

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["normalization"]
        return config | {"lowercase": self.lowercase}
