"""The rows of what users iterate over: tuples, dicts, inputs alone, or batches of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.named_columns import WEIGHT, choose_columns, listed, refuse_splits

_ENDLESS = 10_000_000  # elements after which an iterator is taken for endless


class RawExamples(NamedTuple):
    """Raw examples as preprocessors take them.

    Attributes:
        x: List of raw inputs; a stream, or a `tf.data.Dataset` of unbatched pairs, as it is; or
            what is no form of examples, for the preprocessor to refuse.
        y: List of their targets, or None where `x` holds them or there are none.
        weights: Float32 `(N,)`, how much each counts in the loss; None is 1.
    """

    x: Any
    y: Any = None
    weights: Any = None


class Kind(NamedTuple):
    """What examples a preprocessor reads.

    Attributes:
        roles: Names of input and target; of the input alone where there are no targets.
        ranks: Dimensions that one raw input may have: 0 for a text, 1 for a list of tokens.
        several: Whether a target may be a list, each of which makes an example of its own.
    """

    roles: tuple[str, ...]
    ranks: tuple[int, ...]
    several: bool = False

    @property
    def inputs(self) -> Kind:
        """The same without targets."""
        return self._replace(roles=self.roles[:1])

    @property
    def are_texts(self) -> bool:
        return self.ranks == (0,)

    def is_batch(self, rank: int | None) -> bool:
        """Whether inputs of this rank are a batch of them."""
        return rank is not None and rank not in self.ranks and rank - 1 in self.ranks


def rows_of(x: Any, most: int | None) -> tuple[Any, bool]:
    """The elements of what is iterated over, and whether these may be batches."""
    refuse_splits(x)
    if isinstance(x, keras.utils.PyDataset):
        return list(_batches_of(x, most)), True
    if isinstance(x, (str, bytes)) or not isinstance(x, Iterable):
        return x, False
    if isinstance(x, (list, tuple, np.ndarray, tf.data.Dataset)) or tf.is_tensor(x):
        return list(x), False
    if hasattr(x, "__len__"):  # such as a series of pandas
        return listed(x), False
    limit = _ENDLESS if most is None else most
    rows = list(itertools.islice(iter(x), limit))
    if most is None and len(rows) == limit:
        raise ValueError(
            f"Examples are read into memory before the training. Received: {type(x).__name__} that "
            f"has not ended after {limit:,} elements. Set `steps_per_epoch`, or give a stream of "
            "`seqzoo.datasets.streams`."
        )
    return rows, True


def _batches_of(x: keras.utils.PyDataset, most: int | None) -> Iterator[Any]:
    """The batches of a `PyDataset` in their order, read by as many threads as it has workers."""
    count = x.num_batches
    if count is None and most is None:
        raise ValueError(
            "Examples are read into memory before the training. Received: an endless "
            f"{type(x).__name__}. Set `steps_per_epoch`, or give it `__len__`."
        )
    count = min(math.inf if each is None else each for each in (count, most))
    if x.workers <= 1:
        return map(x.__getitem__, range(int(count)))
    with ThreadPoolExecutor(x.workers) as threads:
        return iter(list(threads.map(x.__getitem__, range(int(count)))))


def examples_of_rows(
    kind: Kind, rows: Any, columns: Mapping[str, str] | None, may_be_batches: bool
) -> RawExamples:
    """Rows that are dicts, tuples of input, target and weight, or inputs alone; batches of them."""
    if not isinstance(rows, list) or not rows:
        return RawExamples(rows)
    if isinstance(rows[0], Mapping):
        rows, may_be_batches = _picked(kind, rows, columns), True
    if len(kind.roles) == 1:
        rows = [row[0] if isinstance(row, tuple) and len(row) == 1 else row for row in rows]
        if may_be_batches and any(isinstance(row, tuple) for row in rows):
            return RawExamples(rows)
        rows = [(row,) for row in rows]
    elif not all(_is_example(row) for row in rows):
        return RawExamples(rows)
    parts: list[list] = [[], [], []]
    for index, row in enumerate(rows):
        first = row[0]
        if isinstance(first, Mapping):
            (first,) = _picked(kind.inputs, [first], None)[0]
        if may_be_batches and kind.is_batch(_rank(first)):
            sides = [listed(side) for side in (first, *row[1:])]
            if len(set(map(len, sides))) > 1:
                raise ValueError(
                    f"A batch must have a target for each input. Received: {len(sides[0])} inputs "
                    f"and {len(sides[1])} targets in batch {index}."
                )
        else:
            sides = [[as_plain(side)] for side in (first, *row[1:])]
        for part, side in zip(parts, sides, strict=False):
            part.extend(side)
    inputs, targets, weights = parts
    return RawExamples(inputs, targets if len(kind.roles) > 1 else None, weights or None)


def _is_example(row: Any) -> bool:
    """Whether a row is a pair, or one with a weight."""
    if not isinstance(row, (tuple, list, np.ndarray)):
        return False
    is_weighted = len(row) == 3 and _is_weight(row[2])
    return len(row) == 2 or is_weighted


def _is_weight(value: Any) -> bool:
    if tf.is_tensor(value):
        value = value.numpy()
    if isinstance(value, (int, float, np.number)):
        return True
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.ndim <= 1


def _picked(kind: Kind, rows: Sequence[Mapping], columns: Mapping[str, str] | None) -> list[tuple]:
    chosen = choose_columns(list(rows[0]), kind.roles, columns)
    names = [chosen[role] for role in (*kind.roles, WEIGHT) if role in chosen]
    for index, row in enumerate(rows):
        for name in names:
            if not isinstance(row, Mapping) or name not in row:
                raise ValueError(
                    f"Expected {name!r} in each example. Received: {str(row)[:60]!r} at index "
                    f"{index}. Give it, or leave the example out."
                )
    return [tuple(row[name] for name in names) for row in rows]


def _rank(value: Any) -> int:
    """Dimensions of nested lists or of an array; 0 of a scalar."""
    if tf.is_tensor(value) or isinstance(value, tf.RaggedTensor):
        return value.shape.rank
    if isinstance(value, np.ndarray):
        inner = _rank(value[0]) if value.dtype == object and len(value) else 0
        return value.ndim + inner
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        return _rank(listed(value)) if hasattr(value, "to_list") else 0
    return 1 + (_rank(value[0]) if len(value) else 0)


def as_plain(value: Any) -> Any:
    """A tensor or an array of an example as Python values; rows of floats stay an array."""
    if isinstance(value, tf.RaggedTensor):
        return value.to_list()
    if tf.is_tensor(value):
        value = value.numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        is_row = value.ndim > 1 or (value.ndim == 1 and value.dtype.kind in "fc")
        return value if is_row else value.tolist()
    return value
