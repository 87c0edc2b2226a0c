"""Keras metrics over the sums that a token head computes anyway: nothing is computed twice."""

import math

import keras
from keras import ops


class TokenMean(keras.metrics.Metric):
    """Divides the sum of a quantity over all tokens by the number of tokens.

    Both are sums over all updates, and added up over replicas, so that the mean is exact
    per token whatever the batches were. Before any token it is 0.
    """

    def __init__(self, name: str, dtype: str | None = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), initializer="zeros", name="total")
        self.count = self.add_variable((), initializer="zeros", name="count")

    def update_state(self, total, token_count):
        """Adds a scalar sum over tokens and the scalar number (total weight) of the tokens."""
        self.total.assign_add(ops.cast(total, self.dtype))
        self.count.assign_add(ops.cast(token_count, self.dtype))

    def result(self):
        return ops.divide_no_nan(self.total, self.count)


@keras.saving.register_keras_serializable(package="seqzoo")
class TokenAccuracy(TokenMean):
    """Share of the target tokens that got the highest score, from 0 to 1.

    `update_state(correct_sum, token_count)` takes scalars: the weighted number of tokens that are
    right, and the total weight of the tokens.

    Example:
        >>> metric = sz.metrics.TokenAccuracy()
        >>> metric.update_state(3.0, 4.0)
        >>> float(metric.result())
        0.75
    """

    def __init__(self, name: str = "token_accuracy", dtype: str | None = None):
        super().__init__(name=name, dtype=dtype)


@keras.saving.register_keras_serializable(package="seqzoo")
class Perplexity(TokenMean):
    """Exponential of the mean negative log-likelihood of a target token, without label smoothing.

    `update_state(nll_sum, token_count)` takes scalars: the weighted sum of the tokens' negative
    log-likelihoods in nats, and the total weight of the tokens. Before any token it is 1.
    Differs from `keras_hub.metrics.Perplexity`, which computes the cross-entropy from logits again.

    Example:
        >>> metric = sz.metrics.Perplexity()
        >>> metric.update_state(4 * np.log(8.0), 4.0)
        >>> round(float(metric.result()), 3)
        8.0
    """

    def __init__(self, name: str = "perplexity", dtype: str | None = None):
        super().__init__(name=name, dtype=dtype)

    def result(self):
        return ops.exp(super().result())


@keras.saving.register_keras_serializable(package="seqzoo")
class BitsPerCharacter(TokenMean):
    """Negative log-likelihood of a text in bits, over the number of its characters.

    A character is a Unicode one of the normalised text, spaces and line ends counted, whatever the
    tokens of the model are: so models of characters, bytes, sub-words and words can be compared,
    if none takes rare words for `<unk>`, which costs it less than to spell them.

    `update_state(nll_sum, character_count)` takes scalars: the weighted sum of the tokens'
    negative log-likelihoods in nats, and the number of characters that they stand for.

    Example:
        >>> metric = sz.metrics.BitsPerCharacter()
        >>> metric.update_state(np.log(2) * 10, 5)  # 10 bits for 5 characters
        >>> round(float(metric.result()), 3)
        2.0
    """

    def __init__(self, name: str = "bits_per_character", dtype: str | None = None):
        super().__init__(name=name, dtype=dtype)

    def result(self):
        return super().result() / math.log(2)
