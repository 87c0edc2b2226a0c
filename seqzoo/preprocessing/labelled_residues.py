"""Sequences of bases or amino acids and their classes as the inputs and labels of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.bases import AlphabetName, LetterReader, padded
from seqzoo.preprocessing.data_forms import Kind
from seqzoo.preprocessing.labelled import Inputs, LabelledInputs
from seqzoo.preprocessing.labels import Labels
from seqzoo.preprocessing.limits import BoundedInputs, Limits, short_enough


@keras.saving.register_keras_serializable(package="seqzoo")
class LabelledResidues(LabelledInputs):
    """Turns sequences of bases or amino acids into vectors, and the names of classes into numbers.

    An encoder for them has `vocabulary_size=None` and `embedding_dim=width`. A server answers a
    sequence with an unknown letter with the label "" and probabilities of 0.

    Args:
        labels: See `LabelledText`.
        alphabet: `"bases"` or `"amino_acids"`; see `ALPHABETS`.
        multi_label: See `LabelledText`.

    Sequences are texts; a batch is `(B, S, width)` with a mask `(B, S)`. Gaps are left out.

    Example:
        >>> import tensorflow as tf
        >>> bases = sz.preprocessing.LabelledResidues(["no", "yes"])
        >>> x, y, sample_weight = bases(tf.constant(["TAtA-", "n"]), tf.constant(["yes", "no"]))
        >>> x["inputs"].shape.as_list(), x["inputs"][1].numpy().tolist()[:2], y.numpy().tolist()
        ([2, 4, 4], [[0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 0.0, 0.0]], [1, 0])
    """

    def __init__(
        self,
        labels: Labels | Sequence[str] | None = None,
        alphabet: AlphabetName = "bases",
        multi_label: bool = False,
    ):
        super().__init__(labels, multi_label)
        self.reader = LetterReader(alphabet)

    kind = Kind(("sequence", "label"), (0,))  # pyright: ignore[reportAssignmentType]

    @property
    def width(self) -> int:
        """Numbers of a vector: 4 for a base, 20 for an amino acid."""
        return self.reader.width

    def adapt_inputs(self, raw: Any) -> None:
        """Nothing is adapted: the letters are known."""

    @property
    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.string, name="sequence")

    def as_raw(self, inputs: Any) -> tf.Tensor:
        return self.reader.as_raw(inputs)

    def encode_inputs(self, raw: tf.Tensor) -> tf.RaggedTensor:
        return self.reader.encode(raw)

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        is_read = short_enough(raw, limits.source_bytes) & self.reader.is_known(raw)
        raw = tf.where(is_read, raw, "")
        encoded = self.reader.encode(raw)[:, : limits.source_tokens]
        return BoundedInputs(raw, encoded, tf.cast(encoded.row_lengths(), tf.int32), is_read)

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        return self.reader.lengths(raw)

    def pack_inputs(self, encoded: tf.RaggedTensor) -> Inputs:
        return padded(encoded, self.width)

    def tokens(self, text: str) -> list[str]:
        """The letters of a sequence, as the model gets them."""
        return self.reader.letters(text)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"alphabet": self.reader.name}
