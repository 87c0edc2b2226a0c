"""Texts in, vectors out: for search, clustering and comparison."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.encoders.encoder import Encoded, symbolic_inputs
from seqzoo.layers.pooling import Pooling
from seqzoo.tasks.answering import AnsweringTask, check_vocabulary


@keras.saving.register_keras_serializable(package="seqzoo")
class SentenceVectors(keras.layers.Layer):
    """The mean of the real steps of each text, of length 1 with `normalize`; zeros without steps.

    Args:
        normalize: Whether vectors are divided by their length.
    """

    def __init__(self, normalize: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.normalize = normalize
        self.pooling = Pooling("mean", dtype=self.dtype_policy)

    def build(self, outputs_shape):
        self.pooling.build(outputs_shape)

    def call(self, outputs, mask=None):
        vectors = self.pooling(outputs, mask=mask)
        return tf.math.l2_normalize(vectors, axis=-1) if self.normalize else vectors

    def compute_mask(self, outputs, mask=None):
        return None  # the result has no steps

    def make_metrics(self) -> list[keras.metrics.Metric]:
        """Returns none: nothing is learned here."""
        return []

    def get_config(self):
        return super().get_config() | {"normalize": self.normalize}


@keras.saving.register_keras_serializable(package="seqzoo")
class SentenceEncoder(AnsweringTask):
    """An encoder whose outputs become one vector for each text.

    It is not trained as one: its encoder is, in a `Classifier` or another task.

    Args:
        encoder: Makes `Encoded` of token ids; see `seqzoo.encoders`.
        preprocessor: `LabelledText` with an adapted tokenizer, whose labels do not count; None
            where users feed tensors `{"inputs", "mask"}` themselves.
        head: `SentenceVectors`; None is one that normalises.

    Call arguments:
        x: Dict of `inputs`, token ids `(B, S)`, and `mask` `(B, S)`.

    Returns:
        Vectors `(B, encoder.hidden_size)`.

    Example:
        >>> encoder = sz.encoders.BlockEncoder(260, 8, sz.layers.make_blocks(8, 1, num_heads=2))
        >>> text = sz.preprocessing.LabelledText(sz.preprocessing.ByteTokenizer())
        >>> sz.SentenceEncoder(encoder, text).encode(["a", "a longer one", ""]).shape
        (3, 8)
    """

    def __init__(self, encoder, preprocessor=None, head=None, **kwargs):
        super().__init__(SentenceVectors() if head is None else head, preprocessor, **kwargs)
        self.encoder = encoder
        self.build()

    def build(self, input_shape=None):
        """Makes all weights; no data are needed for it."""
        if self.preprocessor is not None:
            check_vocabulary(self.encoder, self.preprocessor.tokenizer)
        self.width = self.call({"inputs": symbolic_inputs(self.encoder)}).shape[-1]
        self.built = True

    def call(self, x, training=False):
        encoded = Encoded(*self.encoder(x["inputs"], mask=x.get("mask"), training=training))
        return self.head(encoded.outputs, mask=encoded.mask)

    def fit(self, *args, **kwargs):
        """Raises an error: vectors have no targets."""
        raise ValueError(
            "A SentenceEncoder is not trained as one. Give its `encoder` to a Classifier or "
            "another task and train that."
        )

    def encode(self, texts, batch_size: int = 64) -> np.ndarray:
        """Returns the vectors of texts `(N, width)`; that of a text does not depend on the others.

        Args:
            texts: List of texts.
            batch_size: Positive int. Max texts that are read together.
        """
        texts = self._as_list(texts)
        vectors = np.zeros((len(texts), self.width), np.float32)
        for indices, answers in self.answers(texts, batch_size):
            vectors[indices] = answers["embedding"]
        return vectors

    def answer_inputs(self, inputs) -> dict[str, Any]:
        return {"embedding": tf.cast(self(inputs), tf.float32)}

    def serve(self, raw):
        """Returns `embedding` `(B, width)` of texts `(B,)`; zeros for one that is not read."""
        return super().serve(raw)

    def served_specs(self):
        return {"embedding": tf.TensorSpec([None, self.width], tf.float32)}

    def served_answer(self, inputs, is_read, shape, longest):
        vectors = self.answer_inputs(inputs)["embedding"]
        return {"embedding": tf.where(is_read[:, None], vectors, 0.0)}

    def get_config(self):
        return super().get_config() | {"encoder": keras.saving.serialize_keras_object(self.encoder)}
