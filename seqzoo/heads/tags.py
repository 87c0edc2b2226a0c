"""The head that predicts a tag for every step."""

from collections.abc import Sequence

import keras
from keras import ops

from seqzoo.layers.crf import CRF, Pair
from seqzoo.metrics.tokens import TokenAccuracy
from seqzoo.ops import crf
from seqzoo.ops.affine import affine
from seqzoo.ops.losses import token_cross_entropy


@keras.saving.register_keras_serializable(package="seqzoo")
class Tags(keras.layers.Layer):
    """Potentials of the tags of each step, and the loss of a softmax or of a CRF.

    With a CRF the loss is the negative log-likelihood of the whole sequence of tags; without, it
    is that of each tag. Either way the answer is the best sequence with no forbidden pair.

    Args:
        tag_count: Int, at least 2.
        crf: Whether scores of which tag follows which are learned.
        forbidden: Pairs of tags that may not follow each other; see `layers.CRF`.
        label_smoothing: See `Tokens`; without a CRF only.
        class_weights: One weight for each tag. Without a CRF a step counts as much as its tag
            does, with one a sentence counts as much as its tags do on average. A step of weight 0
            stays a step of its sentence.

    Call arguments:
        hidden: Float tensor `(B, T, features)`.

    Returns:
        Potentials `(B, T, tag_count)`.

    Raises:
        ValueError: when built, if an argument is out of its range.

    Example:
        >>> head = sz.heads.Tags(tag_count=3)
        >>> keras.ops.shape(head(np.ones((2, 4, 5), "float32")))
        (2, 4, 3)
    """

    def __init__(
        self,
        tag_count: int,
        crf: bool = True,
        forbidden: Sequence[Pair] = (),
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.tag_count = tag_count
        self.crf = crf
        self.forbidden = forbidden
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights
        self.supports_masking = True
        self.field = CRF(tag_count, forbidden, learned=crf, dtype=self.dtype_policy, name="field")

    def build(self, hidden_shape):
        self._check()
        self.kernel = self.add_weight((hidden_shape[-1], self.tag_count), name="kernel")
        self.bias = self.add_weight((self.tag_count,), "zeros", name="bias")
        self.field.build((*hidden_shape[:-1], self.tag_count))
        self.built = True

    def _check(self):
        if self.tag_count < 2:
            raise ValueError(f"`tag_count` must be at least 2. Received: {self.tag_count}.")
        if not 0 <= self.label_smoothing < 1 or (self.crf and self.label_smoothing):
            raise ValueError(
                "`label_smoothing` must be at least 0 and below 1, and 0 with a CRF, whose loss "
                f"is of whole sequences. Received: label_smoothing={self.label_smoothing}."
            )
        weights = self.class_weights
        if weights is not None and (len(weights) != self.tag_count or min(weights) < 0):
            raise ValueError(
                f"`class_weights` must be {self.tag_count} numbers of at least 0. "
                f"Received: class_weights={list(weights)}."
            )

    def call(self, hidden, mask=None, reads=None):
        cast = self.compute_dtype
        return affine(hidden, ops.cast(self.kernel, cast), ops.cast(self.bias, cast))

    def loss(self, y, outputs, weight, mask=None):
        """Returns the sum of the losses and the sum of the weights of the steps, scalars.

        They are float64 where the potentials are, else float32.

        Args:
            y: Tag ids `(B, T)`, or `(B, G, T)` for G sentences of each row, as all that follows.
            outputs: Potentials `(B, T, tag_count)`.
            weight: Float tensor `(B, T)`. With a CRF, a sentence weighs as much as its real steps
                do on average.
            mask: Boolean `(B, T)`, True on real steps; None where all are. It alone says which
                steps a sequence has, whatever they weigh.
        """
        dtype = keras.backend.result_type(outputs.dtype, "float32")
        y, outputs, weight, mask = self._by_sentence(y, outputs, weight, mask)
        y, weight = ops.cast(y, "int32"), ops.cast(weight, dtype)
        mask = _all_if_none(mask, outputs)
        weight = ops.where(mask, weight, ops.zeros_like(weight))
        if self.class_weights is not None:
            weight = weight * ops.take(ops.convert_to_tensor(self.class_weights, dtype), y)
        if not self.crf:
            logits = ops.cast(ops.reshape(outputs, (-1, self.tag_count)), dtype)
            losses = token_cross_entropy(ops.reshape(y, (-1,)), logits, self.label_smoothing)
            return ops.sum(losses * ops.reshape(weight, (-1,))), ops.sum(weight)
        steps = ops.maximum(ops.sum(ops.cast(mask, dtype), axis=1), 1.0)
        losses = -self.field.log_likelihood(self.field(outputs, mask=mask), y, mask)
        return ops.sum(losses * ops.sum(weight, axis=1) / steps), ops.sum(weight)

    def make_metrics(self) -> list[keras.metrics.Metric]:
        """Returns fresh metrics, in the order of `measure`."""
        return [TokenAccuracy()]

    def measure(self, y, outputs, weight, mask=None) -> list[tuple]:
        """Returns for each metric the arguments of its `update_state`; see `loss`."""
        y, outputs, weight, mask = self._by_sentence(y, outputs, weight, mask)
        weight = ops.cast(weight, "float32")
        mask = _all_if_none(mask, outputs)
        weight = ops.where(mask, weight, ops.zeros_like(weight))
        correct = ops.equal(self.decide(outputs, mask), ops.cast(y, "int32"))
        return [(ops.sum(ops.cast(correct, "float32") * weight), ops.sum(weight))]

    def _by_sentence(self, y, outputs, weight, mask):
        """Returns targets, potentials, weights and mask with one sentence in each row."""
        if len(outputs.shape) == 3:
            return y, outputs, weight, mask
        time = ops.shape(outputs)[2]
        outputs = ops.reshape(outputs, (-1, time, self.tag_count))
        others = (y, weight) if mask is None else (y, weight, mask)
        y, weight, *mask = (ops.reshape(each, (-1, time)) for each in others)
        return y, outputs, weight, *(mask or [None])

    def readout(self, outputs, mask=None):
        """Returns the probability of each tag at each step `(B, T, tag_count)`, float32."""
        if not (self.crf or len(self.forbidden)):
            return ops.softmax(ops.cast(outputs, "float32"), axis=-1)
        mask = _all_if_none(mask, outputs)
        potentials = self.field(outputs, mask=mask)
        return crf.marginals(potentials, self.field.transition_scores(), mask)

    def decide(self, outputs, mask=None):
        """Returns the best tags `(B, T)` int32; 0 at masked steps."""
        mask = _all_if_none(mask, outputs)
        if not (self.crf or len(self.forbidden)):
            return ops.where(mask, ops.cast(ops.argmax(outputs, axis=-1), "int32"), 0)
        potentials = self.field(outputs, mask=mask)
        return crf.viterbi(potentials, self.field.transition_scores(), mask)[0]

    def decide_n_best(self, outputs, mask, n: int):
        """Returns the `n` best sequences of tags `(B, n, T)` and their log-probs `(B, n)`.

        Where a row has fewer sequences, the rest have a log-prob of -inf.
        """
        potentials, moves = self.field(outputs, mask=mask), self.field.transition_scores()
        tags, scores = crf.viterbi_n_best(potentials, moves, mask, n)
        return tags, scores - crf.log_partition(potentials, moves, mask)[:, None]

    def get_config(self):
        weights = self.class_weights
        return super().get_config() | {
            "tag_count": self.tag_count,
            "crf": self.crf,
            "forbidden": [list(pair) for pair in self.forbidden],
            "label_smoothing": self.label_smoothing,
            "class_weights": None if weights is None else [float(weight) for weight in weights],
        }


def _all_if_none(mask, outputs):
    """Returns the mask `(B, T)` as booleans; None is that of outputs whose steps are all real."""
    return ops.ones(ops.shape(outputs)[:2], "bool") if mask is None else ops.cast(mask, "bool")
