"""The head that predicts a token at every step."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from seqzoo.layers.embedding_table import embedding_table
from seqzoo.metrics.tokens import Perplexity, TokenAccuracy
from seqzoo.ops.affine import affine
from seqzoo.ops.attention import times_transposed
from seqzoo.ops.decoding.log_probs import LogProbs, log_sums
from seqzoo.ops.losses import token_cross_entropy, values_at
from seqzoo.ops.masks import lowest_score


@keras.saving.register_keras_serializable(package="seqzoo")
class Tokens(keras.layers.Layer):
    """Logits over a vocabulary, and their cross-entropy.

    Tokens that can never be predicted have a probability of 0, in training and in a search, and
    their weights no gradient. Their logit is a number below all others, -3e38 (-6e4 in float16);
    their log-prob is -inf. A step whose target is one of them counts nothing in the loss and in
    the metrics, whatever its weight: padding is not learned. Where ids 0 and 2 are tokens like
    all others, give `impossible=()`.

    Args:
        vocabulary_size: Positive int.
        label_smoothing: From 0 to below 1: the share of the target's probability that is spread
            evenly over the possible tokens in the loss (Szegedy et al., 2016).
        impossible: Ids of the tokens that are never predicted: padding and the start token, with
            the ids that they have in every tokenizer of seqzoo.
        use_bias: Whether a number for each token is added to its logits.

    Call arguments:
        hidden: Float tensor `(..., features)`.

    Returns:
        Logits `(..., vocabulary_size)`.

    Raises:
        ValueError: when built, if an argument is out of its range.

    Example:
        >>> head = sz.heads.Tokens(vocabulary_size=5)
        >>> logits = head(np.ones((2, 3, 4), "float32"))
        >>> probabilities = keras.ops.softmax(logits)[0, 0].numpy()
        >>> probabilities[[0, 2]].tolist()  # of padding and the start token
        [0.0, 0.0]
    """

    def __init__(
        self,
        vocabulary_size: int,
        label_smoothing: float = 0.0,
        impossible: Sequence[int] = (0, 2),
        use_bias: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.label_smoothing = label_smoothing
        self.impossible = impossible
        self.use_bias = use_bias
        self.supports_masking = True
        self._embedding = None

    def tie(self, embedding: keras.layers.ReversibleEmbedding) -> None:
        """Uses the weights of an embedding as the kernel, transposed. To be called before build.

        The initial weights are then as small as those of a kernel.

        Reference: Press and Wolf, 2017, https://arxiv.org/abs/1608.05859
        """
        stddev = embedding.output_dim**-0.5
        embedding.embeddings_initializer = keras.initializers.RandomNormal(stddev=stddev)
        self._embedding = [embedding]  # in a list, so that it is no layer of the head

    def build(self, hidden_shape):
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                "`label_smoothing` must be at least 0 and below 1. Received: "
                f"label_smoothing={self.label_smoothing}."
            )
        ids = range(self.vocabulary_size)
        if any(i not in ids for i in self.impossible) or not set(ids) - set(self.impossible):
            raise ValueError(
                f"`impossible` must hold ids from 0 to {self.vocabulary_size - 1} and leave a "
                f"token. Received: impossible={tuple(self.impossible)}. Give `impossible=()` where "
                "all tokens may be predicted."
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
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(self.vocabulary_size,), initializer="zeros", name="bias"
            )
        self.built = True

    def call(self, hidden, mask=None, reads=None):
        bias = self._bias(lowest_score(self.compute_dtype))
        return affine(hidden, self._kernel(), *([] if bias is None else [bias]))

    def _kernel(self, transposed: bool = False):
        """Returns the kernel `(features, vocabulary_size)`, or transposed where it is tied."""
        if self._embedding is None:
            return ops.cast(self.kernel, self.compute_dtype)
        table = ops.cast(embedding_table(self._embedding[0]), self.compute_dtype)
        return table if transposed else ops.transpose(table)

    def _bias(self, lowest: float):
        """Returns what is added to the logits `(vocabulary_size,)`, or None.

        That of impossible tokens is `lowest`, so that no pass over all logits is added.
        """
        cast = self.compute_dtype
        bias = None if self.bias is None else ops.cast(self.bias, cast)
        if not len(self.impossible):
            return bias
        bias = ops.zeros((self.vocabulary_size,), dtype=cast) if bias is None else bias
        return ops.where(self._possible(), bias, ops.cast(lowest, cast))

    def _possible(self) -> np.ndarray:
        """Booleans `(vocabulary_size,)`, True for tokens that may be predicted."""
        return ~np.isin(np.arange(self.vocabulary_size), self.impossible)

    def loss(self, y, outputs, weight, mask=None):
        """Returns the sum of the tokens' losses and the sum of their weights, scalars of float32.

        They are float64 where the logits are.

        Args:
            y: Token ids `(...)`.
            outputs: Logits `(..., vocabulary_size)`.
            weight: Float tensor `(...)`, 0 on padding.
            mask: As in other heads; the loss of a token depends on no other target.
        """
        y, logits, weight = self._flat(y, outputs, weight)
        losses = token_cross_entropy(y, logits, self.label_smoothing, self._possible())
        return ops.sum(losses * weight), ops.sum(weight)

    def make_metrics(self) -> list[keras.metrics.Metric]:
        """Returns fresh metrics, in the order of `measure`."""
        return [TokenAccuracy(), Perplexity()]

    def measure(self, y, outputs, weight, mask=None) -> list[tuple]:
        """Returns for each metric the arguments of its `update_state`."""
        y, logits, weight = self._flat(y, outputs, weight)
        correct = ops.cast(values_at(y, logits) >= ops.max(logits, axis=-1), logits.dtype)
        nll = token_cross_entropy(y, logits)
        total = ops.sum(weight)
        return [(ops.sum(correct * weight), total), (ops.sum(nll * weight), total)]

    def readout(self, outputs):
        """Returns log-probs `(..., vocabulary_size)`, float32."""
        log_probs = ops.log_softmax(ops.cast(outputs, "float32"), axis=-1)
        return ops.where(self._possible(), log_probs, -float("inf"))

    def stepper(self, width: int = 1):
        """Returns the log-probs of hidden states `(N, features)` as a function.

        Its weights are read and cast: a loop over steps does that once, ahead of it. The hidden
        states of several hypotheses of an example, `width`, are multiplied faster by a kernel that
        lies row by row (5 rows by 8,000 tokens: 1.5 times, under XLA 3 times), so that the one of
        a tied embedding is transposed then.
        """
        tied = self._embedding is not None and width == 1
        kernel, bias = self._kernel(transposed=tied), self._bias(-float("inf"))
        impossible = tuple(int(token) for token in self.impossible)

        def log_probs(hidden) -> LogProbs:
            product = times_transposed(hidden, kernel) if tied else ops.matmul(hidden, kernel)
            logits = ops.cast(product if bias is None else ops.add(product, bias), "float32")
            return LogProbs(logits, log_sums(logits), impossible)

        return log_probs

    def decide(self, outputs, mask=None):
        """Returns the most probable token `(...)` int32; 0 at masked steps."""
        token_ids = ops.cast(ops.argmax(outputs, axis=-1), "int32")
        return token_ids if mask is None else ops.where(mask, token_ids, 0)

    def _flat(self, y, outputs, weight):
        """Returns targets, logits and weights with one row for each step."""
        dtype = keras.backend.result_type(outputs.dtype, "float32")
        logits = ops.cast(ops.reshape(outputs, (-1, self.vocabulary_size)), dtype)
        y, weight = ops.reshape(y, (-1,)), ops.cast(ops.reshape(weight, (-1,)), dtype)
        possible = ops.convert_to_tensor(self._possible(), dtype)
        return y, logits, weight * ops.take(possible, ops.cast(y, "int32"))

    def get_build_config(self):
        # One that is loaded must be tied again before it is built.
        return super().get_build_config() if self._embedding is None else None

    def get_config(self):
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "label_smoothing": self.label_smoothing,
            "impossible": [int(i) for i in self.impossible],
            "use_bias": self.use_bias,
        }
