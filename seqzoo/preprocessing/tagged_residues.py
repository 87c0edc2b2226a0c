"""Sequences of bases or amino acids with a tag for each letter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.metrics.residues import UNKNOWN_TAG
from seqzoo.preprocessing.bases import AlphabetName, LetterReader, padded
from seqzoo.preprocessing.corpus import as_strings
from seqzoo.preprocessing.data_forms import Kind, read_examples
from seqzoo.preprocessing.labelled import examples_of_dataset, two_lists
from seqzoo.preprocessing.labels import Labels, as_name
from seqzoo.preprocessing.limits import BoundedInputs, Limits, short_enough
from seqzoo.preprocessing.tagged_sentences import TaggedSentences


@keras.saving.register_keras_serializable(package="seqzoo")
class TaggedResidues(TaggedSentences):
    """Turns sequences of bases or amino acids into vectors, and the tags of their letters into ids.

    A letter tagged `?`, or one that leaves all open (X, or N among bases), weighs nothing in loss
    and metrics. An encoder has `vocabulary_size=None` and `embedding_dim=width`.

    Args:
        tags: The tags in the order of their ids, or `Labels`; None takes those of `adapt`.
        alphabet: `"bases"` or `"amino_acids"`; see `ALPHABETS`.

    Sequences are texts, or lists of letters, without gaps, which have no tag. Tags are a text of
    one character each, or a list. A batch is `(B, S, width)` with tags and weights `(B, S)`.

    Example:
        >>> residues = sz.preprocessing.TaggedResidues(["C", "H"])
        >>> examples = residues.examples([("MKX", "C?H"), ("m", ["H"])])
        >>> x, y, sample_weight = residues(*next(iter(examples.ragged_batch(2))))
        >>> y.numpy().tolist(), sample_weight.numpy().tolist()
        ([[0, 0, 1], [1, 0, 0]], [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    """

    def __init__(
        self,
        tags: Labels | Sequence[str] | None = None,
        alphabet: AlphabetName = "amino_acids",
    ):
        super().__init__(tags)
        self.reader = LetterReader(alphabet, gaps=False)

    kind = Kind(("sequence", "tags"), (0, 1))

    @property
    def width(self) -> int:
        """Numbers of a vector: 4 for a base, 20 for an amino acid."""
        return self.reader.width

    @property
    def raw_spec(self) -> tf.TensorSpec:
        """What `serve` takes: a text for each sequence."""
        return tf.TensorSpec([None], tf.string, name="sequence")

    def adapt(self, sentences: Any, columns: Mapping[str, str] | None = None) -> None:
        """Takes the tags from pairs of a sequence and its tags; tags that were given stay."""
        if self.labels.get_config()["names"] is None:
            _, tags = self._pairs(sentences, None, columns)
            self.labels.adapt({tag for each in tags for tag in each} - {UNKNOWN_TAG})

    def examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """Makes a dataset of sequences, strings, and their tags `(T,)`.

        Args:
            x: Pairs of a sequence and its tags in any form that `fit` takes, or sequences alone.
            y: The tags of each, where `x` holds the sequences alone.

        Raises:
            ValueError: if there are none, a sequence has more or fewer tags than letters, or a
                letter or tag is unknown; names the sequence.
        """
        raw, tags = self._pairs(x, y)
        for index, each in enumerate(tags):
            names = [tag for tag in each if tag != UNKNOWN_TAG]
            self.labels.check(names, f"in the sequence at index {index}")
        flat = as_strings([tag for each in tags for tag in each])
        lengths = tf.constant([len(each) for each in tags], tf.int64)
        ragged = tf.RaggedTensor.from_row_lengths(flat, lengths)
        return tf.data.Dataset.from_tensor_slices((raw, ragged))

    def _pairs(self, x: Any, y: Any, columns: Any = None) -> tuple[tf.Tensor, list[list[str]]]:
        x, y, _ = read_examples(self.kind, x, y, columns=columns)
        if isinstance(x, tf.data.Dataset):
            x, y = examples_of_dataset(x, y, "a sequence and its tags", 0, 1), None
        sequences, tags = two_lists(x, y)
        raw = self.as_raw(sequences)
        tags = [_tags(each, f" of the sequence at index {i}") for i, each in enumerate(tags)]
        for index, count in enumerate(self.lengths(raw)):
            if len(tags[index]) != count:
                raise ValueError(
                    f"Each letter must have one tag. Received: {count} letters and "
                    f"{len(tags[index])} tags of the sequence at index {index}."
                )
        return raw, tags

    def as_raw(self, inputs: Any) -> tf.Tensor:
        """Checks a list of sequences and makes a string tensor `(B,)` of it."""
        return self.reader.as_raw(inputs)

    def tokens(self, text: str) -> list[str]:
        """The letters of a sequence."""
        return self.reader.letters(text)

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        """Letters of each sequence `(B,)`."""
        return self.reader.lengths(raw)

    def pad(self, raw: tf.Tensor) -> tf.Tensor:
        """The sequences as `raw_spec` describes them."""
        return raw

    def encode_inputs(self, raw: Any) -> dict[str, tf.RaggedTensor]:
        """Vectors of the letters `(B, None, width)`."""
        return {"inputs": self.reader.encode(raw)}

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """`encode_inputs`, as far as limits allow; a longer or unknown sequence is not read."""
        is_read = short_enough(raw, min(limits.source_bytes, limits.source_tokens))
        is_read &= self.reader.is_known(raw)
        raw = tf.where(is_read, raw, "")
        encoded = self.encode_inputs(raw)
        steps = tf.cast(encoded["inputs"].row_lengths(), tf.int32)
        return BoundedInputs(raw, encoded, steps, is_read)

    def pack_inputs(self, encoded: dict[str, tf.RaggedTensor]) -> dict[str, tf.Tensor]:
        """The model's inputs: "inputs" `(B, S, width)` and "mask" `(B, S)`."""
        return padded(encoded["inputs"], self.width)

    def encode(self, x: Any, y: Any) -> tuple[dict[str, tf.RaggedTensor], tf.RaggedTensor]:
        """Vectors of the letters, and the ids of the tags `(B, None)`, -1 for `?`."""
        ids = self.labels.ids(y)
        tf.debugging.assert_equal(
            (ids.flat_values < 0) & (y.flat_values != UNKNOWN_TAG),
            False,
            f"A tag is none of those of the training: {self.labels.names}.",
        )
        return self.encode_inputs(x), ids

    def pack(self, source: dict[str, tf.RaggedTensor], target: tf.RaggedTensor) -> tuple:
        """Pads encoded rows to one batch.

        Returns:
            x, see `pack_inputs`; y `(B, S)` int32; sample_weight `(B, S)` float32, 1 on letters
            that say something and whose tag is known.
        """
        x = self.pack_inputs(source)
        y = target.to_tensor(-1, shape=tf.shape(x["mask"], tf.int64))
        says_something = tf.reduce_max(x["inputs"], axis=-1) > 1.5 / self.width
        weight = tf.cast((y >= 0) & says_something, tf.float32)
        return x, tf.maximum(y, 0), weight

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {"tags": serialize(self.labels), "alphabet": self.reader.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TaggedResidues:
        deserialize = keras.saving.deserialize_keras_object
        parts = {k: deserialize(v) if isinstance(v, dict) else v for k, v in config.items()}
        return cls(**parts)


def _tags(tags: Any, where: str) -> list[str]:
    if isinstance(tags, bytes):
        tags = tags.decode()
    if not isinstance(tags, Iterable):
        raise ValueError(f"Expected the tags of letters. Received: {tags!r}{where}. Give a text.")
    return [as_name(tag, where) for tag in tags]
