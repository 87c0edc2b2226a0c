"""Texts that follow each other as one stream of tokens, for language models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import TEXTS, Texts, raw_texts, row_lengths, text_batches
from seqzoo.preprocessing.data_forms import read_examples
from seqzoo.preprocessing.limits import BoundedInputs, Limits, short_enough
from seqzoo.preprocessing.packing import side_by_side
from seqzoo.preprocessing.tokenizer import Tokenizer


class RunningTokens(NamedTuple):
    """A running text of N tokens.

    Attributes:
        first_id: Int, the token that stands before the text.
        token_ids: `(N,)` int32.
        characters: `(N,)` float32: how many characters of the text a token stands for. Those of
            one text are spread evenly over its tokens; their sum is exact.
    """

    first_id: int
    token_ids: np.ndarray
    characters: np.ndarray


@keras.saving.register_keras_serializable(package="seqzoo")
class RunningText(tf.Module):
    """Turns texts into the tokens of one running text, and prompts into what a model begins with.

    A model begins without a history, with the start token; where texts end with an end token, with
    that, as if a text had ended: so do the first text and every prompt. (A start token is hardly
    ever read and never predicted. Where the head uses the embedding, training pushes its vector so
    far away that the model would not come back from it for hundreds of tokens.)

    Args:
        tokenizer: Tokenizer of the texts.
        end_tokens: Whether an end token stands behind each text. It is a token like any other:
            with one text for each line, as in the Penn Treebank's perplexities, the ends of lines
            are predicted and counted. Without, texts follow each other with nothing in between.
        window_length: Tokens of a training window: gradients go back as far at most.
        max_target_length: Most tokens that `generate` adds to a prompt, where its search does not
            say; None is 128.

    A text becomes ids `(N,)`, prompts ids `(B, S)`.

    Example:
        >>> words = sz.preprocessing.WordTokenizer()
        >>> words.adapt(["the cat sat", "the dog"])
        >>> text = sz.preprocessing.RunningText(words)
        >>> text.stream(["the dog", "the cat"]).token_ids.tolist()  # 3 ends a text
        [4, 6, 3, 4, 5, 3]
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        end_tokens: bool = True,
        window_length: int = 35,
        max_target_length: int | None = None,
    ):
        super().__init__()
        if window_length < 1:
            raise ValueError(
                f"`window_length` must be at least 1. Received: window_length={window_length}."
            )
        self.tokenizer = tokenizer
        self.end_tokens = end_tokens
        self.window_length = window_length
        self.max_target_length = max_target_length

    @property
    def target(self) -> Tokenizer:
        """The tokenizer of what is generated."""
        return self.tokenizer

    @property
    def first_id(self) -> int:
        """The token that stands before a text."""
        return Tokenizer.end_id if self.end_tokens else Tokenizer.start_id

    kind = TEXTS

    def adapt(self, texts: Any, columns: Mapping[str, str] | None = None) -> None:
        """Makes the vocabulary; see `Tokenizer.adapt`.

        Args:
            texts: In any form that `fit` takes.
            columns: Name of the column "text" of a table.
        """
        self.tokenizer.adapt(as_texts(texts, columns))

    def encode(self, strings: tf.Tensor) -> tf.RaggedTensor:
        """Ids `(B, None)` of texts `(B,)`, with the end id where texts end with one."""
        ids = self.tokenizer.tokenize(strings)
        ends = tf.fill([ids.nrows(), int(self.end_tokens)], Tokenizer.end_id)
        return tf.concat([ids, ends], axis=1)

    def stream(self, texts: Texts) -> RunningTokens:
        """Encodes texts as one running text.

        Args:
            texts: List of texts, a `tf.data.Dataset` of string scalars, or one text.

        Raises:
            ValueError: if there is no token in the texts.
        """
        batches = text_batches(as_texts(texts))
        token_ids, characters = zip(*map(self._tokens_of, batches), strict=True)
        stream = RunningTokens(self.first_id, np.concatenate(token_ids), np.concatenate(characters))
        _check_tokens(stream.token_ids)
        return stream

    def separate_texts(self, texts: Texts) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Encodes texts each by itself, without those that have no token.

        Args:
            texts: See `stream`.

        Returns:
            The ids of the texts `(N, None)`, and for each the characters that it stands for.

        Raises:
            ValueError: if there is no token in the texts.
        """
        ids, characters = [], []
        for strings in text_batches(as_texts(texts)):
            encoded = self.encode(strings)
            flat, shares = self._tokens_of(strings)
            some = encoded.row_lengths() > 0
            ids.append(tf.ragged.boolean_mask(encoded.with_flat_values(flat), some))
            characters.append(tf.ragged.boolean_mask(encoded.with_flat_values(shares), some))
        ids, characters = tf.concat(ids, axis=0), tf.concat(characters, axis=0)
        _check_tokens(ids.flat_values)
        return ids, characters

    def pack_together(
        self, source: tf.RaggedTensor, target: tf.RaggedTensor, members: tf.RaggedTensor
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
        """Puts several texts into each row of a batch, each as if it had a row of its own.

        Args:
            source: Ids of `separate_texts`, `(N, None)`.
            target: The characters that each stands for, `(N, None)`.
            members: Ragged `(rows, None)`, the numbers of the texts of each row.

        Returns:
            x, a dict of `token_ids` `(B, T)`, each the token before the one to predict,
            `segment_ids` `(B, T)`, the numbers of the texts within their rows from 1 on, 0 on
            padding, and `characters` `(B, T)`; y `(B, T)` int32; sample_weight `(B, T)`.
        """
        starts = tf.fill([source.nrows(), 1], tf.cast(self.first_id, source.dtype))
        before = tf.concat([starts, source[:, :-1]], axis=1)
        token_ids, segment_ids = side_by_side(before, members)
        y, _ = side_by_side(source, members)
        characters, _ = side_by_side(target, members)
        x = {"token_ids": token_ids, "segment_ids": segment_ids, "characters": characters}
        return x, y, tf.cast(segment_ids > 0, tf.float32)

    def texts_side_by_side(self, texts: Texts) -> tuple[dict[str, tf.Tensor], Any, Any]:
        """Makes one batch of texts, each in a row of its own; see `pack_together`."""
        ids, characters = self.separate_texts(texts)
        alone = tf.RaggedTensor.from_tensor(tf.range(ids.nrows())[:, None])
        return self.pack_together(ids, characters, alone)

    def given_tokens(self, strings: tf.Tensor) -> dict[str, tf.Tensor]:
        """The tokens before each of those of texts `(B,)`: `token_ids`, `segment_ids` `(B, T)`."""
        ids = self.encode(strings)
        starts = tf.fill([ids.nrows(), 1], self.first_id)
        before = tf.concat([starts, ids], axis=1)[:, :-1]
        mask = tf.sequence_mask(before.row_lengths())
        return {"token_ids": before.to_tensor(), "segment_ids": tf.cast(mask, tf.int32)}

    def _tokens_of(self, strings: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Returns the ids `(N,)` of texts one after the other, and the characters of each."""
        ids = self.encode(strings)
        counts = ids.row_lengths().numpy()
        characters = tf.strings.length(self.tokenizer.normalize(strings), unit="UTF8_CHAR").numpy()
        share = (characters + self.end_tokens) / np.maximum(counts, 1)
        return ids.flat_values.numpy(), np.repeat(share, counts).astype(np.float32)

    @property
    def raw_spec(self) -> tf.TensorSpec:
        """What a served model takes: prompts."""
        return tf.TensorSpec([None], tf.string, name="text")

    def as_raw(self, inputs: Any) -> tf.Tensor:
        """A string tensor `(B,)` of a list of prompts."""
        return raw_texts(inputs)

    def encode_inputs(self, raw: tf.Tensor) -> tf.RaggedTensor:
        """Ids `(B, None)` of prompts `(B,)`, `first_id` first."""
        return self._begin(self.tokenizer.tokenize(raw))

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """`encode_inputs` as far as limits allow: of a long prompt the end."""
        is_read = short_enough(raw, limits.source_bytes)
        raw = tf.where(is_read, raw, "")
        ids = self._begin(self.tokenizer.tokenize(raw)[:, -limits.source_tokens :])
        return BoundedInputs(raw, ids, tf.cast(ids.row_lengths(), tf.int32), is_read)

    def _begin(self, ids: tf.RaggedTensor) -> tf.RaggedTensor:
        return tf.concat([tf.fill([ids.nrows(), 1], self.first_id), ids], axis=1)

    def pack_inputs(self, encoded: tf.RaggedTensor) -> tf.Tensor:
        """Padded ids `(B, S)` int32."""
        return encoded.to_tensor()

    def prepare(self, raw: tf.Tensor) -> tf.Tensor:
        """Ids of prompts, see `prompt_ids`."""
        return self.prompt_ids(raw)

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        """Tokens of each prompt `(B,)`, the first one counted."""
        return row_lengths(self.encode_inputs, raw)

    def prompt_ids(self, strings: tf.Tensor) -> tf.Tensor:
        """Padded ids `(B, S)` int32 of prompts `(B,)`, `first_id` first."""
        return self.pack_inputs(self.encode_inputs(strings))

    def detokenize(self, ids: tf.Tensor) -> tf.Tensor:
        """Texts `(...)` of ids `(..., T)`."""
        return self.tokenizer.detokenize(ids)

    def target_tokens(self, ids: tf.Tensor) -> tf.Tensor:
        """Readable tokens of ids, same shape."""
        return self.tokenizer.tokens(ids)

    def get_config(self) -> dict[str, Any]:
        return {
            "tokenizer": keras.saving.serialize_keras_object(self.tokenizer),
            "end_tokens": self.end_tokens,
            "window_length": self.window_length,
            "max_target_length": self.max_target_length,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> RunningText:
        tokenizer = keras.saving.deserialize_keras_object(config["tokenizer"])
        return cls(**{**config, "tokenizer": tokenizer})


def _check_tokens(token_ids: Any) -> None:
    if not len(token_ids):
        raise ValueError(
            "The texts hold no token, so there is nothing to predict. Check the file, and that it "
            "is not all white space."
        )


def as_texts(texts: Any, columns: Mapping[str, str] | None = None) -> Texts:
    """Reads texts in any form that `fit` takes, and one text as a list of one.

    Raises:
        ValueError: if an item of a list is no text.
    """
    if isinstance(texts, (str, bytes)):
        return [texts]
    texts = read_examples(TEXTS, texts, columns=columns).x
    if isinstance(texts, tf.data.Dataset):
        return texts
    texts = list(texts)
    for index, text in enumerate(texts):
        if not isinstance(text, (str, bytes)):
            raise ValueError(
                f"A running text is a list of texts, or one text. Received: {text!r} at index "
                f"{index}."
            )
    return texts
