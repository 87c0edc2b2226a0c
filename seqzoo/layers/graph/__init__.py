"""Layers over graphs, one file each."""

from seqzoo.layers.graph.gated_graph import GatedGraph
from seqzoo.layers.graph.graph_attention import GraphAttention
from seqzoo.layers.graph.graph_convolution import GraphConvolution
from seqzoo.layers.graph.graph_layer import GraphLayer

GRAPH_LAYERS: dict[str, type[GraphLayer]] = {
    "convolution": GraphConvolution,
    "attention": GraphAttention,
    "gated": GatedGraph,
}
"""The layers over graphs by name."""

__all__ = [
    "GRAPH_LAYERS",
    "GatedGraph",
    "GraphAttention",
    "GraphConvolution",
    "GraphLayer",
]
