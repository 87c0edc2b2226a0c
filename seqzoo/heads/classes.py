"""The head that predicts one class of a whole input, or any number of them."""

from collections.abc import Sequence

import keras
from keras import ops

from seqzoo.ops.affine import affine
from seqzoo.ops.losses import binary_cross_entropy, token_cross_entropy


@keras.saving.register_keras_serializable(package="seqzoo")
class Classes(keras.layers.Layer):
    """Logits of the classes of an input, and their cross-entropy.

    `temperature` divides the logits before they become probabilities, and `thresholds` are the
    probabilities from which on an input has a label. They are weights that are not trained:
    `Classifier.calibrate` and `Classifier.tune_thresholds` set them.

    Args:
        class_count: Int, at least 2; with `multi_label`, at least 1.
        multi_label: Whether an input has any number of labels, each decided on its own,
            instead of one.
        label_smoothing: From 0 to below 1: the share of the target's probability that is spread
            evenly over the classes in the loss (Szegedy et al., 2016).
        class_weights: One weight for each class; an input counts in the loss as much as its class
            does (with `multi_label`, the positive decisions on a label do). None weighs all alike.
        dropout: From 0 to below 1: the share of the features that are set to 0 in training.

    Call arguments:
        hidden: Float tensor `(B, features)`, or `(B, G, features)` for G inputs of each row.

    Returns:
        Logits `(B, class_count)`, or `(B, G, class_count)`.

    Raises:
        ValueError: when built, if an argument is out of its range.

    Example:
        >>> head = sz.heads.Classes(class_count=3, dropout=0.1)
        >>> keras.ops.shape(head(np.ones((2, 5), "float32")))
        (2, 3)
    """

    def __init__(
        self,
        class_count: int,
        multi_label: bool = False,
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.class_count = class_count
        self.multi_label = multi_label
        self.label_smoothing = label_smoothing
        self.class_weights = class_weights
        self.dropout = dropout
        self.supports_masking = True
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, hidden_shape):
        self._check()
        shape = (hidden_shape[-1], self.class_count)
        self.kernel = self.add_weight(shape, name="kernel")
        self.bias = self.add_weight((self.class_count,), "zeros", name="bias")
        fixed = {"trainable": False, "dtype": "float32"}
        self.temperature = self.add_weight((), "ones", name="temperature", **fixed)
        self.thresholds = None
        if self.multi_label:
            middle = keras.initializers.Constant(0.5)
            self.thresholds = self.add_weight(
                (self.class_count,), middle, name="thresholds", **fixed
            )
        self.built = True

    def _check(self):
        least = 1 if self.multi_label else 2
        if self.class_count < least:
            raise ValueError(
                f"`class_count` must be at least {least}. Received: class_count={self.class_count}."
            )
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                "`label_smoothing` must be at least 0 and below 1. Received: "
                f"label_smoothing={self.label_smoothing}."
            )
        weights = self.class_weights
        if weights is not None and (len(weights) != self.class_count or min(weights) < 0):
            raise ValueError(
                f"`class_weights` must be {self.class_count} numbers of at least 0. "
                f"Received: class_weights={list(weights)}."
            )

    def call(self, hidden, mask=None, reads=None, training=False):
        features = self.drop(hidden, training=training)
        cast = self.compute_dtype
        return affine(features, ops.cast(self.kernel, cast), ops.cast(self.bias, cast))

    def compute_mask(self, hidden, mask=None):
        return None  # the outputs have no steps

    def loss(self, y, outputs, weight, mask=None):
        """Returns the sum of the losses and the sum of their weights, scalars.

        They are float64 where the logits are, else float32.

        Args:
            y: Class ids `(...)`; with `multi_label` 0 or 1 `(..., class_count)`.
            outputs: Logits `(..., class_count)`.
            weight: Float tensor of the shape of `y`.
            mask: As in other heads; the classes of an input depend on no other input.
        """
        dtype = keras.backend.result_type(outputs.dtype, "float32")
        logits, weight = ops.cast(outputs, dtype), ops.cast(weight, dtype)
        if self.multi_label:
            y = ops.cast(y, dtype)
            losses = binary_cross_entropy(self._smooth(y), logits)
        else:
            y, weight = (ops.reshape(each, (-1,)) for each in (y, weight))
            logits = ops.reshape(logits, (-1, self.class_count))
            losses = token_cross_entropy(y, logits, self.label_smoothing)
        if self.class_weights is not None:
            weight = weight * ops.cast(self._weights_of(y), dtype)
        return ops.sum(losses * weight), ops.sum(weight)

    def _smooth(self, y):
        return y * (1 - self.label_smoothing) + self.label_smoothing / 2  # of yes and no

    def _weights_of(self, y):
        weights = ops.convert_to_tensor(self.class_weights, "float32")
        if self.multi_label:
            return ops.where(y > 0.5, weights, ops.ones_like(weights))
        return ops.take(weights, ops.cast(y, "int32"), axis=0)

    def make_metrics(self) -> list[keras.metrics.Metric]:
        """Returns fresh metrics, in the order of `measure`."""
        return [keras.metrics.Mean(name="accuracy")]

    def measure(self, y, outputs, weight, mask=None) -> list[tuple]:
        """Returns for each metric the arguments of its `update_state`.

        The accuracy is the share of inputs whose class is right; with `multi_label`, the share
        of all decisions on a label.
        """
        gold = ops.cast(y, "float32") > 0.5 if self.multi_label else ops.cast(y, "int32")
        right = ops.equal(self.decide(outputs), gold)
        return [(ops.cast(right, "float32"), weight)]

    def readout(self, outputs):
        """Returns probabilities `(B, class_count)`, float32."""
        logits = ops.cast(outputs, "float32") / self.temperature
        return ops.sigmoid(logits) if self.multi_label else ops.softmax(logits, axis=-1)

    def decide(self, outputs, mask=None):
        """Returns the class id `(B,)` int32; with `multi_label` whether it has a label `(B, C)`."""
        if self.multi_label:
            return self.readout(outputs) >= self.thresholds
        return ops.cast(ops.argmax(outputs, axis=-1), "int32")

    def get_config(self):
        weights = self.class_weights
        return super().get_config() | {
            "class_count": self.class_count,
            "multi_label": self.multi_label,
            "label_smoothing": self.label_smoothing,
            "class_weights": None if weights is None else [float(weight) for weight in weights],
            "dropout": self.dropout,
        }
