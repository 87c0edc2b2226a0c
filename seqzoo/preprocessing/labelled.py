"""Inputs of any kind and their classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.data_forms import Kind, is_stream, read_examples
from seqzoo.preprocessing.labels import Labels, as_name
from seqzoo.preprocessing.limits import BoundedInputs, Limits
from seqzoo.preprocessing.packing import numbers_of, side_by_side

Inputs = dict[str, tf.Tensor]


class LabelledInputs(tf.Module):
    """What the preprocessors of classifiers share: the labels, and how examples are given.

    A subclass reads its kind of inputs: `raw_spec`, `as_raw`, `adapt_inputs`, `encode_inputs`,
    `encode_within`, `lengths` and `pack_inputs`.

    Args:
        labels: The names of the classes in the order of their ids, or `Labels`; None takes those
            of `adapt`.
        multi_label: Whether an input has any number of labels, instead of one.
    """

    def __init__(self, labels: Labels | Sequence[str] | None = None, multi_label: bool = False):
        super().__init__()
        self.labels = labels if isinstance(labels, Labels) else Labels(labels)
        self.multi_label = multi_label

    @property
    def kind(self) -> Kind:
        """What examples are read."""
        raise NotImplementedError

    @property
    def raw_spec(self) -> tf.TensorSpec:
        """What `serve` takes of this kind of inputs."""
        raise NotImplementedError

    def as_raw(self, inputs: Any) -> Any:
        """Checks a list of raw inputs and makes a tensor of it, or a ragged one."""
        raise NotImplementedError

    def adapt_inputs(self, raw: Any) -> None:
        """Makes what raw inputs need, such as a vocabulary; or an iterable of those of a stream."""
        raise NotImplementedError

    def encode_inputs(self, raw: Any) -> tf.RaggedTensor:
        """Rows `(B, None, …)` of raw inputs."""
        raise NotImplementedError

    def encode_within(self, raw: Any, limits: Limits) -> BoundedInputs:
        """`encode_inputs` of what a server gets, as far as limits allow."""
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

    def prepare(self, raw: Any) -> Inputs:
        """The model's inputs of raw inputs, see `pack_inputs`."""
        return self.pack_inputs(self.encode_inputs(raw))

    def raw_targets(self, y: tf.Tensor) -> tf.Tensor:
        """The label `(B,)` of each id, or the labels `(B, None)` of each row of 0 and 1."""
        if not self.multi_label:
            return self.labels.strings(y)
        names = tf.broadcast_to(tf.constant(self.labels.names), tf.shape(y))
        return tf.ragged.boolean_mask(names, y > 0)

    def adapt(self, pairs: Any, y: Any = None, columns: Mapping[str, str] | None = None) -> None:
        """Makes labels and vocabulary from examples; labels that were given stay.

        Args:
            pairs: Examples in any form that `examples` takes, or a stream, of which no more than a
                part is held in memory.
            y: Their labels, where `pairs` holds the inputs alone.
            columns: Names of the columns of a table by role, see `fit` of a task.
        """
        if is_stream(pairs):
            if self.labels.get_config()["names"] is None:
                self.labels.adapt(label for _, label in pairs)
            self.adapt_inputs(_InputsOf(pairs))
            return
        inputs, labels = self._two_lists(pairs, y, columns)
        if self.labels.get_config()["names"] is None:
            names = [self._names(label, index) for index, label in enumerate(labels)]
            self.labels.adapt(name for each in names for name in each)
        self.adapt_inputs(self.as_raw(inputs))

    def examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """Makes a dataset of raw inputs and their label, or list of labels, as strings.

        Args:
            x: Pairs of an input and its label (or labels) in any form that `fit` takes, or the
                inputs alone.
            y: The labels, where `x` holds the inputs alone.

        Raises:
            ValueError: if there are no examples, one is no pair, the numbers differ, or a label
                is unknown.
        """
        inputs, labels = self._two_lists(x, y)
        names = [self._names(label, index) for index, label in enumerate(labels)]
        for index, each in enumerate(names):
            self.labels.check(each, f"at index {index}")
        targets = tf.ragged.constant(names, tf.string, ragged_rank=1)
        if not self.multi_label:
            targets = targets.flat_values
        return tf.data.Dataset.from_tensor_slices((self.as_raw(inputs), targets))

    def _names(self, label: Any, index: int) -> list[str]:
        several = isinstance(label, (list, tuple, set, frozenset, np.ndarray))
        if several != self.multi_label:
            kind = "a list of labels" if self.multi_label else "one label"
            raise ValueError(
                f"Each input must have {kind}, since multi_label={self.multi_label}. Received: "
                f"{label!r} at index {index}."
            )
        listed: Any = label if several else [label]
        return [as_name(name, f" at index {index}") for name in listed]

    def _two_lists(self, x: Any, y: Any, columns: Any = None) -> tuple[list, list]:
        """Inputs and labels of examples in any form."""
        x, y, _ = read_examples(self.kind, x, y, columns=columns)
        if isinstance(x, tf.data.Dataset):
            rank = self.raw_spec.shape.rank - 1
            x = examples_of_dataset(x, y, "an input and its label", rank, int(self.multi_label))
        return two_lists(x, y)

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

    def pack_together(
        self, source: tf.RaggedTensor, target: tf.Tensor, members: tf.RaggedTensor
    ) -> tuple[Inputs, tf.Tensor, tf.Tensor]:
        """Puts several inputs into each row of a batch.

        Args:
            source: Encoded inputs `(N, None, …)`.
            target: Their labels, of `encode`.
            members: Ragged `(rows, None)`, the numbers of the inputs of each row.

        Returns:
            x, a dict of "inputs" `(B, S, …)`, "mask" `(B, S)`, "segment_ids" `(B, S)`, the numbers
            of the inputs within their rows from 1 on, 0 on padding, and "segments" `(B, G)`, these
            numbers for each label, 0 where a row has fewer; y `(B, G)` int32 or `(B, G, C)`
            float32; sample_weight of the shape of y.
        """
        values, segment_ids = side_by_side(source, members)
        missing = tf.maximum(0, 1 - tf.shape(segment_ids)[1])  # at least one step
        values = tf.pad(values, [[0, 0], [0, missing], *[[0, 0]] * (len(values.shape) - 2)])
        segment_ids = tf.pad(segment_ids, [[0, 0], [0, missing]])
        segments = numbers_of(members).to_tensor()
        x = {
            "inputs": values,
            "mask": segment_ids > 0,
            "segment_ids": segment_ids,
            "segments": segments,
        }
        y = tf.gather(target, members).to_tensor()
        weight = tf.cast(segments > 0, tf.float32)
        return x, y, weight[..., None] * tf.ones(tf.shape(y)) if self.multi_label else weight

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


