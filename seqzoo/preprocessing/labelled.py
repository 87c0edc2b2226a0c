"""Inputs of any kind and their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.labels import Labels, as_name

Inputs = dict[str, tf.Tensor]


class LabelledInputs(tf.Module):
    """What the preprocessors of classifiers share: the labels, and how examples are given.

    A subclass reads its kind of inputs: `raw_spec`, `as_raw`, `adapt_inputs`, `encode_inputs`,
    `lengths` and `pack_inputs`.

    Args:
        labels: The names of the classes in the order of their ids, or `Labels`; None takes those
            that `adapt` finds.
        multi_label: Whether an input has any number of labels, in place of one.
    """

    def __init__(self, labels: Labels | Sequence[str] | None = None, multi_label: bool = False):
        super().__init__()
        self.labels = labels if isinstance(labels, Labels) else Labels(labels)
        self.multi_label = multi_label

    def raw_spec(self) -> tf.TensorSpec:
        """What `serve` takes of this kind of inputs."""
        raise NotImplementedError

    def as_raw(self, inputs: Any) -> Any:
        """Checks a list of raw inputs and makes a tensor of it, or a ragged one."""
        raise NotImplementedError

    def adapt_inputs(self, raw: Any) -> None:
        """Makes what the inputs need, such as a vocabulary."""
        raise NotImplementedError

    def encode_inputs(self, raw: Any) -> tf.RaggedTensor:
        """Rows `(B, None, …)` of raw inputs."""
        raise NotImplementedError

    def lengths(self, raw: Any) -> np.ndarray:
        """Steps of each raw input `(B,)`."""
        raise NotImplementedError

    def pack_inputs(self, encoded: tf.RaggedTensor) -> Inputs:
        """The model's inputs: "inputs" `(B, S, …)` and "mask" `(B, S)`, True on real steps."""
        raise NotImplementedError

    def pad(self, raw: Any) -> tf.Tensor:
        """Raw inputs as `raw_spec` describes them."""
        return raw

    def adapt(self, pairs: Any, y: Any = None) -> None:
        """Makes labels and vocabulary from examples; labels that were given stay.

        Args:
            pairs: Examples in any form that `examples` takes.
            y: Their labels, where `pairs` holds the inputs alone.
        """
        inputs, labels = _two_lists(pairs, y)
        if self.labels.get_config()["names"] is None:
            flat = [name for each in labels for name in each] if self.multi_label else labels
            self.labels.adapt(flat)
        self.adapt_inputs(self.as_raw(inputs))

    def examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """Makes a dataset of raw inputs and their label, or list of labels, as strings.

        Args:
            x: List of pairs of an input and its label (or labels), or a `tf.data.Dataset` of
                them, or the inputs alone.
            y: The labels, where `x` holds the inputs alone.

        Raises:
            ValueError: if there are no examples, one is no pair, the numbers differ, or a label
                is unknown.
        """
        if isinstance(x, tf.data.Dataset) and y is None:
            return x
        inputs, labels = _two_lists(x, y)
        names = [self._names(label, place) for place, label in enumerate(labels)]
        for place, each in enumerate(names):
            self.labels.check(each, f"at place {place}")
        targets = tf.ragged.constant(names, tf.string, ragged_rank=1)
        if not self.multi_label:
            targets = targets.flat_values
        return tf.data.Dataset.from_tensor_slices((self.as_raw(inputs), targets))

    def _names(self, label: Any, place: int) -> list[str]:
        several = isinstance(label, (list, tuple, set, frozenset, np.ndarray))
        if several != self.multi_label:
            wanted = "a list of labels" if self.multi_label else "one label"
            raise ValueError(
                f"Each input wants {wanted}, since multi_label={self.multi_label}. Received: "
                f"{label!r} at place {place}."
            )
        return [as_name(name) for name in (label if several else [label])]

    def __call__(self, x: Any, y: Any) -> tuple[Inputs, tf.Tensor, tf.Tensor]:
        """Makes a training batch of raw inputs and labels; see `pack` for what it holds."""
        return self.pack(*self.encode(x, y))

    def encode(self, x: Any, y: Any) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Rows of the inputs, and label ids `(B,)`, or `(B, C)` of 0 and 1 for many labels."""
        ids = self.labels.ids(y)
        flat = ids.flat_values if isinstance(ids, tf.RaggedTensor) else ids
        tf.debugging.assert_greater_equal(
            flat, 0, f"A label is none of those of the training: {self.labels.names[:20]}."
        )
        if self.multi_label:
            hot = ids.with_flat_values(tf.one_hot(flat, len(self.labels)))  # (B, None, C)
            ids = tf.minimum(tf.reduce_sum(hot, axis=1), 1.0)
        return self.encode_inputs(x), ids

    def pack(self, source: Any, target: tf.Tensor) -> tuple[Inputs, tf.Tensor, tf.Tensor]:
        """Pads encoded rows to one batch.

        Returns:
            x, see `pack_inputs`; y int32 `(B,)` or float32 `(B, C)`; sample_weight float32, ones
            of the shape of y.
        """
        return self.pack_inputs(source), target, tf.ones(tf.shape(target))

    def get_config(self) -> dict[str, Any]:
        return {
            "labels": keras.saving.serialize_keras_object(self.labels),
            "multi_label": self.multi_label,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LabelledInputs:
        deserialize = keras.saving.deserialize_keras_object
        parts = {k: deserialize(v) if isinstance(v, dict) else v for k, v in config.items()}
        return cls(**parts)


def _two_lists(x: Any, y: Any) -> tuple[list, list]:
    """Inputs and labels of examples in any form."""
    if isinstance(x, tf.data.Dataset):
        x = list(x.as_numpy_iterator())
    if y is None:
        for place, pair in enumerate(x):
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ValueError(
                    "A list of pairs of an input and its label is wanted. Received "
                    f"{str(pair)[:60]!r} at place {place}."
                )
        x, y = [source for source, _ in x], [target for _, target in x]
    x, y = list(x), list(y)
    if len(x) != len(y):
        raise ValueError(
            f"Received {len(x)} inputs but {len(y)} labels. Give one for each, in the same order."
        )
    if not x:
        raise ValueError("There are no examples. Give at least one pair of an input and a label.")
    return x, y
