"""Named models of graphs."""

from __future__ import annotations

from typing import Any, Literal

from seqzoo.decoders.recurrent import RecurrentDecoder
from seqzoo.encoders.graphs import GraphEncoder
from seqzoo.heads.tags import Tags
from seqzoo.heads.tokens import Tokens
from seqzoo.layers.graph import GatedGraph, GraphAttention, GraphConvolution
from seqzoo.preprocessing.graph_examples import GraphPairs, LabelledGraphs
from seqzoo.preprocessing.graphs import GraphReader
from seqzoo.preprocessing.tagged_graphs import TaggedGraphs
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.classifier import Classifier
from seqzoo.tasks.seq2seq import Seq2Seq
from seqzoo.tasks.tagger import Tagger


def beck_2018(
    source: GraphReader,
    target: Tokenizer,
    units: int = 128,
    steps: int = 8,
    embedding_dim: int = 64,
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    both_ways: bool = True,
    max_target_length: int | None = None,
    search: Any = None,
) -> Seq2Seq:
    """Builds a gated graph network whose nodes an LSTM attends to, which writes a text.

    Args:
        source: Adapted reader of the graphs.
        target: Adapted tokenizer of the texts.
        units: Width of the states of nodes and of the LSTM.
        steps: See `GatedGraph`: so many edges away a node sees.
        embedding_dim: Width of the embeddings of nodes and of tokens, at most `units`.
        dropout: Share of the values that is dropped, on both sides.
        label_smoothing: See `Tokens`.
        both_ways: See `GraphLayer`.
        max_target_length: See `TextPairs`.
        search: See `Seq2Seq`.
    Reference: Beck et al., 2018, https://arxiv.org/abs/1806.09835
    Differs from the paper: edges keep their types, where the paper makes nodes of them, and what is
    attended to is the state of a node beside the embedding of its label.

    Example:
        >>> graphs, words = sz.preprocessing.GraphReader(), sz.preprocessing.WordTokenizer()
        >>> graphs.adapt([[("a", "to", "b")]])
        >>> words.adapt(["from a to b"])
        >>> model = sz.zoo.beck_2018(graphs, words, units=6, steps=2, embedding_dim=5)
        >>> len(model.generate([[("a", "to", "b")], "b"], search=sz.Greedy(max_length=4)))
        2
    """
    layer = GatedGraph(units, both_ways, steps, source.type_count)
    encoder = GraphEncoder(
        source.vocabulary_size, embedding_dim, [layer], keep_inputs=True, dropout=dropout
    )
    decoder = RecurrentDecoder(
        target.vocabulary_size, embedding_dim, units, attention="additive", dropout=dropout
    )
    head = Tokens(target.vocabulary_size, label_smoothing)
    pairs = GraphPairs(source, target, max_target_length)
    return Seq2Seq(encoder, decoder, pairs, head, search)


def li_2016(
    graphs: LabelledGraphs,
    units: int = 64,
    steps: int = 5,
    embedding_dim: int = 32,
    dropout: float = 0.0,
    pooling: Literal["mean", "max", "attention"] = "attention",
    both_ways: bool = True,
) -> Classifier:
    """Builds a gated graph network that classifies whole graphs.

    Args:
        graphs: Adapted `LabelledGraphs`.
        units: Width of the states of nodes.
        steps: See `GatedGraph`.
        embedding_dim: Width of the embeddings of labels, at most `units`.
        dropout: See `GraphEncoder`.
        pooling: How the nodes become one vector; see `Pooling`.
        both_ways: See `GraphLayer`.
    Reference: Li et al., 2016, https://arxiv.org/abs/1511.05493
    Differs from the paper: the attention over nodes is that of `Pooling`, whose weights add up to
    1, where the paper's are gates.

    Example:
        >>> graphs = sz.preprocessing.LabelledGraphs(sz.preprocessing.GraphReader())
        >>> graphs.adapt([([("a", "to", "b")], "line"), ([("a", "to", "a")], "loop")])
        >>> model = sz.zoo.li_2016(graphs, units=6, embedding_dim=4)
        >>> model.probabilities([[("b", "to", "b")]]).shape
        (1, 2)
    """
    layer = GatedGraph(units, both_ways, steps, graphs.reader.type_count)
    encoder = GraphEncoder(
        graphs.reader.vocabulary_size, embedding_dim, [layer], keep_inputs=True, dropout=dropout
    )
    return Classifier(encoder, graphs, pooling=pooling)