class _InputsOf:
    """The inputs of a stream of pairs, which can be read more than once."""

    def __init__(self, pairs: Any):
        self._pairs = pairs

    def __iter__(self) -> Iterator[Any]:
        return (given for given, _ in self._pairs)


def examples_of_dataset(
    dataset: tf.data.Dataset, y: Any, kinds: str, input_rank: int, target_rank: int
) -> list[tuple[Any, Any]]:
    """Reads a dataset of pairs into a list, so that it is checked as a list is.

    Args:
        dataset: Finite and unbatched.
        y: What the user gave beside it; to be None.
        kinds: What a pair is made of, in words.
        input_rank: Dimensions of an input.
        target_rank: Dimensions of a target.

    Raises:
        ValueError: if it is batched, endless, or no dataset of pairs.
    """
    if y is not None:
        raise ValueError(
            f"A dataset holds the targets itself. Received `y` of {type(y).__name__} beside it. "
            "Zip the two with `tf.data.Dataset.zip`."
        )
    spec = dataset.element_spec
    specs = (tf.TensorSpec, tf.RaggedTensorSpec)
    if not (isinstance(spec, tuple) and len(spec) == 2 and all(isinstance(s, specs) for s in spec)):
        raise ValueError(
            f"Expected a dataset of pairs of {kinds}. Received elements of {spec}. Make pairs "
            "with `dataset.map`."
        )
    ranks = [each.shape.rank for each in spec]
    if None not in ranks and ranks != [input_rank, target_rank]:
        raise ValueError(
            f"Expected a dataset of pairs of {kinds}, of {input_rank} and {target_rank} "
            f"dimensions. Received elements of {spec}. Take batches apart with `dataset.unbatch()`."
        )
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError("Expected a finite corpus. Received an endless dataset: `take` a part.")
    return [tuple(map(_plain, pair)) for pair in dataset]


def _plain(tensor: Any) -> Any:
    """A scalar as a Python value, and texts and integers as lists; vectors stay an array."""
    if isinstance(tensor, tf.RaggedTensor):
        return tensor.to_list()
    array = tensor.numpy()
    return array if tensor.dtype.is_floating and tensor.shape.rank > 1 else np.array(array).tolist()


def two_lists(x: Any, y: Any) -> tuple[list, list]:
    """Returns inputs and targets, of which there must be at least one, as two lists."""
    if y is None:
        for index, pair in enumerate(x):
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ValueError(
                    "Expected a list of pairs of an input and its label. Received "
                    f"{str(pair)[:60]!r} at index {index}."
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
