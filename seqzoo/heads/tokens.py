"""The head that predicts a token at every step."""

import keras
from keras import ops

from seqzoo.metrics.tokens import Perplexity, TokenAccuracy
from seqzoo.ops.affine import affine
from seqzoo.ops.decoding.log_probs import LogProbs, log_sums
from seqzoo.ops.losses import token_cross_entropy, values_at


@keras.saving.register_keras_serializable(package="seqzoo")
class Tokens(keras.layers.Layer):
    """Logits over a vocabulary, and their cross-entropy.

    Args:
        vocabulary_size: Positive int.
        label_smoothing: From 0 to below 1: the share of the target's probability that is spread
            evenly over the vocabulary in the loss (Szegedy et al., 2016).

    Call arguments:
        hidden: Float tensor `(..., features)`.

    Returns:
        Logits `(..., vocabulary_size)`.
    """

    def __init__(self, vocabulary_size: int, label_smoothing: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.label_smoothing = label_smoothing
        self._embedding = None

    def tie(self, embedding: keras.layers.ReversibleEmbedding) -> None:
        """Uses the weights of an embedding as the kernel, transposed. To be called before build.

        The weights then begin as small as those of a kernel do.

        Reference: Press and Wolf, 2017, https://arxiv.org/abs/1608.05859
        """
        stddev = embedding.output_dim**-0.5
        embedding.embeddings_initializer = keras.initializers.RandomNormal(stddev=stddev)
        self._embedding = [embedding]  # in a list of its own, so that it stays another's layer

    def build(self, hidden_shape):
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                "`label_smoothing` must be at least 0 and below 1. Received: "
                f"label_smoothing={self.label_smoothing}."
            )
        if self._embedding is None:
            self.kernel = self.add_weight(
                shape=(hidden_shape[-1], self.vocabulary_size), name="kernel"
            )
        elif self._embedding[0].output_dim != hidden_shape[-1]:
            raise ValueError(
                "Tied embeddings must be as wide as the hidden states. Received: embeddings of "
                f"{self._embedding[0].output_dim} and hidden states of {hidden_shape[-1]}."
            )
        self.bias = self.add_weight(shape=(self.vocabulary_size,), initializer="zeros", name="bias")
        self.built = True

    def call(self, hidden):
        tied = self._embedding is not None
        kernel = ops.transpose(self._embedding[0].embeddings) if tied else self.kernel
        cast = self.compute_dtype
        return affine(hidden, ops.cast(kernel, cast), ops.cast(self.bias, cast))

    def loss(self, y, outputs, weight):
        """Returns the sum of the tokens' losses and the sum of their weights, scalars of float32.

        They are float64 where the logits are.

        Args:
            y: Token ids `(...)`.
            outputs: Logits `(..., vocabulary_size)`.
            weight: Float tensor `(...)`, 0 on padding.
        """
        y, logits, weight = self._flat(y, outputs, weight)
        losses = token_cross_entropy(y, logits, self.label_smoothing)
        return ops.sum(losses * weight), ops.sum(weight)

    def make_metrics(self) -> list[keras.metrics.Metric]:
        """Returns fresh metrics, in the order of `measure`."""
        return [TokenAccuracy(), Perplexity()]

    def measure(self, y, outputs, weight) -> list[tuple]:
        """Returns for each metric the arguments of its `update_state`."""
        y, logits, weight = self._flat(y, outputs, weight)
        correct = ops.cast(values_at(y, logits) >= ops.max(logits, axis=-1), logits.dtype)
        nll = token_cross_entropy(y, logits)
        total = ops.sum(weight)
        return [(ops.sum(correct * weight), total), (ops.sum(nll * weight), total)]

    def readout(self, outputs):
        """Returns log-probs `(..., vocabulary_size)`, float32."""
        return ops.log_softmax(ops.cast(outputs, "float32"), axis=-1)

    def log_probs(self, outputs) -> LogProbs:
        """Returns the log-probs of logits `(N, vocabulary_size)` for a search."""
        logits = ops.cast(outputs, "float32")
        return LogProbs(logits, log_sums(logits))

    def _flat(self, y, outputs, weight):
        dtype = keras.backend.result_type(outputs.dtype, "float32")
        logits = ops.cast(ops.reshape(outputs, (-1, self.vocabulary_size)), dtype)
        return ops.reshape(y, (-1,)), logits, ops.cast(ops.reshape(weight, (-1,)), dtype)

    def get_build_config(self):
        # One that is loaded must be tied again before it is built.
        return super().get_build_config() if self._embedding is None else None

    def get_config(self):
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "label_smoothing": self.label_smoothing,
        }
