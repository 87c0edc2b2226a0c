"""Texts and their classes as the inputs and labels of a classifier."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from seqzoo.ops.option_names import check_known
from seqzoo.preprocessing.corpus import as_strings
from seqzoo.preprocessing.data_forms import Kind, read_inputs
from seqzoo.preprocessing.labelled import Inputs, LabelledInputs
from seqzoo.preprocessing.labels import Labels
from seqzoo.preprocessing.limits import BoundedInputs, Limits, short_enough
from seqzoo.preprocessing.tokenizer import Tokenizer

_MOST_BIGRAMS = 2**16
_MOST_TEXTS = 100_000  # in which they are counted,
_TEXTS_AT_ONCE = 1024
PARTS = ("start", "end", "both")


@keras.saving.register_keras_serializable(package="seqzoo")
class LabelledText(LabelledInputs):
    """Turns texts into ids, and the names of their classes into numbers.

    Args:
        tokenizer: Of the texts. Words, sub-words, characters or bytes.
        labels: The names of the classes in the order of their ids, or `Labels`; None takes those
            of `adapt`.
        multi_label: Whether a text has any number of labels, instead of one.
        max_length: Longest text in tokens; None cuts nothing.
        keep: What stays of a longer text: its `"start"`, its `"end"`, or half of each (`"both"`).
        bigrams: Whether a classifier also has a wide part, which counts the tokens and the pairs
            of neighbouring tokens, see `layers.BagOfWords`; or the pairs that are known. `adapt`
            takes those that two texts have, at most the 65,536 most frequent ones.

    Raises:
        ValueError: if `max_length` is below 1 or `keep` unknown.

    Returns the inputs `inputs` and `mask` `(B, S)`, and with bigrams `bigrams` `(B, S)`; labels
    `(B,)` and weights `(B,)`.

    Example:
        >>> import tensorflow as tf
        >>> text = sz.preprocessing.LabelledText(sz.preprocessing.WordTokenizer())
        >>> text.adapt([("a moving film", "good"), ("a dull film", "bad")])
        >>> texts, labels = tf.constant(["a dull film", "moving"]), tf.constant(["bad", "good"])
        >>> x, y, sample_weight = text(texts, labels)
        >>> x["inputs"].numpy().tolist(), y.numpy().tolist()
        ([[4, 6, 5], [7, 0, 0]], [0, 1])
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        labels: Labels | Sequence[str] | None = None,
        multi_label: bool = False,
        max_length: int | None = None,
        keep: Literal["start", "end", "both"] = "start",
        bigrams: bool | Sequence[int] = False,
    ):
        super().__init__(labels, multi_label)
        check_known("keep", keep, PARTS)
        if max_length is not None and max_length < 1:
            raise ValueError(f"`max_length` must be at least 1. Received: max_length={max_length}.")
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.keep = keep
        self.bigrams = bigrams

    kind = Kind(("text", "label"), (0,))  # pyright: ignore[reportAssignmentType]

    def adapt_inputs(self, raw: Any) -> None:
        texts = raw.numpy().tolist() if tf.is_tensor(raw) else raw
        self.tokenizer.adapt(texts)
        if self.bigrams is True:
            self.bigrams = frequent_bigrams(self._tokenised(texts), self.tokenizer.vocabulary_size)

    def _tokenised(self, texts: Iterable[Any]) -> Iterator[list[list[int]]]:
        first = itertools.islice(texts, _MOST_TEXTS)
        while part := list(itertools.islice(first, _TEXTS_AT_ONCE)):
            yield self.encode_inputs(as_strings(part)).to_list()

    @property
    def bigram_count(self) -> int:
        """The pairs of tokens that are known.

        Raises:
            ValueError: if they are to be found by `adapt`, which was not called.
        """
        if self.bigrams is True:
            raise ValueError("The pairs of tokens are not known yet: `adapt` the preprocessor.")
        return len(self.bigrams) if self.bigrams else 0

    @property
    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.string, name="text")

    def as_raw(self, inputs: Any) -> tf.Tensor:
        if isinstance(inputs, (str, bytes)):
            raise ValueError(
                f"Expected a list of texts. Received one text: {inputs[:40]!r}. Put it in a list."
            )
        inputs = read_inputs(self.kind, inputs)
        inputs = list(inputs.numpy() if tf.is_tensor(inputs) else inputs)
        for index, text in enumerate(inputs):
            if not isinstance(text, (str, bytes)):
                raise ValueError(f"Expected a list of texts. Received {text!r} at index {index}.")
        return as_strings(inputs)

    def encode_inputs(self, raw: tf.Tensor) -> tf.RaggedTensor:
        return self._cut(self.tokenizer.tokenize(raw), self.max_length)

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        is_read = short_enough(raw, limits.source_bytes)
        raw = tf.where(is_read, raw, "")
        ids = self._cut(self.tokenizer.tokenize(raw), self.max_length or limits.source_tokens)
        return BoundedInputs(raw, ids, tf.cast(ids.row_lengths(), tf.int32), is_read)

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        chunks = [
            self.encode_inputs(raw[i : i + 1024]).row_lengths().numpy()
            for i in range(0, len(raw), 1024)
        ]
        return np.concatenate([np.zeros(0, np.int64), *chunks])

    def pack_inputs(self, encoded: tf.RaggedTensor) -> Inputs:
        ids = encoded.to_tensor()
        # At least one step, so that no layer gets an empty axis.
        ids = tf.pad(ids, [[0, 0], [0, tf.maximum(0, 1 - tf.shape(ids)[1])]])
        lengths = tf.cast(encoded.row_lengths(), tf.int32)
        inputs = {"inputs": ids, "mask": tf.sequence_mask(lengths, tf.shape(ids)[1])}
        if self.bigrams:
            inputs["bigrams"] = self._numbers_of_bigrams(**inputs)
        return inputs

    def _numbers_of_bigrams(self, inputs: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """The number of the pair that ends at each step, from 1 on, `(B, S)`; 0 is unknown."""
        known = tf.constant(self.bigrams, tf.int64)
        ids = tf.cast(inputs, tf.int64)
        pairs = ids[:, :-1] * self.tokenizer.vocabulary_size + ids[:, 1:]
        place = tf.searchsorted(known, tf.reshape(pairs, [-1]))
        place = tf.reshape(tf.minimum(place, self.bigram_count - 1), tf.shape(pairs))
        is_known = tf.equal(tf.gather(known, place), pairs) & mask[:, 1:]
        return tf.pad(tf.where(is_known, place + 1, 0), [[0, 0], [1, 0]])

    def pack_together(self, source: Any, target: tf.Tensor, members: tf.RaggedTensor) -> Any:
        if self.bigrams:
            raise ValueError(
                "Texts that share a row are not counted apart. Received: `packed` and a "
                "preprocessor with bigrams. Leave one of them out."
            )
        return super().pack_together(source, target, members)

    def tokens(self, text: str) -> list[str]:
        """Readable tokens of a text, as the model gets them."""
        ids = self.encode_inputs(as_strings([text])).to_tensor()
        return [token.decode("utf-8") for token in self.tokenizer.tokens(ids).numpy()[0]]

    def _cut(self, ids: tf.RaggedTensor, max_length: int | None) -> tf.RaggedTensor:
        if max_length is None:
            return ids
        if self.keep == "start":
            return ids[:, :max_length]
        if self.keep == "end":
            return ids[:, -max_length:]
        first = (max_length + 1) // 2
        rest = ids[:, first:]
        last = max_length - first
        return tf.concat([ids[:, :first], rest[:, -last:] if last else rest[:, :0]], axis=1)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "tokenizer": keras.saving.serialize_keras_object(self.tokenizer),
            "max_length": self.max_length,
            "keep": self.keep,
            "bigrams": self.bigrams if isinstance(self.bigrams, bool) else list(self.bigrams),
        }


def frequent_bigrams(texts: Iterable[list[list[int]]], vocabulary_size: int) -> list[int]:
    """Returns the pairs of neighbouring tokens that two texts have, the most frequent ones.

    Args:
        texts: Lists of token ids, some at a time.
        vocabulary_size: The pair of a and b is the number a * vocabulary_size + b.

    Returns:
        At most 65,536 numbers, ascending.
    """
    counts: Counter[int] = Counter()
    for part in texts:
        for ids in part:
            counts.update({a * vocabulary_size + b for a, b in itertools.pairwise(ids)})
    shared = [(-count, pair) for pair, count in counts.items() if count > 1]
    return sorted(pair for _, pair in sorted(shared)[:_MOST_BIGRAMS])
