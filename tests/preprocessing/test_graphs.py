"""Graphs as text: what a line may be, which nodes there are, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from seqzoo.preprocessing import (
    GraphPairs,
    GraphReader,
    LabelledGraphs,
    Limits,
    TaggedGraphs,
    TokenLookup,
    WhitespaceTokenizer,
    graph_as_text,
)

TRIPLES = [("Ann", "knows", "Bob"), ("Bob", "likes", "Cid"), ("Ann", "knows", "Bob")]


@pytest.fixture(scope="module")
def reader():
    reader = GraphReader()
    reader.adapt([TRIPLES, [("x", "carbon"), ("x", "bond", "y")]])
    return reader


def edges_of(reader, text):
    """The edges of one graph by the names of their ends, sorted."""
    graph, names = reader([text]), reader.names(text)
    kinds = reader.types.vocabulary
    real = [edge for edge in graph["edges"][0].numpy() if edge[1]]
    return sorted((names[s], kinds[kind], names[t]) for s, kind, t in real)


def test_nodes_are_told_apart_by_name_and_known_by_label(reader):
    text = "x\tcarbon\nz1\tcarbon\nz1\tbond\tz2\nx\tbond\tz3\nalone"
    assert reader.names(text) == ["x", "z1", "z2", "z3", "alone"]
    ids = reader([text])["nodes"][0].numpy()
    labels = [reader.nodes.vocabulary[i] for i in ids]
    assert labels == ["carbon", "carbon", "<unk>", "<unk>", "<unk>"]
    assert edges_of(reader, text) == [("x", "bond", "z3"), ("z1", "bond", "z2")]


def test_parallel_edges_self_loops_and_unknown_types_are_edges(reader):
    text = "Ann\tknows\tAnn\nAnn\thates\tBob\nAnn\tknows\tBob\nAnn\tknows\tBob"
    ann = [("Ann", "<unk>", "Bob"), ("Ann", "knows", "Ann")]
    assert edges_of(reader, text) == [*ann, ("Ann", "knows", "Bob"), ("Ann", "knows", "Bob")]


@pytest.mark.parametrize(
    "other",
    [
        "Bob\tlikes\tCid\nAnn\tknows\tBob\nAnn\tknows\tBob",  # the lines in another order
        "\r\nAnn\tknows\tBob\r\nBob\tlikes\tCid\r\n \r\nAnn\tknows\t Bob\r\n",
        r"Ann\tknows\tBob\nBob\tlikes\tCid\nAnn\tknows\tBob",
        "Ann\tknows\tBob\nCid\nBob\tlikes\tCid\nAnn\tknows\tBob\nCid",
    ],
)
def test_the_same_graph_may_be_written_in_several_ways(reader, other):
    assert edges_of(reader, other) == edges_of(reader, graph_as_text(TRIPLES))


def test_names_in_another_normal_form_are_the_same_node(reader):
    assert reader.names("e\u0301\tknows\t\u00e9") == ["\u00e9"]


def test_a_batch_is_padded_and_a_graph_in_it_is_as_alone(reader):
    texts = ["", "x", graph_as_text(TRIPLES), "x\tbond\tBob\nBob\tbond\tAnn"]
    whole = reader(texts)
    assert {name: tuple(part.shape) for name, part in whole.items()} == {
        "nodes": (4, 3),
        "edges": (4, 3, 3),
    }
    assert not whole["nodes"][0].numpy().any()
    for row, text in enumerate(texts):
        alone = reader([text])
        for name, part in alone.items():
            size = part.shape[1]
            np.testing.assert_array_equal(whole[name][row, :size], part[0])
            assert not whole[name][row, size:].numpy().any()
    assert reader.lengths(tf.constant(texts)).tolist() == [0, 1, 3, 3]


def test_ten_thousand_edges_are_read(reader):
    triples = [(f"n{i % 997}", "knows", f"n{i % 991}") for i in range(10_000)]
    graph = reader([graph_as_text(triples)])
    assert graph["edges"].shape == (1, 10_000, 3)
    assert graph["nodes"].shape == (1, 997)
    names = reader.names(triples)
    ends = graph["edges"][0].numpy()[:, [0, 2]]
    assert [(names[a], names[b]) for a, b in ends] == [(a, b) for a, _, b in triples]


WRONG = [
    ("a\tb\tc\td", r"index 0 is none\. A line.*Received in line 1: 'a\\tb\\tc\\td'"),
    ("ok\n\tto\tb", r"Received in line 2: '\\tto\\tb'"),
    ("a\tto\t", r"Received in line 1: 'a\\tto\\t'"),
    ("a\tC\na\tN", r"A node has one label\. Received: 'N' in line 2 for 'a', which has 'C'"),
    ([("a", "to", "")], r"Received: \('a', 'to', ''\)"),
    ([("a", None, "b")], r"Received: \('a', None, 'b'\)"),
    ([("a",), (float("nan"),)], r"Received: \(nan,\)"),
    (("a", "to", "b"), r"a list of tuples.* Received: 'a' in the list"),
    ([1, 2], r"a list of tuples.* Received: 1 in the list"),
    ([("a", "x\ty", "b")], r"Received: \('a', 'x\\ty', 'b'\)"),
    (7, r"A graph is a text or a list of edges\. Received: 7"),
]


@pytest.mark.parametrize(("graph", "message"), WRONG)
def test_what_is_no_graph_is_refused_by_its_index_and_line(reader, graph, message):
    with pytest.raises(ValueError, match=message):
        reader.as_raw([graph])
    with pytest.raises(ValueError, match="index 1"):
        reader.as_raw(["x", graph])


def test_a_server_reads_no_part_of_what_is_wrong_or_too_large(reader):
    texts = ["x\tto\ty", "a\tb\tc\td", "a\tto\tb\nb\tto\tc\nc\tto\td", "x" * 40, "", "q"]
    texts.append("x\tto\tx\nx\tto\ty\ny\tto\tx")  # two nodes, three edges
    limits = Limits(source_bytes=30, source_tokens=2)
    read = reader.encode_within(tf.constant(texts), limits)
    assert read.is_read.numpy().tolist() == [True, False, False, False, True, True, False]
    assert read.steps.numpy().tolist() == [2, 0, 0, 0, 0, 1, 0]
    assert read.encoded["nodes"].row_lengths().numpy().tolist() == [2, 0, 0, 0, 0, 1, 0]


def test_a_graph_of_networkx_is_one_of_lines():
    networkx = pytest.importorskip("networkx")
    graph = networkx.Graph()
    graph.add_edge("a", "b", type="bond")
    graph.add_edge("b", 3)
    graph.add_node("c", label="carbon")
    assert graph_as_text(graph) == "a\nb\n3\nc\tcarbon\na\tbond\tb\nb\tedge\t3"


def test_examples_are_checked_and_tags_may_be_missing(reader):
    graphs = TaggedGraphs(reader, ["first", "last"])
    given = [(TRIPLES, {"Ann": "first", "Cid": "last"}), ("x", ["last"])]
    raw, tags = next(iter(graphs.examples(given).ragged_batch(2)))
    x, y, weight = graphs(raw, tags)
    assert x["mask"].numpy().tolist() == [[True] * 3, [True, False, False]]
    assert (y.numpy()[weight.numpy() > 0]).tolist() == [0, 1, 1]
    assert weight.numpy().tolist() == [[1, 0, 1], [1, 0, 0]]
    wrong = [
        ({"Dan": "first"}, "one for 'Dan' of the graph at index 0"),
        (["first"], r"1 tags of the graph at index 0, which has 3 nodes"),
        ({"Ann": "other"}, "in the graph at index 0"),
        (None, "Received: None of the graph at index 0"),
        ("one", "Received: 'one' of the graph at index 0"),
    ]
    for tags, message in wrong:
        with pytest.raises(ValueError, match=message):
            graphs.examples([(TRIPLES, tags)])
    again = graphs.examples(graphs.examples([(TRIPLES, {"Ann": "first"})]))
    assert next(iter(again))[1].numpy().tolist() == [b"first", b"", b""]


def test_tags_know_nodes_in_every_normal_form():
    graphs = TaggedGraphs(GraphReader(TokenLookup(lowercase=True)))
    graphs.adapt([("José\tto\tAnn", {"Jose\u0301": "first", "ANN": "last"})])
    (_, tags) = next(iter(graphs.examples([("José\tto\tAnn", {"JOSE\u0301": "last"})])))
    assert tags.numpy().tolist() == [b"last", b""]


def test_pairs_and_classes_take_graphs_in_any_form():
    pairs = GraphPairs(GraphReader(), WhitespaceTokenizer())
    pairs.adapt([(TRIPLES, "Ann Bob"), ("x\tto\ty", "x y")])
    forms = [TRIPLES, graph_as_text(TRIPLES), graph_as_text(TRIPLES).encode()]
    assert len({text.numpy() for text in pairs.as_raw(forms)}) == 1
    with pytest.raises(ValueError, match=r"index 1 is none.*line 1"):
        pairs.examples([("x", "a"), ("\tto\t", "b")])
    labelled = LabelledGraphs(GraphReader())
    labelled.adapt([TRIPLES, "x\tto\tx"], ["open", "loop"])
    assert labelled.labels.names == ["loop", "open"]
    assert labelled.reader.nodes.vocabulary[4:] == ["Ann", "Bob", "Cid", "x"]
