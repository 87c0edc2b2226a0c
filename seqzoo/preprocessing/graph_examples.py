"""Graphs with what is predicted of them as a whole: a text, or classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import examples
from seqzoo.preprocessing.data_forms import Kind, read_examples, read_inputs
from seqzoo.preprocessing.graphs import GraphReader
from seqzoo.preprocessing.labelled import LabelledInputs
from seqzoo.preprocessing.labels import Labels
from seqzoo.preprocessing.limits import BoundedInputs, Limits
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.preprocessing.tokenizer import Tokenizer

GRAPH_RANKS = (0, 2)  # of a graph: a text, or a list of edges


@keras.saving.register_keras_serializable(package="seqzoo")
class GraphPairs(TextPairs):
    r"""Turns pairs of a graph and a text into nodes, edges, labels and weights.

    Args:
        source: Reader of the graphs.
        target: Tokenizer of the texts.
        max_target_length: See `TextPairs`.

    Returns the inputs `source_ids`, a dict of `nodes` `(B, N)` and `edges` `(B, E, 3)`, and
    `target_ids` `(B, T)`; labels `(B, T)` and weights `(B, T)`. See `GraphReader` for graphs.

    Example:
        >>> pairs = sz.preprocessing.GraphPairs(
        ...     sz.preprocessing.GraphReader(), sz.preprocessing.WordTokenizer()
        ... )
        >>> pairs.adapt([([("Ann", "knows", "Bob")], "Ann knows Bob.")])
        >>> x, y, sample_weight = pairs(["Ann\tknows\tBob"], ["Bob."])
        >>> x["source_ids"]["nodes"].numpy().tolist(), x["target_ids"].numpy().tolist()
        ([[4, 5]], [[2, 5, 7]])
    """

    def __init__(
        self, source: GraphReader, target: Tokenizer, max_target_length: int | None = None
    ):
        super().__init__(cast(Any, source), target, max_target_length=max_target_length)

    kind = Kind(("source", "target"), GRAPH_RANKS)
    pack_together = None  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def adapt(self, pairs: Any, columns: Mapping[str, str] | None = None) -> None:
        """Makes the vocabularies.

        Args:
            pairs: Pairs of a graph and a text in any form that `fit` takes.
            columns: Names of the columns "source" and "target" of a table.
        """
        dataset = self._read(*read_examples(self.kind, pairs, columns=columns)[:2])
        self.source.adapt(dataset.map(lambda source, _: source))
        self.target.adapt(dataset.map(lambda _, target: target))

    def examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """Makes a dataset of pairs of texts, one of which has the lines of a graph.

        Args:
            x: Pairs of a graph and a text in any form that `fit` takes, or the graphs alone.
            y: The texts, where `x` holds the graphs alone.

        Raises:
            ValueError: as in `seqzoo.preprocessing.examples`, or if one is no graph.
        """
        return self._read(*read_examples(self.kind, x, y)[:2])

    def _read(self, x: Any, y: Any) -> tf.data.Dataset:
        if isinstance(x, tf.data.Dataset):
            return examples(x, y)
        x, y = two_sides(x, y, "a text")
        return examples(self.source.texts(x), y)

    def as_raw(self, inputs: Any) -> tf.Tensor:
        """A string tensor `(B,)` of a list of graphs."""
        return as_raw_graphs(self.kind, self.source, inputs)

    def encode_inputs(self, raw: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        """Nodes and edges of texts; see `GraphReader.encode`."""
        return self.source.encode(raw)

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """`encode_inputs` as far as limits allow; see `GraphReader.encode_within`."""
        return self.source.encode_within(raw, limits)

    def pack_inputs(self, encoded: dict[str, tf.RaggedTensor]) -> dict[str, tf.Tensor]:
        """Padded nodes `(B, N)` and edges `(B, E, 3)`."""
        return self.source.pack(encoded)

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        """Nodes of each graph `(B,)`."""
        return self.source.lengths(raw)

    def source_tokens(self, ids: dict[str, tf.Tensor]) -> tf.Tensor:
        """Labels of nodes `(B, N)`."""
        return self.source.nodes.tokens(ids["nodes"])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {name: config[name] for name in ("source", "target", "max_target_length")}


@keras.saving.register_keras_serializable(package="seqzoo")
class LabelledGraphs(LabelledInputs):
    """Turns graphs into nodes and edges, and the names of their classes into numbers.

    Args:
        reader: Of the graphs.
        labels: See `LabelledText`.
        multi_label: See `LabelledText`.

    Returns the inputs `inputs`, a dict of `nodes` `(B, N)` and `edges` `(B, E, 3)`, and `mask` `(B,
    N)`; labels `(B,)` and weights `(B,)`. See `GraphReader` for graphs.

    Example:
        >>> graphs = sz.preprocessing.LabelledGraphs(sz.preprocessing.GraphReader())
        >>> graphs.adapt([([("a", "to", "b")], "line"), ([("a", "to", "a")], "loop")])
        >>> graphs.labels.names
        ['line', 'loop']
    """

    def __init__(
        self,
        reader: GraphReader,
        labels: Labels | Sequence[str] | None = None,
        multi_label: bool = False,
    ):
        super().__init__(labels, multi_label)
        self.reader = reader

    kind = Kind(("text", "label"), GRAPH_RANKS)  # pyright: ignore[reportAssignmentType]
    pack_together = None  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    @property
    def tokenizer(self) -> GraphReader:
        """What has the vocabulary of an encoder."""
        return self.reader

    def adapt_inputs(self, raw: Any) -> None:
        self.reader.adapt(raw)

    @property
    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.string, name="text")

    def as_raw(self, inputs: Any) -> tf.Tensor:
        return as_raw_graphs(self.kind, self.reader, inputs)

    def encode_inputs(self, raw: tf.Tensor) -> Any:
        return self.reader.encode(raw)

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        return self.reader.encode_within(raw, limits)

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        return self.reader.lengths(raw)

    def pack_inputs(self, encoded: Any) -> dict[str, Any]:
        return with_mask(self.reader.pack(encoded))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"reader": keras.saving.serialize_keras_object(self.reader)}


def as_raw_graphs(kind: Kind, reader: GraphReader, inputs: Any) -> tf.Tensor:
    """A string tensor `(B,)` of graphs in any form that `fit` takes."""
    if isinstance(inputs, (str, bytes)):
        return reader.as_raw(inputs)  # which refuses it
    return reader.as_raw(read_inputs(kind, inputs))


def with_mask(graphs: dict[str, tf.Tensor]) -> dict[str, Any]:
    """The inputs of a model, "inputs" and "mask"."""
    return {"inputs": graphs, "mask": graphs["nodes"] != 0}


def two_sides(x: Any, y: Any, what: str) -> tuple[list, list]:
    """Graphs and what belongs to each."""
    if y is None:
        for index, pair in enumerate(x):
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ValueError(
                    f"Expected a list of pairs of a graph and {what}. Received "
                    f"{str(pair)[:60]!r} at index {index}."
                )
        x, y = [graph for graph, _ in x], [given for _, given in x]
    x, y = list(x), list(y)
    if len(x) != len(y):
        raise ValueError(f"Received {len(x)} graphs but {len(y)} targets. Give {what} for each.")
    if not x:
        raise ValueError(f"There are no graphs. Give at least one pair of a graph and {what}.")
    return x, y
