"""The encoder of graphs."""

from typing import Any

import keras
from keras import ops

from seqzoo.encoders.encoder import (
    Encoded,
    make_embedding,
    refuse_segments,
    segments_of,
    step_mask,
)
from seqzoo.layers.graph.graph_layer import GraphLayer


@keras.saving.register_keras_serializable(package="seqzoo")
class GraphEncoder(keras.layers.Layer):
    """Embeds the labels of nodes and runs layers over the graph. Each node is a step.

    So a decoder attends to nodes, a pooling makes one vector of a graph, and a tagger has a tag for
    each node. The order of nodes and of edges changes nothing.

    Args:
        vocabulary_size: Positive int, labels of nodes, padding (id 0) counted; None takes vectors
            instead, and embeds nothing.
        embedding_dim: Positive int, the width of the embeddings or of the vectors.
        layers: List of `layers.GraphLayer`s, at least one; see `layers.GRAPH_LAYERS`.
        keep_inputs: Whether the embedding of each node stands beside the output of the last layer,
            so that what reads a node reads its label too.
        dropout: From 0 to below 1: the share of the values set to 0 ahead of each layer and in the
            outputs.
        embedding_stddev: Standard deviation of the initial embeddings.

    Call arguments:
        inputs: Dict of `nodes`, label ids `(B, N)` or vectors `(B, N, embedding_dim)`, and `edges`
            `(B, E, 3)`; see `layers.GraphLayer`.
        mask: Boolean `(B, N)`, True on real nodes; None means every id but 0, and every vector.

    Returns:
        `Encoded`, outputs `(B, N, features)`, without a state: decoders that need one take the mean
        of the outputs.

    Raises:
        ValueError: if there is no layer; when called, for segment ids.

    Reference: Beck et al., 2018, https://arxiv.org/abs/1806.09835

    Example:
        >>> layers = [sz.layers.GatedGraph(6, steps=3, type_count=4)]
        >>> encoder = sz.encoders.GraphEncoder(20, 5, layers)
        >>> graph = {"nodes": np.array([[7, 8, 9]]), "edges": np.array([[[0, 1, 2], [2, 3, 1]]])}
        >>> encoder(graph).outputs.shape
        TensorShape([1, 3, 6])
    """

    def __init__(
        self,
        vocabulary_size: int | None,
        embedding_dim: int,
        layers: list[GraphLayer],
        keep_inputs: bool = False,
        dropout: float = 0.0,
        embedding_stddev: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not layers:
            raise ValueError("`layers` must hold at least one layer. Received: none. Give one.")
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.layers = list(layers)
        self.keep_inputs = keep_inputs
        self.dropout = dropout
        self.embedding_stddev = embedding_stddev
        dtype = self.dtype_policy
        self.embedding = make_embedding(vocabulary_size, embedding_dim, dtype, embedding_stddev)
        self.drop = keras.layers.Dropout(dropout, dtype=dtype, name="dropout")
        self.supports_masking = True

    @property
    def hidden_size(self) -> int:
        """Width of the outputs."""
        return self.layers[-1].units + (self.embedding_dim if self.keep_inputs else 0)

    def build(self, inputs_shape):
        if self.embedding is not None:
            self.embedding.build(inputs_shape["nodes"])
        width = self.embedding_dim
        for layer in self.layers:
            if not layer.built:  # one that is loaded is
                layer.build((*inputs_shape["nodes"][:2], width))
            width = layer.units

    def input_specs(self) -> dict[str, Any]:
        """Returns shape and type of the inputs, by their name."""
        edges = keras.KerasTensor((None, None, 3), dtype="int32")
        if self.vocabulary_size is None:
            nodes = keras.KerasTensor((None, None, self.embedding_dim), dtype="float32")
        else:
            nodes = keras.KerasTensor((None, None), dtype="int32")
        return {"graph": {"nodes": nodes, "edges": edges}}

    def call(self, inputs, mask=None, segment_ids=None, training=False):
        refuse_segments(self, segment_ids)
        nodes, edges = inputs["nodes"], inputs["edges"]
        mask = step_mask(nodes, _of_nodes(mask))
        embedded = nodes if self.embedding is None else self.embedding(nodes)
        values = embedded
        for layer in self.layers:
            values = self.drop(values, training=training)
            values = layer(values, edges, mask=mask, training=training)
        if self.keep_inputs:
            values = ops.concatenate([values, ops.cast(embedded, values.dtype)], axis=-1)
        values = self.drop(values, training=training)
        return Encoded(values, (), mask, segments_of(mask))

    def compute_mask(self, inputs, mask=None):
        return [step_mask(inputs["nodes"], _of_nodes(mask))]

    def get_config(self):
        names = ("vocabulary_size", "embedding_dim", "keep_inputs", "dropout", "embedding_stddev")
        own: dict[str, Any] = {name: getattr(self, name) for name in names}
        own["layers"] = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        return super().get_config() | own

    @classmethod
    def from_config(cls, config):
        layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**config | {"layers": layers})


def _of_nodes(mask: Any) -> Any:
    """The mask `(B, N)`, also among those that Keras attaches to each of the inputs."""
    return mask["nodes"] if isinstance(mask, dict) else mask
