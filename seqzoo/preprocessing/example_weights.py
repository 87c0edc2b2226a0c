"""How much examples and classes count in the loss, beyond what a preprocessor says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.labels import Labels
from seqzoo.preprocessing.preprocessor import Packer


class Weights(NamedTuple):
    """Weights beside those of a preprocessor; None is 1.

    Attributes:
        of_examples: Float32 `(N,)`.
        of_classes: Float32 `(C,)`, by the ids of labels.
    """

    of_examples: Any = None
    of_classes: Any = None

    def __bool__(self) -> bool:
        return any(part is not None for part in self)

    def apply(self, examples: tf.data.Dataset) -> tf.data.Dataset:
        """Puts the weight of each example beside its target."""
        if self.of_examples is None:
            return examples
        weights = tf.data.Dataset.from_tensor_slices(self.of_examples)
        return tf.data.Dataset.zip(examples, weights).map(lambda pair, w: (pair[0], (pair[1], w)))


NO_WEIGHTS = Weights()


class WeightedPacker:
    """Packs examples as another packer does, with weights multiplied by those given.

    Args:
        packer: Makes batches without them.
        weights: Those of examples stand beside the targets, `Weights.apply`.
    """

    def __init__(self, packer: Packer, weights: Weights):
        self._packer = packer
        self._weights = weights

    def encode(self, x: Any, y: Any) -> tuple[Any, Any]:
        if self._weights.of_examples is None:
            return self._packer.encode(x, y)
        target, weight = y
        source, target = self._packer.encode(x, target)
        return source, (target, weight)

    def pack(self, source: Any, target: Any) -> Any:
        of_examples = None
        if self._weights.of_examples is not None:
            target, of_examples = target
        x, y, weight = self._packer.pack(source, target)
        if of_examples is not None:
            shape = [-1, *[1] * (len(weight.shape) - 1)]
            weight *= tf.reshape(of_examples, shape)
        return x, y, self._by_class(y, weight)

    def pack_together(self, source: Any, target: Any, members: Any) -> Any:
        """Puts several examples into each row; weights of classes alone are known there."""
        x, y, weight = self._packer.pack_together(source, target, members)  # pyright: ignore[reportAttributeAccessIssue]
        return x, y, self._by_class(y, weight)

    def _by_class(self, y: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
        if self._weights.of_classes is None:
            return weight
        of_classes = tf.constant(self._weights.of_classes)
        if y.dtype.is_floating:  # with many labels, the positive decisions on a label count so
            return weight * tf.where(y > 0.5, of_classes, 1.0)
        return weight * tf.gather(of_classes, y)


def class_weights(class_weight: Mapping[Any, float], labels: Labels) -> np.ndarray:
    """Returns a weight for each label, 1 where none is given.

    Args:
        class_weight: Weights by label, or by id where no label is named so.
        labels: Those of the preprocessor.

    Raises:
        ValueError: if a key is no label, or a weight no number of at least 0.
    """
    weights = np.ones(len(labels), np.float32)
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            "`class_weight` is a dict of weights by label. Received: "
            f"{type(class_weight).__name__}. Give one such as {{{labels.names[0]!r}: 2.0}}."
        )
    for key, weight in class_weight.items():
        index = labels.index(key) if isinstance(key, (str, bytes, int, np.integer)) else -1
        if index < 0 and isinstance(key, (int, np.integer)) and 0 <= key < len(labels):
            index = int(key)
        if index < 0:
            raise ValueError(
                f"`class_weight` has weights by label. Received: {key!r}. Known: "
                f"{', '.join(labels.names[:20])}{', …' if len(labels) > 20 else ''}."
            )
        if not isinstance(weight, (int, float, np.number)) or not 0 <= weight < np.inf:
            raise ValueError(
                f"`class_weight` has numbers of at least 0. Received: {weight!r} for {key!r}."
            )
        weights[index] = weight
    return weights
