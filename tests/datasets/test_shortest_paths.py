"""Questions of shortest paths: their answers, their splits and their other forms."""

import networkx
import pytest

from seqzoo.datasets import shortest_paths

SPLITS = shortest_paths.load(seed=3, train_size=40, validation_size=15, test_size=30)


def graph_of(text):
    """The graph of a question, its start and its end."""
    lines = [line.split("\t") for line in text.split("\n")]
    marks = {kind: node for node, kind, _ in lines if kind != "edge"}
    graph = networkx.Graph((a, b) for a, kind, b in lines if kind == "edge")
    return graph, marks["start"], marks["end"]


@pytest.mark.parametrize("split", SPLITS)
def test_the_answer_is_the_only_shortest_path(split):
    for text, answer in SPLITS[split]:
        graph, start, end = graph_of(text)
        assert 5 <= len(graph) <= shortest_paths.MAX_NODES
        assert networkx.is_connected(graph)
        paths = list(networkx.all_shortest_paths(graph, start, end))
        assert paths == [answer.split()]
        assert len(paths[0]) > 2


def test_no_question_stands_in_two_splits_under_other_names():
    seen = {name: [graph_of(text) for text, _ in split] for name, split in SPLITS.items()}

    def alike(one, other):
        for graph, start, end in (one, other):
            networkx.set_node_attributes(
                graph, {node: (node == start, node == end) for node in graph}, "mark"
            )
        same = networkx.algorithms.isomorphism.categorical_node_match("mark", None)
        return networkx.is_isomorphic(one[0], other[0], node_match=same)

    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not any(alike(one, other) for one in seen[first] for other in seen[second])


def test_a_question_under_other_names_has_the_only_shortest_path_too():
    pairs = SPLITS["train"][:10]
    again = shortest_paths.renamed(pairs, times=6)
    assert len(again) == 60
    assert len({answer for _, answer in again}) > 40
    for text, answer in again:
        graph, start, end = graph_of(text)
        assert list(networkx.all_shortest_paths(graph, start, end)) == [answer.split()]


def test_half_of_the_questions_have_lengths_that_are_equally_frequent():
    short, long = [("3\tstart\t3", "3 5 7")] * 99, [("3\tstart\t3", "3 5 7 9 11")]
    again = shortest_paths.renamed(short + long, times=20, even_lengths=True)
    share = sum(len(answer.split()) == 5 for _, answer in again) / len(again)
    assert 0.23 < share < 0.29


def test_the_same_seed_gives_the_same_questions():
    again = shortest_paths.load(seed=3, train_size=40, validation_size=15, test_size=30)
    assert again == SPLITS
    assert shortest_paths.load(seed=4, train_size=2)["train"] != SPLITS["train"][:2]
