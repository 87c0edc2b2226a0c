"""The names of classes or tags, and their ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import Text


@keras.saving.register_keras_serializable(package="seqzoo")
class Labels(tf.Module):
    """Turns the names of classes into ids from 0 on, and back, in the graph.

    Args:
        names: The names in the order of their ids, instead of `adapt`.
    """

    unknown_id = -1

    def __init__(self, names: Sequence[str] | None = None):
        super().__init__()
        self._names: Any = None  # an array, since tf.Module would wrap a list
        self._table: Any = None
        if names is not None:
            self._set_names(names)

    def adapt(self, names: Iterable[Text]) -> None:
        """Takes all different names of an iterable, in the order of their code points.

        Raises:
            ValueError: if there are fewer than two.
        """
        self._set_names(sorted({as_name(name) for name in names}))

    def _set_names(self, names: Sequence[str]) -> None:
        if len(set(names)) < max(2, len(names)) or "" in names:
            raise ValueError(
                "There must be at least two different labels, none of them empty: a model of one "
                f"class has nothing to learn. Received: {list(names)[:20]}. Check the examples."
            )
        self._names = np.array(names, dtype=object)
        indices = tf.range(len(names), dtype=tf.int32)
        entries = tf.lookup.KeyValueTensorInitializer(tf.constant(list(names)), indices)
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
        return self._table.lookup(strings)

    def strings(self, ids: tf.Tensor) -> tf.Tensor:
        """Names of ids, same shape."""
        return tf.gather(tf.constant(self.names), ids)

    def check(self, names: Iterable[str], where: str) -> None:
        """Raises a ValueError that says where it is, if a name is unknown."""
        for name in sorted(set(names).difference(self.names)):
            raise ValueError(
                f"Unknown label {name!r} {where}. Known from the training: "
                f"{', '.join(self.names[:20])}{', …' if len(self) > 20 else ''}. Correct it, or "
                "adapt the preprocessor to examples that hold it, before the model is made."
            )

    def get_config(self) -> dict[str, Any]:
        return {"names": None if self._names is None else self.names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Labels:
        return cls(**config)

    def _require_names(self) -> None:
        if self._names is None:
            raise ValueError("There are no labels yet. Call the preprocessor's `adapt` first.")


def as_name(label: Any, where: str = "") -> str:
    """Returns a label as text: bytes are UTF-8, and an integer stands for its digits.

    Args:
        label: Of an example.
        where: Says in an error which example it is.

    Raises:
        ValueError: if the label is anything else, None or an empty text.
    """
    if isinstance(label, (bytes, np.bytes_)):
        label = label.decode("utf-8")
    if isinstance(label, str) and label:
        return str(label)
    if isinstance(label, (int, np.integer)) and not isinstance(label, bool):
        return str(int(label))
    raise ValueError(
        f"A label is a text that is not empty, or an integer. Received: {label!r}{where}. Give "
        "each example its label, or leave the example out."
    )
