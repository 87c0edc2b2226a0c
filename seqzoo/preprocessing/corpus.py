"""Raw texts and pairs of texts, in any of the forms that users hold them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.data_forms import Kind, read_examples, read_inputs
from seqzoo.preprocessing.named_columns import as_table

_AT_ONCE = 1024  # raw inputs

Text = str | bytes
Texts = Iterable[Text] | tf.data.Dataset
Pairs = Iterable[tuple[Text, Text]] | tf.data.Dataset

PAIRS, TEXTS = Kind(("source", "target"), (0,), several=True), Kind(("text",), (0,))


def as_strings(texts: Any) -> tf.Tensor:
    """Makes a string tensor of a list of str or bytes, an array or a tensor.

    A lone surrogate in a str, which UTF-8 cannot hold, becomes invalid bytes
    and is treated as such.
    """
    if tf.is_tensor(texts):
        return texts
    if isinstance(texts, (list, tuple)):
        encoded = [t.encode("utf-8", "surrogatepass") if isinstance(t, str) else t for t in texts]
        return tf.constant(encoded, tf.string)
    return tf.convert_to_tensor(texts, tf.string)


def raw_texts(inputs: Any) -> tf.Tensor:
    """Checks a list of texts and makes a string tensor `(B,)` of it.

    Raises:
        ValueError: if it is one text, or an item is no text.
    """
    if isinstance(inputs, (str, bytes)):
        raise ValueError(
            f"A list of texts is needed. Received one text: {inputs[:40]!r}. Put it in a list."
        )
    inputs = read_inputs(TEXTS, inputs)
    texts = list(inputs.numpy() if tf.is_tensor(inputs) else inputs)
    for index, text in enumerate(texts):
        if not _is_text(text):
            raise ValueError(f"A list of texts is needed. Received {text!r} at index {index}.")
    return as_strings(texts)


def row_lengths(encode: Callable[[tf.Tensor], tf.RaggedTensor], raw: tf.Tensor) -> np.ndarray:
    """The lengths `(B,)` of the rows that raw inputs are encoded to, in parts that fit memory."""
    parts = [
        encode(raw[start : start + _AT_ONCE]).row_lengths().numpy()
        for start in range(0, len(raw), _AT_ONCE)
    ]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def text_batches(texts: Texts, batch_size: int = 2048) -> Iterator[tf.Tensor]:
    """Yields the texts of a corpus as string tensors `(B,)`.

    Raises:
        ValueError: if the corpus is a single text or holds none at all.
    """
    if isinstance(texts, (str, bytes)):
        raise ValueError(
            f"A corpus is an iterable of texts. Received one text: {texts[:40]!r}. "
            "Put it in a list, one sentence for each item."
        )
    if as_table(texts) is not None:  # which would give the names of its columns
        texts = read_inputs(TEXTS, texts)
    batches = (
        _dataset_batches(texts, batch_size)
        if isinstance(texts, tf.data.Dataset)
        else (as_strings(chunk) for chunk in _chunks(texts, batch_size))
    )
    empty = True
    for batch in batches:
        empty = False
        yield batch
    if empty:
        raise ValueError("The corpus is empty. Pass at least one text to `adapt`.")


def _dataset_batches(texts: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    spec = texts.element_spec
    if not isinstance(spec, tf.TensorSpec) or spec.dtype != tf.string:
        raise ValueError(
            f"`adapt` needs a dataset of strings. Received elements of {spec}. "
            "Pick the text out with `dataset.map`."
        )
    return texts.batch(batch_size) if spec.shape.rank == 0 else texts


def _chunks(texts: Iterable[Text], size: int) -> Iterator[list[Text]]:
    iterator = iter(texts)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def examples(x: Any, y: Any = None, columns: Mapping[str, str] | None = None) -> tf.data.Dataset:
    """Makes a dataset of (source, target) string scalars.

    Args:
        x: Pairs of texts in any form that `fit` takes, or the sources alone. A pair of a source and
            a list of targets is one example for each target.
        y: The targets, where `x` holds the sources alone.
        columns: Names of the columns "source" and "target" of a table.

    Raises:
        ValueError: if there are no examples, if the numbers of sources and
            targets differ, or if `x` does not hold pairs.

    Returns a `tf.data.Dataset` of pairs of string scalars `()`.

    Example:
        >>> dataset = sz.preprocessing.examples(["guten Tag"], ["good day"])
        >>> [(source.numpy(), target.numpy()) for source, target in dataset]
        [(b'guten Tag', b'good day')]
    """
    x, y, _ = read_examples(PAIRS, x, y, columns=columns)
    if isinstance(x, tf.data.Dataset):
        return _checked_dataset(x, y)
    if y is None:
        pairs = [_checked_pair(pair, index) for index, pair in enumerate(x)]
        sources, targets = [s for s, _ in pairs], [t for _, t in pairs]
    else:
        sources, targets = _checked_texts(x, "sources"), _checked_texts(y, "targets")
    if len(sources) != len(targets):
        raise ValueError(
            f"Received {len(sources)} sources but {len(targets)} targets. "
            "Give one target for each source, in the same order."
        )
    if not sources:
        raise ValueError("The corpus is empty. Give at least one pair of texts.")
    return tf.data.Dataset.from_tensor_slices((as_strings(sources), as_strings(targets)))


def _checked_dataset(dataset: tf.data.Dataset, y: Any) -> tf.data.Dataset:
    if y is not None:
        raise ValueError(
            f"A dataset holds the targets itself. Received `y` of {type(y).__name__} beside it. "
            "Zip the two with `tf.data.Dataset.zip`."
        )
    spec = dataset.element_spec
    scalars = isinstance(spec, tuple) and [(s.dtype, s.shape.rank) for s in tf.nest.flatten(spec)]
    if scalars != [(tf.string, 0)] * 2:
        raise ValueError(
            f"A dataset of pairs of string scalars is needed. Received elements of {spec}. "
            "Make pairs with `dataset.map`, and take batches apart with `dataset.unbatch()`."
        )
    if dataset.cardinality() == 0:
        raise ValueError("The dataset is empty. Give at least one pair of texts.")
    return dataset


def _checked_pair(pair: Any, index: int) -> tuple[Text, Text]:
    two = isinstance(pair, (tuple, list, np.ndarray)) and len(pair) == 2
    if not two or not all(map(_is_text, pair)):
        raise ValueError(
            f"A list of (source, target) pairs of texts is needed. Received {pair!r} at index "
            f"{index}. Pass one list of pairs, or two lists of texts as `x` and `y`."
        )
    return pair[0], pair[1]


def _checked_texts(texts: Any, name: str) -> list[Text]:
    if isinstance(texts, (str, bytes)):
        raise ValueError(f"A list of {name} is needed. Received one text: {texts[:40]!r}.")
    texts = list(texts)
    for index, text in enumerate(texts):
        if not _is_text(text):
            raise ValueError(f"The {name} must be texts. Received {text!r} at index {index}.")
    return texts


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, bytes))
