"""The forms in which users hold their data, read as raw examples.

Lists, arrays, frames and data sets with named columns, `tf.data`, generators and `PyDataset` all
become a list of raw inputs and one of targets here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.example_rows import (
    Kind,
    RawExamples,
    as_plain,
    examples_of_rows,
    rows_of,
)
from seqzoo.preprocessing.named_columns import (
    WEIGHT,
    as_table,
    check_texts,
    choose_columns,
    listed,
)


def read_examples(
    kind: Kind,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    columns: Mapping[str, str] | None = None,
    most: int | None = None,
) -> RawExamples:
    """Reads examples in any form.

    Args:
        kind: What is read.
        x: The examples, or the inputs alone.
        y: The targets, where `x` holds the inputs alone.
        sample_weight: A number for each example, where `x` holds none.
        columns: Names of the columns by role, where they are named.
        most: Elements that are read of what may be endless; None reads to the end.

    Raises:
        ValueError: if columns are missing, the sides of a batch differ, weights are no numbers for
            each example, or an iterator does not end. What is no form of examples stays as it is.
    """
    examples = _read(kind, x, y, sample_weight, columns, most)
    return _one_target_each(examples) if kind.several else examples


def _one_target_each(examples: RawExamples) -> RawExamples:
    """Examples with a list of targets, as one of each of them; without one, left to be refused."""
    x, y, weights = examples
    if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
        return examples
    if not any(isinstance(target, (list, tuple)) for target in y):
        return examples
    listed_targets = [list(t) if isinstance(t, (list, tuple)) and t else [t] for t in y]
    counts = [len(targets) for targets in listed_targets]
    return RawExamples(
        [each for each, count in zip(x, counts, strict=True) for _ in range(count)],
        [target for targets in listed_targets for target in targets],
        None if weights is None else np.repeat(weights, counts),
    )


def _read(
    kind: Kind,
    x: Any,
    y: Any,
    sample_weight: Any,
    columns: Mapping[str, str] | None,
    most: int | None,
) -> RawExamples:
    if is_stream(x):
        if sample_weight is not None:
            raise ValueError(
                "`sample_weight` is for examples that are held in memory. Received: it beside a "
                "stream. Leave it out, or give the examples as lists."
            )
        return RawExamples(x, y)
    if y is not None:
        if isinstance(x, (tf.data.Dataset, keras.utils.PyDataset)):
            return RawExamples(x, y)  # for the preprocessor to refuse
        inputs, targets = read_inputs(kind, x, columns), _side(y)
        return RawExamples(inputs, targets, _checked_weights(sample_weight, inputs))
    table = None if isinstance(x, (str, bytes)) else as_table(x)
    if table is not None:
        chosen = choose_columns(table.names, kind.roles, columns)
        values = [table.column(chosen[role]) for role in kind.roles]
        if kind.are_texts:
            check_texts(values[0], chosen[kind.roles[0]])
        weights = table.column(chosen[WEIGHT]) if WEIGHT in chosen else sample_weight
        inputs, targets = values if len(values) == 2 else (*values, None)
        return RawExamples(inputs, targets, _checked_weights(weights, inputs))
    if isinstance(x, tf.data.Dataset):
        x = _as_tuples(kind, x, columns, most)
        if sample_weight is None and not _has_weights(x):
            return RawExamples(x)
    rows, is_lazy = rows_of(x, most)
    examples = examples_of_rows(kind, rows, columns, is_lazy)
    weights = examples.weights if sample_weight is None else sample_weight
    return examples._replace(weights=_checked_weights(weights, examples.x))


def read_inputs(
    kind: Kind, x: Any, columns: Mapping[str, str] | None = None, most: int | None = None
) -> Any:
    """Reads the raw inputs of data in any form, as a list; targets beside them are left out.

    What is no form of inputs stays as it is, for `as_raw` to refuse.
    """
    if isinstance(x, (str, bytes)) or tf.is_tensor(x):
        return x
    table = as_table(x)
    if table is not None:
        named = {role: name for role, name in (columns or {}).items() if role == kind.roles[0]}
        (name,) = choose_columns(table.names, kind.roles[:1], named).values()
        values = table.column(name)
        if kind.are_texts:
            check_texts(values, name)
        return values
    if isinstance(x, tf.data.Dataset):
        inputs = _as_tuples(kind.inputs, x, columns, most)
        return [as_plain(each[0] if isinstance(each, tuple) else each) for each in inputs]
    if isinstance(x, (list, np.ndarray)) and not (len(x) and isinstance(x[0], Mapping)):
        return x if isinstance(x, list) or x.ndim != 1 else x.tolist()
    rows, is_lazy = rows_of(x, most)
    if is_lazy:
        rows = [row[0] if isinstance(row, tuple) else row for row in rows]
    return examples_of_rows(kind.inputs, rows, columns, is_lazy).x


def is_stream(x: Any) -> bool:
    """Whether this is a stream, and not examples that are held in memory."""
    return callable(getattr(x, "shuffled", None))


def is_model_input(x: Any) -> bool:
    """Tells what a model takes, a dict of tensors or arrays of numbers, from raw inputs."""
    if not isinstance(x, Mapping):
        return False
    return all(_is_numeric(leaf) for leaf in keras.tree.flatten(dict(x)))


def is_batched(x: Any) -> bool:
    """Tells a dataset of batches of model inputs, as `fit` itself evaluates, from raw examples."""
    spec = x.element_spec if isinstance(x, tf.data.Dataset) else None
    first = spec[0] if isinstance(spec, tuple) else spec
    return isinstance(first, dict) and is_model_input(first)


def _is_numeric(leaf: Any) -> bool:
    dtype = getattr(leaf, "dtype", None)
    rank = len(leaf.shape) if getattr(leaf, "shape", None) is not None else 0
    if dtype is None or isinstance(leaf, (str, bytes)):
        return False
    is_number = dtype != tf.string if isinstance(dtype, tf.DType) else str(dtype)[:3] in _NUMBERS
    return is_number and (rank > 0 or isinstance(dtype, tf.DType))


_NUMBERS = ("int", "uin", "flo", "boo", "bfl")


def _as_tuples(
    kind: Kind, data: tf.data.Dataset, columns: Mapping[str, str] | None, most: int | None
) -> tf.data.Dataset:
    """The dataset with tuples in place of dicts, and without batches."""
    spec = data.element_spec
    if isinstance(spec, Mapping):
        chosen = choose_columns(list(spec), kind.roles, columns)
        names = [chosen[role] for role in (*kind.roles, WEIGHT) if role in chosen]
        data = data.map(lambda row: tuple(row[name] for name in names))
        data = data if len(names) > 1 else data.map(lambda value: value)
    elif isinstance(spec, tuple) and spec and isinstance(spec[0], Mapping):
        (name,) = choose_columns(list(spec[0]), kind.roles[:1], None).values()
        data = data.map(lambda row, *rest: (row[name], *rest))
    if most is not None:
        data = data.take(most)
    first = data.element_spec
    first = first[0] if isinstance(first, tuple) and first else first
    if isinstance(first, (tf.TensorSpec, tf.RaggedTensorSpec)) and kind.is_batch(first.shape.rank):
        is_padded = isinstance(first, tf.TensorSpec) and kind.ranks == (1,)
        data = data.unbatch()
        data = data.map(_without_padding) if is_padded else data
    return data


def _without_padding(tokens: tf.Tensor, *rest: Any) -> Any:
    """Tokens without the "" behind them, and as many tags."""
    count = tf.reduce_max(tf.where(tokens != "", tf.range(1, tf.size(tokens) + 1), 0))
    if not rest:
        return tokens[:count]
    return tokens[:count], rest[0][:count], *rest[1:]


def _has_weights(data: tf.data.Dataset) -> bool:
    spec = data.element_spec
    return isinstance(spec, tuple) and len(spec) == 3


def _side(values: Any) -> Any:
    """Targets as a list."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        return values
    return listed(values)


def _checked_weights(weights: Any, inputs: Any) -> np.ndarray | None:
    if weights is None:
        return None
    try:
        numbers = np.asarray(_side(weights), np.float32)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"`sample_weight` is a number for each example. Received: {error}."
        ) from error
    if numbers.shape != (len(inputs),) or not np.isfinite(numbers).all() or (numbers < 0).any():
        raise ValueError(
            f"`sample_weight` is a number of at least 0 for each of the {len(inputs)} examples. "
            f"Received: an array of shape {numbers.shape}, or one with others. Correct it."
        )
    return numbers
