"""Sentences as lists of tokens, with a tag for each: what all preprocessors of taggers share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import as_strings
from seqzoo.preprocessing.data_forms import Kind, read_examples, read_inputs
from seqzoo.preprocessing.labelled import examples_of_dataset
from seqzoo.preprocessing.labels import Labels, as_name
from seqzoo.preprocessing.limits import BoundedInputs, Limits, last_real_step, short_enough

Encoded = dict[str, tf.RaggedTensor]

TAGGED = Kind(("tokens", "tags"), (1,))


class TaggedSentences(tf.Module):
    """The tags, how sentences are given, and how much of one a server reads.

    A subclass reads the tokens: `adapt_tokens`, `encode_inputs` and `pack_inputs`.

    Args:
        tags: The tags in the order of their ids, or `Labels`; None takes those of `adapt`.
    """

    def __init__(self, tags: Labels | Sequence[str] | None = None):
        super().__init__()
        self.labels = tags if isinstance(tags, Labels) else Labels(tags)

    kind = TAGGED

    def adapt_tokens(self, tokens: list) -> None:
        """Makes what reads tokens, such as a vocabulary, of those of all sentences."""
        raise NotImplementedError

    def encode_inputs(self, raw: Any) -> Encoded:
        """Ids of tokens, ragged `(B, None, …)`; nothing for a token ""."""
        raise NotImplementedError

    def pack_inputs(self, encoded: Encoded) -> dict[str, tf.Tensor]:
        """The model's inputs, among them "mask" `(B, T)`, True on tokens."""
        raise NotImplementedError

    def adapt(self, sentences: Any, columns: Mapping[str, str] | None = None) -> None:
        """Makes the vocabularies from pairs of tokens and tags; tags that were given stay.

        Args:
            sentences: Pairs in any form that `fit` takes.
            columns: Names of the columns "tokens" and "tags" of a table.
        """
        x, y, _ = read_examples(TAGGED, sentences, columns=columns)
        tokens, tags = zip(*_checked_pairs(x, y), strict=True)
        if self.labels.get_config()["names"] is None:
            self.labels.adapt(tag for each in tags for tag in each)
        flat = [token for sentence in tokens for token in sentence]
        if not flat:
            raise ValueError("The sentences hold no token. Give at least one with tokens.")
        self.adapt_tokens(flat)

    def examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """Makes a dataset of tokens `(T,)` and tags `(T,)`, string tensors.

        Args:
            x: Pairs of a list of tokens and the list of their tags in any form that `fit` takes,
                or the lists of tokens alone.
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
        sentences = enumerate(read_inputs(TAGGED, inputs))
        inputs = [_checked_tokens(tokens, index) for index, tokens in sentences]
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


def _checked_pairs(sentences: Any, y: Any = None) -> list[tuple[list, list[str]]]:
    sentences, y, _ = read_examples(TAGGED, sentences, y)
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
        tokens, tags = _checked_tokens(pair[0], index), pair[1]
        if isinstance(tags, (str, bytes)) or not isinstance(tags, Iterable):
            raise ValueError(f"Expected a list of tags. Received: {tags!r}{where}. Give one.")
        tags = [as_name(tag, where) for tag in tags]
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
    if not isinstance(tokens, Iterable):
        raise ValueError(
            f"A sentence is a list of tokens. Received: {tokens!r} at index {index}. Give one, or "
            "leave the example out."
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
