"""The head that predicts a token of the vocabulary or copies one of the source."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.heads.tokens import Tokens
from seqzoo.ops.affine import affine
from seqzoo.ops.attention import times_transposed
from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.decoding.log_probs import LogProbs, log_sums
from seqzoo.ops.gather import gather, pick_in_rows
from seqzoo.ops.losses import coverage_losses, values_at
from seqzoo.ops.masks import lowest_score

_SMALLEST_SHARE = 1e-30  # of the attention: below it, a logarithm and its slope overflow


class Copied(NamedTuple):
    """What `Copying` returns where its loss counts the coverage too.

    Attributes:
        log_probs: `(N, T, vocabulary_size + S)`.
        coverage: `(N, T)`, the coverage loss of each step.

    Example:
        >>> head = sz.heads.Copying(vocabulary_size=5, coverage_loss=1.0)
        >>> weights = np.full((1, 2, 4), 0.25, "float32")
        >>> outputs = head(np.ones((1, 2, 3), "float32"), reads=(weights, np.array([[4, 5, 6, 3]])))
        >>> outputs.coverage.numpy().tolist()  # the second step reads what the first has read
        [[0.0, 1.0]]
    """

    log_probs: Any
    coverage: Any


class Copyable(NamedTuple):
    """Which tokens of the sources can be copied, and where their log-probs stand.

    Attributes:
        columns: Int32 `(B, S)`: the id of a token where it stands first in its source, elsewhere
            the id `vocabulary_size + position`, of which there is no token then.
        firsts: Int32 `(B, S)`, the first position of the token at each position.
        is_first: Boolean `(B, S)`.
        is_copyable: Boolean `(B, S)`, False on padding and on tokens that are impossible.
    """

    columns: Any
    firsts: Any
    is_first: Any
    is_copyable: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class Copying(Tokens):
    """Log-probs over a vocabulary and the tokens of the source: a pointer-generator.

    With the hidden state r, the attention weights a_i on the source tokens w_i and the gate p,

        p = sigmoid(w · r + b)
        P(token) = p softmax(W r + c)[token] + (1 - p) (sum of a_i over all i with w_i = token)

    so that tokens outside the vocabulary, which softmax gives nothing, can be answered where the
    source holds them. Such a token has the id `vocabulary_size + i` of its first position i in its
    source, padding counted; equal tokens have one id. All is computed as logarithms, in float32.

    Tokens that can never be predicted, and those that the source lacks, have a probability of 0;
    a step whose target is one of them counts nothing in the loss and in the metrics. The unknown
    token is one of them: an answer never holds it. Where the weights are all 0, nothing is copied.

    Args:
        vocabulary_size: Positive int.
        coverage_loss: Float, at least 0: how much the loss of a step counts that it reads what was
            read before, see `ops.losses.coverage_loss`; the paper has 1, after a training with 0.
        unknown_id: The id by which tokens outside the vocabulary are embedded.
        impossible: See `Tokens`; here the unknown token too.
        use_bias: See `Tokens`.

    Call arguments:
        hidden: Float tensor `(N, T, features)` or `(N, features)`; N is B, or K * B where each
            example has K rows, side by side.
        reads: Attention weights `(N, T, S)` or `(N, S)`, and the `source_ids` `(B, S)`, in which
            tokens outside the vocabulary have ids of their own, see above.

    Returns:
        Log-probs `(N, T, vocabulary_size + S)` or `(N, vocabulary_size + S)`, of at least float32;
        of what is impossible -3e38. With a coverage loss, `Copied` for hidden states of sequences.

    Raises:
        ValueError: if an argument is out of its range, or nothing was read.

    Reference: See, Liu and Manning, 2017, https://arxiv.org/abs/1704.04368
    Differs from the paper: the gate sees the hidden state, which depends on context, state and
    input, in place of these three.

    Example:
        >>> head = sz.heads.Copying(vocabulary_size=6)
        >>> source_ids = np.array([[4, 7, 3]])  # 7: outside the vocabulary, at position 1
        >>> weights = np.array([[[0.1, 0.8, 0.1]]], "float32")
        >>> log_probs = head(np.zeros((1, 1, 4), "float32"), reads=(weights, source_ids))
        >>> probabilities = keras.ops.exp(log_probs)[0, 0].numpy().astype("float64")
        >>> probabilities.round(3).tolist()  # half of it generated: 3, 4 and 5 alike
        [0.0, 0.0, 0.0, 0.217, 0.217, 0.167, 0.0, 0.4, 0.0]
    """

    def __init__(
        self,
        vocabulary_size: int,
        coverage_loss: float = 0.0,
        unknown_id: int = 1,
        impossible: Sequence[int] = (0, 1, 2),
        use_bias: bool = True,
        **kwargs,
    ):
        super().__init__(vocabulary_size, impossible=impossible, use_bias=use_bias, **kwargs)
        self.coverage_loss = coverage_loss
        self.unknown_id = unknown_id

    def build(self, hidden_shape):
        if not self.coverage_loss >= 0:
            raise ValueError(
                f"`coverage_loss` must be at least 0. Received: coverage_loss={self.coverage_loss}."
            )
        self.gate_kernel = self.add_weight((hidden_shape[-1], 1), name="gate_kernel")
        self.gate_bias = self.add_weight((1,), "zeros", name="gate_bias")
        super().build(hidden_shape)

    def known(self, token_ids):
        """Returns ids of the vocabulary, with `unknown_id` for those of tokens outside it."""
        unknown = ops.full_like(token_ids, self.unknown_id)
        return ops.where(token_ids < self.vocabulary_size, token_ids, unknown)

    def copyable(self, source_ids) -> Copyable:
        """Returns what of source ids `(B, S)` can be copied: a search asks once for it."""
        size = self.vocabulary_size
        ids = ops.cast(source_ids, "int32")
        examples, steps = ops.shape(ids)
        positions = ops.expand_dims(ops.arange(steps, dtype="int32"), 0) + ops.zeros_like(ids)
        is_copyable = ops.ones_like(ids, dtype="bool")
        for token in self.impossible:
            is_copyable = ops.logical_and(is_copyable, ids != token)
        ids = ops.where(is_copyable, ids, size + positions)
        buckets = ops.expand_dims(ops.arange(examples, dtype="int32") * (size + steps), 1) + ids
        backwards = ops.segment_max(
            ops.reshape(steps - 1 - positions, (-1,)),
            ops.reshape(buckets, (-1,)),
            num_segments=examples * (size + steps),
        )
        firsts = steps - 1 - gather(backwards, buckets)
        is_first = ops.logical_and(is_copyable, firsts == positions)
        return Copyable(ops.where(is_first, ids, size + positions), firsts, is_first, is_copyable)

    def call(self, hidden, mask=None, reads=None):
        if not isinstance(reads, (tuple, list)) or len(reads) != 2:
            raise ValueError(
                "A head that copies needs `reads`, the attention weights of the decoder and the "
                f"source ids. Received: reads={reads!r}. Call a decoder that attends with "
                "return_reads=True."
            )
        weights, source_ids = reads
        dtype = keras.backend.result_type(hidden.dtype, "float32")
        lowest = lowest_score(dtype)
        logits = ops.cast(super().call(hidden), dtype)
        logits = ops.where(self._possible(), logits, lowest)
        gate = affine(hidden, *self._gate())
        steps = ops.shape(weights)[-1]
        flat = ops.reshape(logits, (-1, self.vocabulary_size))
        mixed = _mixed(
            LogProbs(flat, ops.logsumexp(flat, axis=-1)),
            ops.reshape(gate, (-1,)),
            ops.reshape(weights, (-1, steps)),
            self.copyable(source_ids),
            lowest,
        )
        log_probs = mixed.logits - ops.expand_dims(mixed.log_sums, 1)
        shape = (*ops.shape(hidden)[:-1], self.vocabulary_size + steps)
        log_probs = ops.reshape(log_probs, shape)
        if not self.coverage_loss or len(hidden.shape) == 2:
            return log_probs
        return Copied(log_probs, coverage_losses(ops.cast(weights, dtype), mask))

    def _gate(self) -> tuple[Any, Any]:
        cast = self.compute_dtype
        return ops.cast(self.gate_kernel, cast), ops.cast(self.gate_bias, cast)

    def loss(self, y, outputs, weight, mask=None):
        """Returns the sum of the steps' losses and the sum of their weights, scalars.

        Args:
            y: Token ids `(...)`, of the vocabulary or of the source.
            outputs: What the call returned.
            weight: Float tensor `(...)`, 0 on padding.
            mask: As in other heads; the loss of a token depends on no other target.
        """
        _, at_target, weight = self._flat(y, outputs, weight)
        losses = -at_target
        if not hasattr(outputs, "dtype"):
            losses = losses + self.coverage_loss * ops.reshape(outputs[1], (-1,))
        return ops.sum(losses * weight), ops.sum(weight)

    def measure(self, y, outputs, weight, mask=None) -> list[tuple]:
        """Returns for each metric the arguments of its `update_state`."""
        log_probs, at_target, weight = self._flat(y, outputs, weight)
        correct = ops.cast(at_target >= ops.max(log_probs, axis=-1), log_probs.dtype)
        total = ops.sum(weight)
        return [(ops.sum(correct * weight), total), (-ops.sum(at_target * weight), total)]

    def _flat(self, y, outputs, weight):
        """Returns log-probs, those of the targets, and weights, with one row for each step.

        What is impossible counts as certain, and weighs nothing.
        """
        log_probs = self._log_probs_of(outputs)
        log_probs = ops.reshape(log_probs, (-1, ops.shape(log_probs)[-1]))
        at_target = values_at(ops.cast(ops.reshape(y, (-1,)), "int32"), log_probs)
        possible = at_target > lowest_score(log_probs.dtype) / 2
        weight = ops.cast(ops.reshape(weight, (-1,)), log_probs.dtype)
        zeros = ops.zeros_like(weight)
        return log_probs, ops.where(possible, at_target, zeros), ops.where(possible, weight, zeros)

    def _log_probs_of(self, outputs):
        """Returns the log-probs `(..., vocabulary_size + S)` of what the call returned."""
        return outputs if hasattr(outputs, "dtype") else outputs[0]

    def readout(self, outputs):
        """Returns log-probs `(..., vocabulary_size + S)`, float32, of the impossible -inf."""
        log_probs = ops.cast(self._log_probs_of(outputs), "float32")
        return ops.where(log_probs > lowest_score("float32") / 2, log_probs, -float("inf"))

    def stepper(self, width: int = 1):
        """Returns the log-probs of hidden states `(N, features)`, and of what they read.

        What they read is a tuple of the attention weights `(N, S)` and the `copyable` tokens of
        the sources, B rows. See `Tokens.stepper`.
        """
        tied = self._embedding is not None and width == 1
        kernel, bias = self._kernel(transposed=tied), self._bias(-float("inf"))
        gate = self._gate()
        impossible = tuple(int(token) for token in self.impossible)

        def log_probs(hidden, reads) -> LogProbs:
            weights, copyable = reads
            product = times_transposed(hidden, kernel) if tied else ops.matmul(hidden, kernel)
            logits = ops.cast(product if bias is None else ops.add(product, bias), "float32")
            generated = LogProbs(logits, log_sums(logits), impossible)
            gates = affine(hidden, *gate)[:, 0]
            return _mixed(generated, gates, weights, Copyable(*copyable), -float("inf"))

        return log_probs

    def decide(self, outputs, mask=None):
        """Returns the most probable token `(...)` int32; 0 at masked steps."""
        return super().decide(self._log_probs_of(outputs), mask)

    def get_config(self):
        config = super().get_config()
        del config["label_smoothing"]
        return config | {"coverage_loss": self.coverage_loss, "unknown_id": self.unknown_id}


def _mixed(
    generated: LogProbs, gates: Any, weights: Any, copyable: Copyable, lowest: float
) -> LogProbs:
    """Mixes what is generated with what is copied.

    Of each source, only the columns of its own tokens change, each once: nothing else is computed
    over the vocabulary.

    Args:
        generated: Of N rows and V tokens.
        gates: `(N,)`, before the sigmoid.
        weights: `(N, S)`, attention weights.
        copyable: Of B examples.
        lowest: The logit of impossible tokens.

    Returns:
        Those of N rows and V + S tokens.
    """
    logits, sums, impossible = generated
    dtype = logits.dtype
    rows, vocabulary = ops.shape(logits)
    examples, steps = ops.shape(copyable.columns)
    times = rows_per_example(rows, examples)
    columns, firsts, is_first, is_copyable = (
        ops.repeat(leaf, times, axis=0) for leaf in copyable
    )  # (B, S) -> (N, S)
    weights = ops.cast(weights, dtype)
    weights = ops.where(is_copyable, weights, ops.zeros_like(weights))
    row_numbers = ops.expand_dims(ops.arange(rows, dtype="int32"), 1)
    shares = ops.segment_sum(
        ops.reshape(weights, (-1,)),
        ops.reshape(row_numbers * steps + firsts, (-1,)),
        num_segments=rows * steps,
    )
    shares = ops.maximum(ops.reshape(shares, (rows, steps)), _SMALLEST_SHARE)
    # Weights of half precision do not add up to 1 exactly.
    totals = ops.sum(weights, axis=1)
    copies = totals > 0
    gates = ops.cast(gates, dtype)
    log_gates = ops.where(copies, ops.log_sigmoid(gates), ops.zeros_like(gates))
    sums = sums - log_gates  # log p + logit - sum = logit - (sum - log p)
    log_copying = ops.log_sigmoid(-gates) - ops.log(ops.where(copies, totals, 1.0))
    copied = ops.log(shares) + ops.expand_dims(log_copying + sums, 1)
    known = pick_in_rows(logits, ops.minimum(columns, vocabulary - 1))
    known = ops.where(columns < vocabulary, known, lowest)
    both = ops.where(is_first, _log_add(known, copied), lowest)
    wide = ops.concatenate([logits, ops.full((rows, steps), lowest, dtype=dtype)], axis=1)
    indices = ops.reshape(row_numbers * (vocabulary + steps) + columns, (-1, 1))
    wide = ops.scatter_update(ops.reshape(wide, (-1,)), indices, ops.reshape(both, (-1,)))
    return LogProbs(ops.reshape(wide, (rows, vocabulary + steps)), sums, impossible)


def _log_add(a: Any, b: Any) -> Any:
    """The logarithm of the sum of two exponentials, of which that of b is not 0."""
    return ops.maximum(a, b) + ops.log1p(ops.exp(-ops.abs(a - b)))
