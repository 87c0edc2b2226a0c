"""What holds for every named model of graphs, and for each task that they are."""

import inspect
import warnings

import numpy as np
import pytest
import tensorflow as tf
from tiny_graphs import EXAMPLES, LETTERS, make_graph_task

from seqzoo import Greedy, Tagger, heads, load, zoo
from seqzoo.encoders import GraphEncoder
from seqzoo.layers import GatedGraph, GraphConvolution
from seqzoo.preprocessing import GraphReader, Limits, TaggedGraphs, TaggedTokens, TokenLookup
from seqzoo.tasks import GenerationTask
from seqzoo.training.optimizer import Adam

V, E, U, T = 4 + len(LETTERS), 5, 6, 4  # T: types of edges without padding
SEARCH = Greedy(max_length=4)
GRU = 3 * U * (2 * U + 2)
GATED = 2 * T * (U * U + U) + GRU
COUNTS = {
    "li_2016": V * E + GATED,
    "kipf_2017": V * E + (E + 1) * U + (U + 1) * U + (U + 1) * 2,
    "velickovic_2018": V * E + E * U + 2 * U + U + 2 * U * U + 4 * U + U + (U + 1) * 2,
}
TEXTS = ["a\tto\tb\nb\tto\tc\nq\tto\tb", "c", "a\tto\tb\nb\tto\ta\na\tto\ta"]
everywhere = pytest.mark.parametrize("name", EXAMPLES)


def numbers(task, texts):
    """What the task answers in numbers, for each text."""
    raw = task.preprocessor.as_raw(texts)
    if isinstance(task, GenerationTask):
        return task.serve(raw, SEARCH)["scores"].numpy()
    return task.marginals(texts) if isinstance(task, Tagger) else task.probabilities(texts)


def served(task, texts):
    raw = tf.constant(texts)
    answer = task.serve(raw, SEARCH) if isinstance(task, GenerationTask) else task.serve(raw)
    return {name: value.numpy() for name, value in answer.items()}


def test_every_builder_of_graphs_is_tested_here():
    builders = {n for n, b in zoo.ZOO.items() if b.__module__ == "seqzoo.zoo.graphs"}
    assert EXAMPLES.keys() == builders
    for name, builder in zoo.ZOO.items():
        if name in EXAMPLES:
            assert inspect.signature(builder).return_annotation in (
                "Seq2Seq",
                "Classifier",
                "Tagger",
            )


@pytest.mark.parametrize("name", COUNTS)
def test_a_model_has_the_weights_of_its_equations(name):
    task = make_graph_task(name)
    others = 0
    if name == "li_2016":  # what pools and decides
        others = task.pooling.count_params() + (U + E + 1) * 2
    weights = sum(np.prod(weight.shape) for weight in task.trainable_variables)
    assert weights == COUNTS[name] + others


@pytest.mark.usefixtures("eagerly")
@everywhere
def test_two_steps_move_every_weight_and_lower_the_loss(name):
    task = make_graph_task(name)
    task.compile(Adam(0.05), run_eagerly=True)
    examples, before = EXAMPLES[name](12), [w.numpy() for w in task.trainable_variables]
    losses = [task.train_on_batch(examples, return_dict=True)["loss"] for _ in range(2)]
    last = task.test_on_batch(examples, return_dict=True)["loss"]
    assert last < losses[0]
    for weight, old in zip(task.trainable_variables, before, strict=True):
        assert np.abs(weight.numpy() - old).max() > 0, weight.path


@pytest.mark.usefixtures("eagerly")
@everywhere
def test_the_order_of_lines_and_the_batch_change_nothing(name):
    task = make_graph_task(name)
    whole = numbers(task, TEXTS)
    for row, text in enumerate(TEXTS):
        np.testing.assert_allclose(numbers(task, [text])[0], whole[row], atol=1e-5)
    reversed_lines = ["\n".join(reversed(text.split("\n"))) for text in TEXTS]
    found = numbers(task, reversed_lines)
    if isinstance(task, Tagger):  # whose answers have the order of the nodes
        names = task.preprocessor.reader.names
        for row, text in enumerate(TEXTS):
            place = [names(reversed_lines[row]).index(name) for name in names(text)]
            np.testing.assert_allclose(found[row][place], whole[row], atol=1e-5)
    else:
        np.testing.assert_allclose(found, whole, atol=1e-5)


@everywhere
def test_saved_and_exported_tasks_give_the_same_answers(name, tmp_path):
    task = make_graph_task(name)
    texts = [*TEXTS, "", "a\tb\tc\td"]  # the last one is no graph: it has no answer
    wanted = served(task, texts)
    task.save(tmp_path / "task.keras")
    options = {"search": SEARCH} if isinstance(task, GenerationTask) else {}
    task.export(tmp_path / "export", **options)
    graph = tf.saved_model.load(tmp_path / "export/1").signatures["serving_default"]
    exported = {key: value.numpy() for key, value in graph(tf.constant(texts)).items()}
    for found in (served(load(tmp_path / "task.keras"), texts), exported):
        assert found.keys() == wanted.keys()
        for key, value in found.items():
            if value.dtype == object:
                assert (value == wanted[key]).all(), key
                assert set(np.ravel(value[4])) == {b""}, key
            else:
                np.testing.assert_allclose(value, wanted[key], atol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_a_graph_beyond_the_limits_gets_no_answer_and_a_warning():
    task = make_graph_task("beck_2018")
    task.limits = Limits(source_tokens=2)
    with pytest.warns(UserWarning, match=r"1 of 2 .* or 2 nodes or edges, .*source_tokens="):
        assert task.generate([TEXTS[0], "c\tto\td"], search=SEARCH)[0] == ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task.limits = Limits()
        task.generate([TEXTS[0]], search=SEARCH)


@pytest.mark.usefixtures("eagerly")
def test_pairs_of_graphs_are_scored_and_predicted_and_nodes_are_named():
    task = make_graph_task("beck_2018")
    (scored,) = task.score([([("a", "to", "b")], "a b")])
    assert scored.tokens == ["a", "b", "<end>"]
    assert task([("a\tto\tb", "a b")]).shape == (1, 3, V)
    assert task.source_tokens("a\tto\tb\nq\tto\ta") == ["a", "b", "<unk>"]
    with pytest.raises(ValueError, match="Leave it out"):
        task.fit([("a\tto\tb", "a b")], packed=True, verbose=0)
    with pytest.raises(ValueError, match="Leave it out"):
        make_graph_task("li_2016").fit([("a\tto\tb", "ring")], packed=True, verbose=0)


def test_parts_of_a_tagger_of_graphs_must_go_together():
    graphs = TaggedGraphs(GraphReader(), ["x", "y"])
    graphs.reader.adapt(["a\tto\tb"])
    encoder = GraphEncoder(6, 4, [GraphConvolution(5)])
    assert Tagger(encoder=encoder, preprocessor=graphs).head.crf is False
    wrong = [
        ({"encoder": GraphEncoder(9, 4, [GatedGraph(5)]), "preprocessor": graphs}, "must be 6"),
        ({"encoder": encoder, "preprocessor": TaggedTokens(TokenLookup())}, "needs `TaggedGraphs`"),
        ({"encoder": encoder, "preprocessor": graphs, "head": heads.Tags(2)}, "crf=False"),
    ]
    for parts, message in wrong:
        with pytest.raises(ValueError, match=message):
            Tagger(**{"head": heads.Tags(2, crf=False), **parts})
