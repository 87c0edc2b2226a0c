"""Tables of any library: which of their named columns hold what a task learns from."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.datasets.tables import KNOWN_NAMES

_KNOWN = KNOWN_NAMES | {
    "tokens": ("tokens", "words"),
    "sequence": ("sequence", "seq", "dna", "protein", "input"),
    "tags": ("tags", "labels", "ner_tags", "pos_tags", "chunk_tags", "upos"),
    "inputs": ("inputs", "vectors", "features", "frames"),
}
WEIGHT = "weight"


class Table(NamedTuple):
    """Named columns of equal length, of a dict, a frame or a data set of a hub.

    Attributes:
        names: Of the columns.
        column: Returns the values of a column as a list.
    """

    names: list[str]
    column: Callable[[str], list]


def as_table(data: Any) -> Table | None:
    """Returns a table of what has named columns, or None.

    No library is imported for it: a dict of columns; what has `columns`, as frames of pandas and
    polars; or `column_names`, as tables of pyarrow and data sets of Hugging Face.

    Raises:
        ValueError: if it holds several splits.
    """
    refuse_splits(data)
    if isinstance(data, Mapping):
        return Table(list(data), lambda name: listed(data[name]))
    if hasattr(data, "collect_schema") and hasattr(data, "collect"):  # a lazy frame of polars
        data = data.collect()
    names = getattr(data, "column_names", None)
    names = getattr(data, "columns", None) if names is None else names
    if names is None or not hasattr(data, "__len__") or not hasattr(data, "__getitem__"):
        return None
    by_text = {str(name): name for name in names}

    def column(name: str) -> list:
        return _class_names(data, name, listed(data[by_text[name]]))

    return Table(list(by_text), column)


def refuse_splits(data: Any) -> None:
    """Raises ValueError for a dict of data sets, or a tuple of them and what is known of them."""
    if isinstance(data, Mapping) and data:
        first = next(iter(data.values()))
        if isinstance(first, tf.data.Dataset) or hasattr(first, "column_names"):
            names = ", ".join(map(str, data))
            raise ValueError(
                f"Expected one set of examples. Received several by name: {names}. Give one, such "
                f"as data[{next(iter(data))!r}]."
            )
    if isinstance(data, tuple) and len(data) == 2 and hasattr(data[1], "splits"):
        raise ValueError(
            "Expected one set of examples. Received a tuple of it and its description, as "
            "`tfds.load(with_info=True)` gives it. Give the first of the two."
        )


def choose_columns(
    names: Sequence[str], roles: Sequence[str], columns: Mapping[str, str] | None
) -> dict[str, str]:
    """Returns the names of columns by role, and the weight's if it is named.

    A column that is not named has the name of its role, or is the only one with another usual
    name of it, which is told on stderr; or it is the only column.

    Args:
        names: Of all columns.
        roles: What is needed of each example.
        columns: Names of columns by role.

    Raises:
        ValueError: if a column is missing or cannot be told.
    """
    named = dict(columns or {})
    for role, name in named.items():
        if role not in (*roles, WEIGHT):
            allowed = ", ".join(map(repr, (*roles, WEIGHT)))
            raise ValueError(
                f"`columns` names the columns of {allowed}. Received: {role!r}. Correct or leave "
                "it out."
            )
        if name not in names:
            close = difflib.get_close_matches(str(name), names, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"`columns` must name a column for {role!r}. Received: {name!r}.{hint} There are "
                f"{_listing(names)}."
            )
    chosen, guessed = named, []
    for role in roles:
        left = [name for name in names if name not in chosen.values()]
        known = [name for name in left if name.strip().lower() in _KNOWN.get(role, ())]
        if role in chosen:
            continue
        if role in left:
            chosen[role] = role
        elif len(known) == 1 or len(names) == len(roles) == 1:
            chosen[role] = (known or left)[0]
            guessed.append(role)
        else:
            which = f", of which {_listing(known)} could be it" if known else ""
            raise ValueError(
                f"Expected a column {role!r}. Received: {_listing(names)}{which}. Name it by "
                f"columns={{{role!r}: …}}."
            )
    if guessed:
        told = ", ".join(f"{role} is the column {chosen[role]!r}" for role in guessed)
        print(f"seqzoo: {told} (`columns` names another)", file=sys.stderr)
    return chosen


def listed(values: Any) -> list:
    """Returns the values of a column, an array or a tensor as a list; rows of numbers as arrays."""
    for method in ("to_pylist", "to_list"):  # of pyarrow; of pandas, polars and ragged tensors
        if hasattr(values, method):
            return getattr(values, method)()
    if tf.is_tensor(values):
        values = values.numpy()
    if isinstance(values, np.ndarray) and (values.dtype.kind in "OSUT" or values.ndim == 1):
        return values.tolist()
    return list(values)


def check_texts(values: Sequence[Any], column: str) -> None:
    """Raises ValueError for a row of a column of texts that holds something else."""
    for index, value in enumerate(values):
        if isinstance(value, (str, bytes)):
            continue
        if value is None or value != value or type(value).__name__ == "NAType":
            advice = "Leave such rows out, for example by `dropna` or `drop_nulls`."
        else:
            advice = "Name another column by `columns`, or make texts of the values."
        raise ValueError(
            f"Expected a text in each row of the column {column!r}. Received: {value!r} in row "
            f"{index}. {advice}"
        )


def _class_names(data: Any, column: str, values: list) -> list:
    """The names of classes in place of their numbers, where a data set of Hugging Face has both."""
    features = getattr(data, "features", None)
    feature = features.get(column) if isinstance(features, Mapping) else None
    names = getattr(feature, "names", None)
    if names:
        return [_name(names, value) for value in values]
    names = getattr(getattr(feature, "feature", None), "names", None)
    return [[_name(names, value) for value in row] for row in values] if names else values


def _name(names: Sequence[str], value: Any) -> Any:
    if not isinstance(value, (int, np.integer)):
        return value
    return names[int(value)] if value >= 0 else None  # -1: without a label


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:20]))
    return f"the columns {shown}{', …' if len(names) > 20 else ''}"
