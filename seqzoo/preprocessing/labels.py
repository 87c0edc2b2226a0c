"""The names of classes or tags, and their ids."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import Text
from seqzoo.preprocessing.text_normalization import unicode_normalize


@keras.saving.register_keras_serializable(package="seqzoo")
class Labels(tf.Module):
    """Turns the names of classes into ids from 0 on, and back, in the graph.

    Names are in the Unicode normal form NFC, and a name in another form is the same label.

    Args:
        names: The names in the order of their ids, instead of `adapt`.

    Raises:
        ValueError: if there are fewer than two, or two of them are one label.

    `ids` takes a string tensor of any shape, such as `(B,)`, and `strings` one of ids.

    Example:
        >>> import tensorflow as tf
        >>> labels = sz.preprocessing.Labels(["bad", "good"])
        >>> labels.ids(tf.constant(["good", "bad"])).numpy().tolist(), labels.index("good")
        ([1, 0], 1)
    """

    unknown_id = -1

    def __init__(self, names: Sequence[str] | None = None):
        super().__init__()
        self._names: Any = None  # an array, since tf.Module would wrap a list
        self._normal_names: Any = None
        self._table: Any = None
        if names is not None:
            self._set_names(_distinct_names(names))

    def adapt(self, names: Iterable[Text]) -> None:
        """Takes all different names of an iterable, in the order of their code points.

        Raises:
            ValueError: if there are fewer than two.
        """
        self._set_names(sorted({as_name(name) for name in names}))

    def _set_names(self, names: Sequence[str]) -> None:
        if len(names) < 2:
            raise ValueError(
                "There must be at least two different labels: a model of one class has nothing to "
                f"learn. Received: {list(names)}. Check the examples."
            )
        self._names = np.array(names, dtype=object)
        # A saved file may hold names in other forms, two of one label even: the first gets it.
        self._normal_names = np.array([as_name(name) for name in names], dtype=object)
        ids = {name: self.index(name) for name in self._normal_names}
        entries = tf.lookup.KeyValueTensorInitializer(
            tf.constant(list(ids)), tf.constant(list(ids.values()), tf.int32)
        )
        self._table = tf.lookup.StaticHashTable(entries, default_value=self.unknown_id)

    @property
    def names(self) -> list[str]:
        """The names in the order of their ids."""
        self._require_names()
        return self._names.tolist()

    def __len__(self) -> int:
        return len(self.names)

    def ids(self, strings: tf.Tensor) -> tf.Tensor:
        """Ids int32 of names, a tensor or a ragged one of any shape; -1 for an unknown name."""
        self._require_names()
        if isinstance(strings, tf.RaggedTensor):
            return strings.with_flat_values(self.ids(strings.flat_values))
        if not all(map(str.isascii, self._normal_names)):  # else the normal form changes nothing
            flat = unicode_normalize(tf.reshape(strings, [-1]), "nfc")
            strings = tf.reshape(flat, tf.shape(strings))
        return self._table.lookup(strings)

    def index(self, name: Any) -> int:
        """Id of the label of an example, -1 for an unknown one; see `as_name`."""
        self._require_names()
        matches = np.flatnonzero(self._normal_names == as_name(name))
        return int(matches[0]) if len(matches) else self.unknown_id

    def strings(self, ids: tf.Tensor) -> tf.Tensor:
        """Names of ids, same shape."""
        return tf.gather(tf.constant(self.names), ids)

    def check(self, names: Iterable[str], where: str) -> None:
        """Raises a ValueError that says where it is, if a name, see `as_name`, is unknown."""
        self._require_names()
        for name in sorted(set(names).difference(self._normal_names)):
            raise ValueError(
                f"Unknown label {name!r} {where}. Known from the training: "
                f"{', '.join(self.names[:20])}{', …' if len(self) > 20 else ''}. Correct it, or "
                "adapt the preprocessor to examples that hold it, before the model is made."
            )

    def get_config(self) -> dict[str, Any]:
        return {"names": None if self._names is None else self.names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Labels:
        labels = cls()
        if config["names"] is not None:
            labels._set_names(config["names"])  # as they are: answers stay what they were
        return labels

    def _require_names(self) -> None:
        if self._names is None:
            raise ValueError("There are no labels yet. Call the preprocessor's `adapt` first.")


def as_name(label: Any, where: str = "") -> str:
    """Returns a label as text in the normal form NFC, in which the same label is the same text.

    Bytes are UTF-8, and an integer, also as a float, stands for its digits.

    Args:
        label: Of an example.
        where: Says in an error which example it is.

    Raises:
        ValueError: if the label is anything else, None or an empty text.
    """
    if isinstance(label, (bytes, np.bytes_)):
        with contextlib.suppress(UnicodeDecodeError):
            label = label.decode("utf-8")
    if isinstance(label, (float, np.floating)) and float(label).is_integer():
        label = int(label)  # as in a frame whose column lacks a value elsewhere
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool):
        return str(int(label))
    if isinstance(label, str) and label:
        return unicodedata.normalize("NFC", label)
    raise ValueError(
        f"A label is a text that is not empty, or an integer. Received: {label!r}{where}. Give "
        "each example its label, or leave the example out."
    )


def _distinct_names(given: Sequence[Any]) -> list[str]:
    """Returns given labels as names.

    Raises:
        ValueError: if two are one label.
    """
    names: dict[str, Any] = {}
    for index, label in enumerate(given):
        name = as_name(label, f" at index {index}")
        if name in names:
            raise ValueError(
                f"Each label must be given once. Received: {names[name]!a} and "
                f"{label!a}, which are the same label {name!r}. Leave one of them out."
            )
        names[name] = label
    return list(names)
