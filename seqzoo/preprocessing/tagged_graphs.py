"""Graphs with a tag for each node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import as_strings
from seqzoo.preprocessing.data_forms import Kind, read_examples
from seqzoo.preprocessing.graph_examples import (
    GRAPH_RANKS,
    as_raw_graphs,
    two_sides,
    with_mask,
)
from seqzoo.preprocessing.graphs import GraphReader
from seqzoo.preprocessing.labelled import examples_of_dataset
from seqzoo.preprocessing.labels import Labels, as_name
from seqzoo.preprocessing.limits import BoundedInputs, Limits


@keras.saving.register_keras_serializable(package="seqzoo")
class TaggedGraphs(tf.Module):
    r"""Turns graphs into nodes and edges, and the tags of their nodes into numbers.

    Args:
        reader: Of the graphs.
        tags: The tags in the order of their ids, or `Labels`; None takes those of `adapt`.

    The tags of a graph are a dict of them by the names of nodes; a node that it lacks, as many have
    none where only some are known, counts in no loss and no metric. Or they are a list with one for
    each node in the order of `GraphReader.names`.

    Returns the inputs `inputs`, a dict of `nodes` `(B, N)` and `edges` `(B, E, 3)`, and `mask` `(B,
    N)`; ids of tags `(B, N)` and weights `(B, N)`. See `GraphReader` for graphs.

    Example:
        >>> graphs = sz.preprocessing.TaggedGraphs(sz.preprocessing.GraphReader())
        >>> graphs.adapt([([("a", "to", "b"), ("b", "to", "c")], {"a": "end", "b": "inner"})])
        >>> raw, tags = next(iter(graphs.examples([("a\tto\tb", ["end", "end"])]).batch(1)))
        >>> graphs(raw, tags)[1].numpy().tolist()
        [[0, 0]]
    """

    def __init__(self, reader: GraphReader, tags: Labels | Sequence[str] | None = None):
        super().__init__()
        self.reader = reader
        self.labels = tags if isinstance(tags, Labels) else Labels(tags)

    kind = Kind(("tokens", "tags"), GRAPH_RANKS)

    def adapt(self, graphs: Any, columns: Mapping[str, str] | None = None) -> None:
        """Makes the vocabularies from pairs of a graph and its tags; tags that were given stay.

        Args:
            graphs: Pairs in any form that `fit` takes.
            columns: Names of the columns "tokens" and "tags" of a table.
        """
        texts, tags = self._read(*read_examples(self.kind, graphs, columns=columns)[:2])
        if self.labels.get_config()["names"] is None:
            self.labels.adapt(tag for row in tags for tag in row if tag)
        self.reader.adapt(texts)

    def examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """Makes a dataset of texts `()` and the tags `(N,)` of their nodes, "" where there is none.

        Args:
            x: Pairs of a graph and its tags in any form that `fit` takes, or the graphs alone.
            y: The tags, where `x` holds the graphs alone.

        Raises:
            ValueError: if there are no graphs, one is none, tags name a node that it lacks or are
                not as many as its nodes, or a tag is unknown.
        """
        texts, tags = self._read(*read_examples(self.kind, x, y)[:2])
        for index, row in enumerate(tags):
            self.labels.check([tag for tag in row if tag], f"in the graph at index {index}")
        flat = as_strings([tag for row in tags for tag in row])
        sizes = tf.constant([len(row) for row in tags], tf.int64)
        ragged = tf.RaggedTensor.from_row_lengths(flat, sizes)
        return tf.data.Dataset.from_tensor_slices((as_strings(texts), ragged))

    def _read(self, x: Any, y: Any) -> tuple[list[str], list[list[str]]]:
        if isinstance(x, tf.data.Dataset):
            x, y = examples_of_dataset(x, y, "a graph and its tags", 0, 1), None
        x, y = two_sides(x, y, "the tags of its nodes")
        texts = self.reader.texts(x)
        names = self.reader.node_names(as_strings(texts)).to_list()
        return texts, [
            self._tags_of(tags, [name.decode() for name in names[index]], index)
            for index, tags in enumerate(y)
        ]

    def _tags_of(self, tags: Any, names: list[str], index: int) -> list[str]:
        """The tag of each node of a graph, "" where it has none."""
        where = f" of the graph at index {index}"
        if isinstance(tags, Mapping):
            known, normal = set(names), self.reader.nodes.normalize_text
            by_name = {}
            for name, tag in tags.items():
                name = str(name) if str(name) in known else normal(str(name)).strip()
                if name not in known:
                    raise ValueError(
                        f"Tags are those of nodes. Received: one for {name!r}{where}, whose nodes "
                        f"are {names[:20]}. Leave it out."
                    )
                by_name[name] = as_name(tag, where)
            return [by_name.get(name, "") for name in names]
        if isinstance(tags, (str, bytes)) or not isinstance(tags, Iterable):
            raise ValueError(
                f"Tags are a dict by names of nodes, or a list. Received: {tags!r}{where}. "
                "Correct it."
            )
        tags = list(tags)
        if len(tags) != len(names):
            raise ValueError(
                f"Each node must have one tag. Received: {len(tags)} tags{where}, which has "
                f"{len(names)} nodes, {names[:20]}. Give a dict of tags by names where only some "
                "have."
            )
        return ["" if tag in ("", b"") else as_name(tag, where) for tag in tags]

    def as_raw(self, inputs: Any) -> tf.Tensor:
        """A string tensor `(B,)` of a list of graphs."""
        return as_raw_graphs(self.kind, self.reader, inputs)

    def tokens(self, text: str) -> str:
        """A graph that is one text, as it is."""
        return text

    @property
    def raw_spec(self) -> tf.TensorSpec:
        """What `serve` takes: texts of lines."""
        return tf.TensorSpec([None], tf.string, name="text")

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        """Nodes of each graph `(B,)`."""
        return self.reader.lengths(raw)

    def pad(self, raw: tf.Tensor) -> tf.Tensor:
        """Texts as they are."""
        return raw

    def encode_inputs(self, raw: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        """Nodes and edges of texts; see `GraphReader.encode`."""
        return self.reader.encode(raw)

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """`encode_inputs` as far as limits allow; see `GraphReader.encode_within`."""
        return self.reader.encode_within(raw, limits)

    def pack_inputs(self, encoded: dict[str, tf.RaggedTensor]) -> dict[str, Any]:
        """The model's inputs, padded: "inputs" and "mask"."""
        return with_mask(self.reader.pack(encoded))

    def prepare(self, raw: Any) -> dict[str, Any]:
        """The model's inputs of texts, see `pack_inputs`."""
        return self.pack_inputs(self.encode_inputs(raw))

    def raw_targets(self, y: tf.Tensor) -> tf.Tensor:
        """The tags of ids, same shape."""
        return self.labels.strings(y)

    def __call__(self, x: Any, y: Any) -> tuple:
        """Makes a training batch of texts and tags; see `pack` for what it holds."""
        return self.pack(*self.encode(x, y))

    def encode(self, x: Any, y: Any) -> tuple[dict[str, tf.RaggedTensor], tf.RaggedTensor]:
        """Nodes and edges of texts, and ids of tags `(B, None)`, -1 where a node has none."""
        encoded, ids = self.encode_inputs(x), self.labels.ids(y)
        is_known = (ids.flat_values >= 0) | (y.flat_values == "")
        tf.debugging.assert_equal(
            is_known, True, f"A tag is none of those of the training: {self.labels.names}."
        )
        tf.debugging.assert_equal(
            encoded["nodes"].row_lengths(),
            ids.row_lengths(),
            "A graph must have a tag, or an empty one, for each node.",
        )
        return encoded, ids

    def pack(self, source: dict[str, tf.RaggedTensor], target: tf.RaggedTensor) -> tuple:
        """Pads encoded rows to one batch.

        Returns:
            x, see `pack_inputs`; y `(B, N)` int32; sample_weight `(B, N)` float32, 1 on nodes that
            have a tag.
        """
        x = self.pack_inputs(source)
        y = target.to_tensor(-1, shape=tf.shape(x["mask"], tf.int64))
        return x, tf.maximum(y, 0), tf.cast(y >= 0, tf.float32)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {"reader": serialize(self.reader), "tags": serialize(self.labels)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TaggedGraphs:
        deserialize = keras.saving.deserialize_keras_object
        return cls(**{name: deserialize(value) for name, value in config.items()})
