"""What all tokenizers share: special ids, normalisation, the way back to text."""

from __future__ import annotations

from typing import Any, get_args

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing import text_normalization as norm
from seqzoo.preprocessing.corpus import Texts, as_strings
from seqzoo.preprocessing.unicode_tables import Form

SPECIAL_TOKENS = ("", "<unk>", "<start>", "<end>")

Normalization = Form | None


class Tokenizer(tf.Module):
    """Turns text into ids and back, in the graph.

    A tokenizer is a `tf.Module`, so that a SavedModel keeps the tables of the
    functions that use it, and is Keras-serialisable: its config holds the
    vocabulary, and a `.keras` file needs nothing beside it. Ids 0 to 3 are
    padding, unknown, start and end in every tokenizer.

    Text is normalised first: invalid UTF-8 and U+0000 become U+FFFD, then comes
    the Unicode normal form, then lower case, in the normal form again. Lower case is
    that of Python's `str.lower`, in any locale. `detokenize(tokenize(s))` equals
    `normalize(s)` where all tokens of `s` are known, and to normalise twice is to
    normalise once.

    Args:
        lowercase: Whether text is put in lower case.
        normalization: "nfc", "nfkc", "nfd" or None. In "nfd" letters stand apart from their
            accents, and those of a syllable of Korean from each other.

    `tokenize` takes strings `(B,)` and returns ragged ids `(B, None)`; `detokenize` the reverse.

    Example:
        >>> tokenizer = sz.preprocessing.WordTokenizer()
        >>> tokenizer.adapt(["Hello, world!"])
        >>> ids = tokenizer.tokenize(["Hello, world!"])
        >>> tokenizer.detokenize(ids).numpy().tolist()
        [b'Hello, world!']
    """

    pad_id, unknown_id, start_id, end_id = range(4)

    def __init__(self, lowercase: bool = False, normalization: Normalization = "nfc"):
        super().__init__()
        if normalization not in (*get_args(Form), None):
            raise ValueError(
                '`normalization` must be "nfc", "nfkc", "nfd" or None. Received: '
                f"{normalization!r}."
            )
        self.lowercase = lowercase
        self.normalization: Normalization = normalization
        self._tokens: Any = None  # an array, since tf.Module would wrap a list
        self._names: Any = None  # the lookup from ids, made with the vocabulary

    def adapt(self, texts: Texts) -> None:
        """Makes the vocabulary from a corpus; the same corpus gives the same vocabulary.

        Args:
            texts: Iterable of str or bytes, or a `tf.data.Dataset` of string
                scalars or of batches `(B,)`.

        Raises:
            ValueError: if the corpus is empty.
        """
        raise NotImplementedError

    def normalize(self, strings: tf.Tensor) -> tf.Tensor:
        """The texts `(B,)` that `detokenize(tokenize(strings))` gives back."""
        strings = norm.replace_invalid(as_strings(strings))
        return norm.normalize(strings, self.normalization, self.lowercase)

    def normalize_text(self, text: str | bytes) -> str:
        """`normalize` of one text in Python, for words and labels that users give beside texts."""
        return self.normalize(as_strings([text])).numpy()[0].decode()

    def tokenize(self, strings: tf.Tensor) -> tf.RaggedTensor:
        """Ids `(B, None)` int32 of strings `(B,)`, without start and end."""
        strings = as_strings(strings)
        if strings.shape.rank != 1:
            raise ValueError(
                f"`tokenize` needs strings of shape (batch,). Received shape {strings.shape}."
            )
        self._require_vocabulary()
        return self._encode(self.normalize(strings))

    def tokenize_words(self, strings: tf.Tensor) -> tf.RaggedTensor:
        """Ids `(N, None)` of the words `(N,)` of a text, without what stands around a text."""
        return self.tokenize(strings)

    @property
    def around(self) -> tuple[list[int], list[int]]:
        """The ids that `tokenize` puts before and behind every text."""
        return [], []

    def detokenize(self, ids: tf.Tensor) -> tf.Tensor:
        """Text `(...)` of ids `(..., T)`.

        Padding and start ids are dropped, a row ends before its first end id,
        and an unknown token shows as "<unk>".
        """
        return self._text(_dense(ids), self._decode)

    def _text(self, ids: tf.Tensor, decode: Any, *beside: tf.Tensor) -> tf.Tensor:
        """Text `(...)` of what `decode` makes of those ids that are shown, and what is beside."""
        self._require_vocabulary()
        shape = tf.shape(ids)
        rows = tf.reshape(ids, [tf.reduce_prod(shape[:-1]), shape[-1]])  # (..., T) -> (N, T)
        ends_seen = tf.cumsum(tf.cast(rows == self.end_id, tf.int32), axis=1)
        keep = (ends_seen == 0) & (rows != self.pad_id) & (rows != self.start_id)
        shown = [tf.reshape(part, tf.shape(rows)) for part in (ids, *beside)]
        text = decode(*(tf.ragged.boolean_mask(part, keep) for part in shown))
        return tf.ensure_shape(tf.reshape(text, shape[:-1]), ids.shape[:-1])

    def tokens(self, ids: tf.Tensor) -> tf.Tensor:
        """Readable token strings of ids, same shape; "" for padding."""
        self._require_vocabulary()
        return self._display(self._strings(_dense(ids)))

    def readable(self, tokens: tf.Tensor) -> tf.Tensor:
        """Token strings without marks of where they join, same shape."""
        return self._display(tokens)

    @property
    def vocabulary(self) -> list[str]:
        """Tokens in the order of their ids."""
        self._require_vocabulary()
        return self._tokens.tolist()

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens, the four special ones counted."""
        self._require_vocabulary()
        return len(self._tokens)

    def save_vocabulary(self, path: str) -> None:
        """Writes the vocabulary to a file that `load_vocabulary` reads."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, the vocabulary among them."""
        return {"lowercase": self.lowercase, "normalization": self.normalization}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Tokenizer:
        """Makes the tokenizer that gave `config`."""
        return cls(**config)

    def _set_vocabulary(self, tokens: list[str]) -> None:
        self._tokens = np.array(tokens, dtype=object)
        self._names = string_lookup(self._tokens, invert=True)

    def _require_vocabulary(self) -> None:
        if self._tokens is None:
            raise ValueError(
                f"This {type(self).__name__} has no vocabulary yet. Call `adapt(texts)` first."
            )

    def _strings(self, ids: tf.Tensor) -> tf.Tensor:
        names = self._names.lookup_table.lookup(tf.cast(ids, tf.int64))
        return tf.where(ids == self.pad_id, SPECIAL_TOKENS[self.pad_id], names)

    def _encode(self, strings: tf.Tensor) -> tf.RaggedTensor:
        """Ids of normalised strings `(N,)`."""
        raise NotImplementedError

    def _decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Text `(N,)` of ids `(N, None)` that hold no padding, start or end."""
        raise NotImplementedError

    def _display(self, tokens: tf.Tensor) -> tf.Tensor:
        return tokens


def string_lookup(tokens: np.ndarray, invert: bool = False) -> keras.layers.StringLookup:
    """A Keras lookup whose table gives the token at index `i` the id `i`, padding left out.

    Its `lookup_table` is used, not the layer's call, which pins ops to a device:
    an exported graph must not. The array is one of objects, since an array of
    NumPy strings gives every token the memory of the longest.
    """
    return keras.layers.StringLookup(
        vocabulary=tokens[2:],
        mask_token=SPECIAL_TOKENS[Tokenizer.pad_id],
        oov_token=SPECIAL_TOKENS[Tokenizer.unknown_id],
        invert=invert,
    )


def _dense(ids: Any) -> tf.Tensor:
    if isinstance(ids, tf.RaggedTensor):
        ids = ids.to_tensor(Tokenizer.pad_id)
    return tf.cast(tf.convert_to_tensor(ids), tf.int32)
