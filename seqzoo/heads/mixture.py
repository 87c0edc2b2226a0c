"""The head that mixes the predictions made at each position of a source."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.heads.tokens import Tokens
from seqzoo.ops.affine import affine
from seqzoo.ops.decoding.log_probs import LogProbs
from seqzoo.ops.masks import lowest_score


class PositionStates(NamedTuple):
    """Hidden states for each source position, and how probable it is that each one is read.

    Attributes:
        hidden: `(..., S, features)`.
        log_weights: `(..., S)`, whose exponentials sum to 1.

    Example:
        >>> hidden, log_weights = np.zeros((2, 4, 3)), np.full((2, 4), np.log(0.25))
        >>> sz.heads.PositionStates(hidden, log_weights).log_weights.shape
        (2, 4)
    """

    hidden: Any
    log_weights: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class Mixture(Tokens):
    """Log-probs over a vocabulary: a mixture of those of each source position.

    P(token) = sum over positions j of w_j softmax(W r_j + b)[token], in logarithms and at least
    float32. It is the head of `decoders.HardAttentionDecoder`. For arguments see `Tokens`.

    Call arguments:
        hidden: `PositionStates`, `(..., S, features)` and `(..., S)`; or hidden states
            `(..., features)` of a single position.

    Returns:
        Log-probs `(..., vocabulary_size)`; of what is impossible about -3e38.

    Raises:
        ValueError: when built, if an argument is out of its range.
    Reference: Wu, Shapiro and Cotterell, 2018, https://arxiv.org/abs/1808.10024

    Example:
        >>> head = sz.heads.Mixture(vocabulary_size=5)
        >>> weights = np.log(np.array([[0.5, 0.25, 0.25]], "float32"))
        >>> log_probs = head(sz.heads.PositionStates(np.ones((1, 3, 4), "float32"), weights))
        >>> round(float(keras.ops.sum(keras.ops.exp(log_probs))), 4)
        1.0
    """

    def build(self, hidden_shape):
        is_of_positions = isinstance(hidden_shape[0], (tuple, list))
        super().build(hidden_shape[0] if is_of_positions else hidden_shape)

    def call(self, hidden, mask=None, reads=None):
        if not isinstance(hidden, (tuple, list)):
            return self._at_positions(hidden, *self._weights())
        states, log_weights = hidden
        return _mixed(self._at_positions(states, *self._weights()), log_weights)

    def observer(self):
        """Returns the log-probs of tokens `(...)` at each position of `(..., S, features)`.

        Its weights are read and cast: a loop over steps does that once, ahead of it. A token that
        is impossible, such as padding, tells nothing: its log-prob is 0 at all positions.
        """
        weights, possible = self._weights(), ops.convert_to_tensor(self._possible())

        def observe(token_ids, states):
            log_probs = self._at_positions(states, *weights)
            token_ids = ops.cast(token_ids, "int32")
            at_all = ops.expand_dims(token_ids, -1) + ops.zeros_like(
                log_probs[..., 0], dtype="int32"
            )
            of_tokens = ops.take_along_axis(log_probs, ops.expand_dims(at_all, -1), axis=-1)
            of_tokens = ops.squeeze(of_tokens, -1)
            return ops.where(ops.take(possible, at_all), of_tokens, ops.zeros_like(of_tokens))

        return observe

    def stepper(self, width: int = 1):
        """Returns the log-probs of `PositionStates` as a function; see `Tokens`."""
        weights = self._weights()
        impossible = tuple(int(token) for token in self.impossible)

        def log_probs(hidden) -> LogProbs:
            states, log_weights = hidden
            mixed = _mixed(self._at_positions(states, *weights), log_weights)
            mixed = ops.cast(ops.where(self._possible(), mixed, -float("inf")), "float32")
            return LogProbs(mixed, ops.zeros_like(mixed[:, 0]), impossible)

        return log_probs

    def _weights(self):
        kernel = ops.cast(self.kernel, self.compute_dtype)
        bias = self._bias(lowest_score(self.compute_dtype))
        return (kernel,) if bias is None else (kernel, bias)

    def _at_positions(self, states, *weights):
        """Returns the log-probs `(..., vocabulary_size)` of each hidden state, exact ones."""
        logits = affine(states, *weights)
        exact = keras.backend.result_type(logits.dtype, "float32")
        return ops.log_softmax(ops.cast(logits, exact), axis=-1)

    def tie(self, embedding):
        """Raises an error: a mixture has a kernel of its own."""
        raise ValueError("`tie_embeddings` is for other heads than `Mixture`. Leave it out.")


def _mixed(log_probs, log_weights):
    """Returns log-probs `(..., V)` of those at positions `(..., S, V)`, weighted."""
    log_weights = ops.cast(log_weights, log_probs.dtype)
    return ops.logsumexp(log_probs + ops.expand_dims(log_weights, -1), axis=-2)