def kipf_2017(
    graphs: TaggedGraphs,
    units: int = 16,
    layers: int = 2,
    embedding_dim: int = 64,
    dropout: float = 0.5,
    both_ways: bool = True,
) -> Tagger:
    """Builds a graph convolutional network that tags the nodes of graphs.

    Args:
        graphs: Adapted `TaggedGraphs`.
        units: Width of each layer.
        layers: Positive int; the last has no activation.
        embedding_dim: Width of the embeddings of labels.
        dropout: See `GraphEncoder`.
        both_ways: See `GraphLayer`.
    Reference: Kipf and Welling, 2017, https://arxiv.org/abs/1609.02907
    Differs from the paper: nodes are known by their labels, not by bags of words, and the head
    multiplies once more behind the last layer.

    Example:
        >>> graphs = sz.preprocessing.TaggedGraphs(sz.preprocessing.GraphReader())
        >>> graphs.adapt([([("a", "to", "b")], ["first", "last"])])
        >>> [len(tags) for tags in sz.zoo.kipf_2017(graphs).tag([[("a", "to", "b")], "c"])]
        [2, 1]
    """
    stack = [
        GraphConvolution(units, both_ways, activation="relu" if i < layers - 1 else None)
        for i in range(layers)
    ]
    return _tagger(graphs, embedding_dim, stack, dropout)


def velickovic_2018(
    graphs: TaggedGraphs,
    units: int = 64,
    layers: int = 2,
    heads: int = 8,
    scores: Literal["static", "dynamic"] = "static",
    embedding_dim: int = 64,
    dropout: float = 0.6,
    both_ways: bool = True,
) -> Tagger:
    """Builds a graph attention network that tags the nodes of graphs.

    Args:
        graphs: Adapted `TaggedGraphs`.
        units: Width of each layer, that of all heads together.
        layers: Positive int; the last averages its heads and has no activation.
        heads: See `GraphAttention`.
        scores: See `GraphAttention`; `"dynamic"` is GATv2.
        embedding_dim: Width of the embeddings of labels.
        dropout: Share of values and of attention weights that is dropped.
        both_ways: See `GraphLayer`.
    Reference: Veličković et al., 2018, https://arxiv.org/abs/1710.10903
    Differs from the paper: as in `kipf_2017`.

    Example:
        >>> graphs = sz.preprocessing.TaggedGraphs(sz.preprocessing.GraphReader())
        >>> graphs.adapt([([("a", "to", "b")], ["first", "last"])])
        >>> [len(tags) for tags in sz.zoo.velickovic_2018(graphs).tag([[("a", "to", "b")], "c"])]
        [2, 1]
    """
    options: dict[str, Any] = {"heads": heads, "scores": scores, "dropout": dropout}
    stack = [
        GraphAttention(units, both_ways, activation="elu", **options) for _ in range(layers - 1)
    ]
    stack.append(GraphAttention(units, both_ways, average=True, **options))
    return _tagger(graphs, embedding_dim, stack, dropout)


def _tagger(graphs: TaggedGraphs, embedding_dim: int, layers: list, dropout: float) -> Tagger:
    encoder = GraphEncoder(graphs.reader.vocabulary_size, embedding_dim, layers, dropout=dropout)
    head = Tags(len(graphs.labels), crf=False)
    return Tagger(encoder=encoder, preprocessor=graphs, head=head)
