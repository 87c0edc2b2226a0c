"""Graphs as lines of text, and as tensors of nodes and edges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import Texts, as_strings, text_batches
from seqzoo.preprocessing.limits import BoundedInputs, Limits, short_enough
from seqzoo.preprocessing.lookup import TokenLookup

_FORM = (
    "A line of a graph is `source<TAB>type<TAB>target` for an edge, `node<TAB>label`, or `node` "
    "alone."
)


def graph_as_text(graph: Any) -> str:
    r"""Returns a graph as the lines that models of graphs read.

    Args:
        graph: A text, which stays as it is; a list of tuples, `(source, type, target)` of an edge,
            `(node, label)` and `(node,)`; or a graph of networkx, whose edges may have a "type"
            (else it is "edge") and whose nodes may have a "label".

    Returns:
        A line for each tuple, its parts with tabs between them; of networkx, a line for each node
        and each edge.

    Raises:
        ValueError: if it is no graph, or a part of it is missing or holds a tab or a line break.

    Example:
        >>> sz.preprocessing.graph_as_text([("Ann", "knows", "Bob"), ("Cid",)])
        'Ann\tknows\tBob\nCid'
    """
    if isinstance(graph, (str, bytes)):
        return graph.decode("utf-8", "replace") if isinstance(graph, bytes) else graph
    if callable(getattr(graph, "edges", None)) and hasattr(graph, "nodes"):  # networkx
        labels = [
            (node, *([data["label"]] if "label" in data else []))
            for node, data in graph.nodes(data=True)
        ]
        triples = [(u, data.get("type", "edge"), v) for u, v, data in graph.edges(data=True)]
        graph = labels + triples
    if not isinstance(graph, Iterable):
        raise ValueError(f"A graph is a text or a list of edges. Received: {graph!r}. {_FORM}")
    lines = []
    for line in graph:
        if isinstance(line, (str, bytes)) or not isinstance(line, Iterable):
            raise ValueError(
                "A graph is a text or a list of tuples, such as ('Ann', 'knows', 'Bob'). "
                f"Received: {line!r} in the list. Give a list of tuples for each graph."
            )
        parts = [_written(part) for part in line]
        is_wrong = any(not part or set("\t\r\n") & set(part) for part in parts)
        if is_wrong or not 1 <= len(parts) <= 3:
            raise ValueError(f"{_FORM} Received: {line!r}. Correct it.")
        lines.append("\t".join(parts))
    return "\n".join(lines)


def _written(part: Any) -> str:
    """A name, a type or a label as text; "" for None and NaN, which is not its own equal."""
    if isinstance(part, bytes):
        return part.decode("utf-8", "replace")
    return "" if part is None or part != part else str(part).strip()


class _Parsed(NamedTuple):
    """The graphs of a batch: names and label of each node, edges, and which graphs are whole.

    `names` and `labels` are ragged `(B, None)`, `edges` ragged `(B, None)` of the rows of `ends`
    `(M, 2)`, indices of nodes within their graph, and `types` `(M,)`.
    """

    names: tf.RaggedTensor
    labels: tf.RaggedTensor
    edges: tf.RaggedTensor
    types: tf.Tensor
    is_whole: tf.Tensor


@keras.saving.register_keras_serializable(package="seqzoo")
class GraphReader(tf.Module):
    r"""Turns graphs, each one text of several lines, into ids of nodes and lists of edges.

    A line is `source<TAB>type<TAB>target` for an edge; `node<TAB>label` gives a node a label that
    is not its name; `node` alone is one without edges. Blank lines and the order of lines say
    nothing. On a single line, a tab and a line break may be written as `\t` and `\n`.

    Nodes are told apart by their names, and what a model sees of one is the id of its label, or
    without a label of its name. Two nodes whose labels are unknown stay two nodes, which differ by
    their edges alone. Parallel edges are all counted; a self-loop is an edge.

    Args:
        nodes: Lookup of labels of nodes.
        types: Lookup of types of edges.

    Texts `(B,)` become `nodes` `(B, N)` and `edges` `(B, E, 3)`: source, type and target of each
    edge, the ends as indices of nodes. Padding is 0, and there is at least one column of each.

    Example:
        >>> reader = sz.preprocessing.GraphReader()
        >>> reader.adapt(["Ann\tknows\tBob\nBob\tknows\tCid"])
        >>> graph = reader(["Bob\tknows\tDan"])
        >>> graph["nodes"].numpy().tolist(), graph["edges"].numpy().tolist()
        ([[5, 1]], [[[0, 4, 1]]])
        >>> reader.names("Bob\tknows\tDan")
        ['Bob', 'Dan']
    """

    def __init__(self, nodes: TokenLookup | None = None, types: TokenLookup | None = None):
        super().__init__()
        self.nodes = TokenLookup() if nodes is None else nodes
        self.types = TokenLookup() if types is None else types

    def adapt(self, graphs: Texts) -> None:
        """Makes the vocabularies of labels and of types.

        Args:
            graphs: Graphs in any form that `graph_as_text` takes, or a `tf.data.Dataset` of texts.
        """
        if not isinstance(graphs, tf.data.Dataset):
            graphs = self.texts(graphs)
        labels, types = [], []
        for texts in text_batches(graphs):
            parsed = self._parse(texts)
            labels += parsed.labels.flat_values.numpy().tolist()
            types += parsed.types.numpy().tolist()
        if not labels:
            raise ValueError("The graphs hold no node. Give at least one graph with a node.")
        self.nodes.adapt(labels)
        self.types.adapt(types or ["edge"])

    @property
    def vocabulary_size(self) -> int:
        """Number of labels, the four special ones counted."""
        return self.nodes.vocabulary_size

    @property
    def type_count(self) -> int:
        """Number of types of edges, the four special ones counted."""
        return self.types.vocabulary_size

    def texts(self, graphs: Any) -> list[str]:
        """Returns the texts of graphs in any form, checked.

        Raises:
            ValueError: if this is no list of graphs, or a line of one is no line; says which.
        """
        if isinstance(graphs, (str, bytes)):
            raise ValueError(
                f"A list of graphs is needed. Received one text: {graphs[:40]!r}. Put it in a list."
            )
        if tf.is_tensor(graphs):
            graphs = graphs.numpy()
        texts = []
        for index, graph in enumerate(graphs):
            try:
                texts.append(graph_as_text(graph))
            except ValueError as error:
                raise ValueError(f"The graph at index {index} is none. {error}") from error
        for index in np.flatnonzero(~self.are_whole(as_strings(texts)).numpy()):
            raise ValueError(f"The graph at index {index} is none. {_complaint(texts[index])}")
        return texts

    def as_raw(self, graphs: Any) -> tf.Tensor:
        """A string tensor `(B,)` of a list of graphs in any form, checked."""
        return as_strings(self.texts(graphs))

    def are_whole(self, raw: tf.Tensor) -> tf.Tensor:
        """Which texts `(B,)` are graphs: each line is one, and no node has two labels."""
        return self._parse(raw).is_whole

    def names(self, graph: Any) -> list[str]:
        """The names of the nodes of a graph, in the order of their ids: as they first appear."""
        names = self._parse(self.as_raw([graph])).names
        return [name.decode() for name in names.flat_values.numpy()]

    def node_names(self, raw: tf.Tensor) -> tf.RaggedTensor:
        """The names of the nodes of texts `(B,)`, ragged `(B, None)`."""
        return self._parse(raw).names

    def __call__(self, raw: Any) -> dict[str, tf.Tensor]:
        """Returns `nodes` and `edges` of texts `(B,)`, padded; see `pack`."""
        return self.pack(self.encode(as_strings(raw)))

    def encode(self, raw: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        """Returns `nodes` `(B, None)` and `edges` `(B, None, 3)` of texts `(B,)`, int32.

        What is no graph has no nodes.
        """
        parsed = self._parse(raw)
        nodes = self.nodes.tokenize(parsed.labels.flat_values).flat_values
        types = self.types.tokenize(parsed.types).flat_values
        ends = parsed.edges.flat_values
        edges = tf.stack([ends[:, 0], types, ends[:, 1]], axis=1)
        return {
            "nodes": parsed.labels.with_flat_values(nodes),
            "edges": parsed.edges.with_flat_values(edges),
        }

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """`encode` as far as limits allow.

        A graph of more nodes or edges is not read, as a part of it would be another graph, and
        neither is what is no graph.
        """
        is_read = short_enough(raw, limits.source_bytes)
        raw = tf.where(is_read, raw, "")
        parsed = self._parse(raw)
        steps = tf.maximum(parsed.labels.row_lengths(), parsed.edges.row_lengths())
        is_read &= parsed.is_whole & (steps <= limits.source_tokens)
        raw = tf.where(is_read, raw, "")
        encoded = self.encode(raw)
        steps = tf.cast(tf.where(is_read, steps, 0), tf.int32)
        return BoundedInputs(raw, encoded, steps, is_read)

    def pack(self, encoded: dict[str, tf.RaggedTensor]) -> dict[str, tf.Tensor]:
        """Returns `nodes` `(B, N)` and `edges` `(B, E, 3)` of `encode`, padded with 0."""
        nodes = encoded["nodes"].to_tensor()
        edges = encoded["edges"].to_tensor(shape=[None, None, 3])
        columns = tf.maximum(0, 1 - tf.shape(nodes)[1]), tf.maximum(0, 1 - tf.shape(edges)[1])
        return {
            "nodes": tf.pad(nodes, [[0, 0], [0, columns[0]]]),
            "edges": tf.pad(edges, [[0, 0], [0, columns[1]], [0, 0]]),
        }

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        """Nodes of each graph `(B,)`."""
        return self._parse(raw).names.row_lengths().numpy()

    def _parse(self, raw: tf.Tensor) -> _Parsed:
        """The graphs of texts `(B,)`; one that is not whole has no nodes."""
        lines = _Lines.of(self.nodes.normalize(_with_breaks(raw)))
        names, index, of_row = _distinct(lines.rows, lines.fields, lines.mentions)
        has_label = lines.count == 2
        own = tf.boolean_mask(lines.fields[:, 1], has_label)
        labelled = tf.boolean_mask(index[:, 0], has_label)
        labels = tf.tensor_scatter_nd_update(names, labelled[:, None], own)
        is_other = tf.gather(labels, labelled) != own  # a node with two labels
        is_wrong = tf.cast(lines.is_wrong, tf.int32) + tf.scatter_nd(
            tf.cast(tf.where(has_label), tf.int32),
            tf.cast(is_other, tf.int32),
            tf.shape(lines.count),
        )
        count = tf.size(raw)
        is_whole = tf.math.unsorted_segment_sum(is_wrong, lines.rows, count) == 0

        is_kept = tf.gather(is_whole, of_row)
        sizes = tf.math.unsorted_segment_sum(tf.ones_like(of_row), of_row, count)
        first = tf.cumsum(sizes, exclusive=True)
        is_edge = (lines.count == 3) & tf.gather(is_whole, lines.rows)
        rows = tf.boolean_mask(lines.rows, is_edge)
        ends = tf.boolean_mask(index, is_edge) - tf.gather(first, rows)[:, None]

        def ragged(values: tf.Tensor, rows: tf.Tensor) -> tf.RaggedTensor:
            splits = tf.cast(rows, tf.int64), tf.cast(count, tf.int64)
            return tf.RaggedTensor.from_value_rowids(values, *splits, validate=False)

        node_rows = tf.boolean_mask(of_row, is_kept)
        return _Parsed(
            ragged(tf.boolean_mask(names, is_kept), node_rows),
            ragged(tf.boolean_mask(labels, is_kept), node_rows),
            ragged(tf.ensure_shape(ends, [None, 2]), rows),
            tf.boolean_mask(lines.fields[:, 1], is_edge),
            is_whole,
        )

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {"nodes": serialize(self.nodes), "types": serialize(self.types)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> GraphReader:
        deserialize = keras.saving.deserialize_keras_object
        return cls(**{name: deserialize(value) for name, value in config.items()})


class _Lines(NamedTuple):
    """The L lines of a batch of texts that are not blank.

    `rows` `(L,)` are the texts that they stand in, `fields` `(L, 3)` their parts, `count` `(L,)`
    how many there are, and `mentions` `(L, 2)` which of the first and the last part name a node.
    """

    rows: tf.Tensor
    fields: tf.Tensor
    count: tf.Tensor
    mentions: tf.Tensor
    is_wrong: tf.Tensor

    @classmethod
    def of(cls, texts: tf.Tensor) -> _Lines:
        lines = tf.strings.split(texts, "\n")
        split = tf.strings.split(lines.flat_values, "\t")
        split = split.with_flat_values(tf.strings.strip(split.flat_values))
        is_real = tf.reduce_any(split != "", axis=1)
        rows = tf.boolean_mask(tf.cast(lines.value_rowids(), tf.int32), is_real)
        split = tf.ragged.boolean_mask(split, is_real)
        count = tf.cast(split.row_lengths(), tf.int32)
        is_wrong = (count > 3) | tf.reduce_any(split == "", axis=1)
        fields = split.to_tensor("", shape=[None, 3])
        mentions = tf.stack([tf.ones_like(is_wrong), count == 3], axis=1)
        return cls(rows, fields, count, mentions, is_wrong)


def _distinct(
    rows: tf.Tensor, fields: tf.Tensor, mentions: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The V nodes of all texts, in the order in which they are first named.

    Returns:
        Their names `(V,)`, the number of the node of each mention `(L, 2)`, 0 where there is none,
        and the texts that the nodes stand in `(V,)`.
    """
    ends = tf.stack([fields[:, 0], fields[:, 2]], axis=1)
    named, places = tf.boolean_mask(ends, mentions), tf.cast(tf.where(mentions), tf.int32)
    of_row = tf.gather(rows, places[:, 0])
    keys, numbers = tf.unique(tf.strings.join([tf.strings.as_string(of_row), named], "\t"))
    index = tf.scatter_nd(places, numbers, tf.shape(ends))
    of_row = tf.math.unsorted_segment_max(of_row, numbers, tf.size(keys))
    return tf.strings.regex_replace(keys, "^[0-9]+\t", ""), index, of_row


def _with_breaks(raw: tf.Tensor) -> tf.Tensor:
    """Texts with real tabs and line breaks, where these are written as in Python."""
    written = tf.strings.regex_replace(raw, r"\\t", "\t")
    written = tf.strings.regex_replace(written, r"\\n", "\n")
    return tf.where(tf.strings.regex_full_match(raw, "(?s).*[\t\n].*"), raw, written)


def _complaint(text: str) -> str:
    """What is wrong with the first line of a text that makes it no graph."""
    labels: dict[str, str] = {}
    for number, line in enumerate(text.split("\n") if "\t" in text else text.split("\\n"), 1):
        fields = [field.strip() for field in line.replace("\\t", "\t").split("\t")]
        if any(fields) and (len(fields) > 3 or not all(fields)):
            return f"{_FORM} Received in line {number}: {line!r}. Correct it."
        if len(fields) == 2 and labels.setdefault(*fields) != fields[1]:
            return (
                f"A node has one label. Received: {fields[1]!r} in line {number} for "
                f"{fields[0]!r}, which has {labels[fields[0]]!r} already. Leave one out."
            )
    return _FORM
