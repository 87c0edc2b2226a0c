"""Examples of the tests in each of the forms that users hold their data in."""

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf


class Given(NamedTuple):
    """What a user passes to `fit`: the examples, or inputs and targets; and names of columns."""

    x: Any
    y: Any = None
    columns: Any = None


class Batched(keras.utils.PyDataset):
    """A `PyDataset` that gives examples in batches, from several threads."""

    def __init__(self, inputs, targets, batch_size=3, **kwargs):
        super().__init__(**kwargs)
        self.inputs, self.targets, self.batch_size = inputs, targets, batch_size

    def __len__(self):
        return -(-len(self.inputs) // self.batch_size)

    def __getitem__(self, index):
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        inputs = self.inputs[rows]
        return inputs if self.targets is None else (inputs, self.targets[rows])


class Frame:
    """What frames of pandas have in common with those of polars, without either."""

    def __init__(self, columns):
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]

    def __len__(self):
        return len(self._columns[self.columns[0]])

    def __iter__(self):
        return iter(self.columns)


class Rows:
    """What a `datasets.Dataset` has: names of columns, and rows that are dicts."""

    def __init__(self, columns):
        self._columns = columns
        self.column_names = list(columns)

    def __getitem__(self, key):
        if isinstance(key, str):
            return self._columns[key]
        return {name: values[key] for name, values in self._columns.items()}

    def __len__(self):
        return len(self._columns[self.column_names[0]])

    def __iter__(self):
        return (self[index] for index in range(len(self)))


def objects(values):
    """An array of Python objects `(N,)`, whatever they are."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def dataset(inputs, targets=None):
    """Unbatched examples in `tf.data`, tokens as ragged rows."""
    sides = [
        tf.ragged.constant(side) if isinstance(side[0], list) else tf.constant(side)
        for side in (inputs, targets)
        if side is not None
    ]
    return tf.data.Dataset.from_tensor_slices(tuple(sides) if targets is not None else sides[0])


def named(inputs, targets, roles):
    sides = zip(roles, (inputs, targets), strict=False)
    return {role: side for role, side in sides if side is not None}


def pairs(inputs, targets):
    return inputs if targets is None else list(zip(inputs, targets, strict=True))


def rows(inputs, targets, roles):
    columns = named(inputs, targets, roles)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def in_batches(inputs, targets, size=3):
    for start in range(0, len(inputs), size):
        part = slice(start, start + size)
        yield inputs[part] if targets is None else (inputs[part], targets[part])


def tfds(inputs, targets, roles):
    """As `tfds.load` gives them without `as_supervised`: dicts, and others beside them."""
    data = dataset(inputs, targets)

    def as_dict(*sides):
        return dict(zip(roles, sides, strict=False)) | {"id": tf.constant(0, tf.int64)}

    return data.map(as_dict)


def optional(name: str, make: Callable) -> Callable:
    def form(inputs, targets, roles):
        try:
            module = importlib.import_module(name)
        except ImportError:
            return None
        if module.__file__ is None:  # a folder of the tests of this name
            return None
        return make(module, named(inputs, targets, roles))

    return form


FORMS: dict[str, Callable] = {
    "list of pairs": lambda i, t, r: Given(pairs(i, t)),
    "two lists": lambda i, t, r: Given(i, t),
    "two arrays of strings": lambda i, t, r: Given(
        objects(i) if isinstance(i[0], list) else np.array(i),
        t if t is None else objects(t) if isinstance(t[0], list) else np.array(t),
    ),
    "list of dicts": lambda i, t, r: Given(rows(i, t, r)),
    "dict of columns": lambda i, t, r: Given(named(i, t, r)),
    "dict of other names": lambda i, t, r: Given(
        {f"my {name}": values for name, values in named(i, t, r).items()} | {"other": i},
        columns={name: f"my {name}" for name in named(i, t, r)},
    ),
    "frame": lambda i, t, r: Given(Frame(named(i, t, r))),
    "rows of a hub": lambda i, t, r: Given(Rows(named(i, t, r))),
    "pandas": optional("pandas", lambda pd, columns: Given(pd.DataFrame(columns))),
    "pandas series": optional(
        "pandas",
        lambda pd, columns: Given(
            *(pd.Series(v, index=range(9, 9 + len(v))) for v in columns.values())
        ),
    ),
    "polars": optional("polars", lambda pl, columns: Given(pl.DataFrame(columns))),
    "polars lazy": optional("polars", lambda pl, columns: Given(pl.DataFrame(columns).lazy())),
    "polars series": optional(
        "polars", lambda pl, columns: Given(*(pl.Series(v) for v in columns.values()))
    ),
    "datasets": optional("datasets", lambda hub, columns: Given(hub.Dataset.from_dict(columns))),
    "datasets iterable": optional(
        "datasets",
        lambda hub, columns: Given(hub.Dataset.from_dict(columns).to_iterable_dataset()),
    ),
    "arrow": optional("pyarrow", lambda pa, columns: Given(pa.table(columns))),
    "tf.data": lambda i, t, r: Given(dataset(i, t)),
    "tf.data in batches": lambda i, t, r: Given(dataset(i, t).ragged_batch(3)),
    "tf.data of dicts": lambda i, t, r: Given(tfds(i, t, r)),
    "tf.data of dicts in batches": lambda i, t, r: Given(tfds(i, t, r).ragged_batch(3)),
    "generator": lambda i, t, r: Given(each for each in pairs(i, t)),
    "generator of dicts": lambda i, t, r: Given(each for each in rows(i, t, r)),
    "generator of batches": lambda i, t, r: Given(in_batches(i, t)),
    "PyDataset": lambda i, t, r: Given(Batched(i, t)),
    "PyDataset with workers": lambda i, t, r: Given(Batched(i, t, workers=3)),
}
