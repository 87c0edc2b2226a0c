"""Every builder makes the model of its paper, counted by hand, and it learns and answers."""

import inspect

import numpy as np
import pytest
import tensorflow as tf
from tiny_graphs import EXAMPLES as GRAPHS
from tiny_tasks import letters_tokenizer, reversal_pairs

from seqzoo import Greedy, zoo
from seqzoo.layers.attention import ATTENTIONS
from seqzoo.training.optimizer import Adam

V, E, U = 11, 6, 4  # tokens, width of embeddings, units


def lstm(inputs):
    return 4 * U * (inputs + U + 1)


def gru(inputs):
    return 3 * U * (inputs + U + 2)  # a bias of the inputs and one of the state


SCORES = {
    "dot": 0,
    "scaled_dot": 0,
    "general": U * U,
    "concat": U * (U + U) + U,
    "additive": U * (U + U) + U,
    "coverage": U * (U + U) + 3 * U,
    "location": U * (U + U) + 2 * U + 32 * (31 + U),
    "mocha": 2 * (U * (U + U) + 2 * U) + 2,
    "monotonic": U * (U + U) + 2 * U + 2,
    "multi_head": 4 * U * U,
}


def sutskever(layers):
    sides = 2 * (V * E + lstm(E) + (layers - 1) * lstm(U))
    return sides + (U + 1) * V


def bahdanau(cell, states):
    encoder = V * E + 2 * cell(E)
    bridge = states * (2 * U + 1) * U
    attention = U * (U + 2 * U) + U
    maxout = (U + 2 * U + E + 1) * U  # pairs of halves
    return encoder + V * E + bridge + cell(E + 2 * U) + attention + maxout + (U // 2 + 1) * V


def luong(layers, attention, input_feeding):
    encoder = V * E + lstm(E) + (layers - 1) * lstm(U)
    decoder = V * E + lstm(E + U * input_feeding) + (layers - 1) * lstm(U)
    return encoder + decoder + SCORES[attention] + (2 * U + 1) * U + (U + 1) * V


def see(attention):
    encoder = V * E + 2 * lstm(E)
    bridge = 2 * (2 * U + 1) * U
    scores = U * (U + 2 * U) + (3 if attention == "coverage" else 1) * U
    readout, gate = (U + 2 * U + 1) * U, U + 1
    return encoder + V * E + bridge + lstm(E + U) + scores + readout + gate + (U + 1) * V


def wu(layers):
    encoder = V * E + 2 * lstm(E) + (layers - 1) * 2 * lstm(2 * U)
    bridge = 2 * (2 * U + 1) * U
    return encoder + bridge + V * E + lstm(E) + (U + 2 * 2 * U + 1) * U + (U + 1) * V


ROWS = [
    ("see_2017", {}, see("coverage")),
    ("see_2017", {"attention": "additive"}, see("additive")),
    ("sutskever_2014", {"layers": 1}, sutskever(1)),
    ("sutskever_2014", {"layers": 3}, sutskever(3)),
    ("bahdanau_2015", {}, bahdanau(gru, 1)),
    ("bahdanau_2015", {"cell": "lstm"}, bahdanau(lstm, 2)),
    ("luong_2015", {"layers": 1, "attention": "dot"}, luong(1, "dot", True)),
    ("luong_2015", {"layers": 2, "attention": "general"}, luong(2, "general", True)),
    (
        "luong_2015",
        {"layers": 1, "attention": "concat", "input_feeding": False},
        luong(1, "concat", False),
    ),
    ("wu_2019", {}, wu(1)),
    ("wu_2019", {"layers": 2, "monotonic": False}, wu(2)),
]


TRANSLATORS = {
    name
    for name, builder in zoo.ZOO.items()
    if inspect.signature(builder).return_annotation == "Seq2Seq" and name not in GRAPHS
}


TRANSFORMERS = {"vaswani_2017", "raffel_2020"}


def build(name, **settings):
    sizes = {"units": U, "embedding_dim": E}
    if name in TRANSFORMERS:
        sizes = {"units": 8, "num_heads": 2}
    settings = sizes | settings
    sides = 1 if name == "see_2017" else 2
    return zoo.ZOO[name](*(letters_tokenizer() for _ in range(sides)), **settings)


def test_the_registry_names_its_builders():
    assert zoo.ZOO
    for name, builder in zoo.ZOO.items():
        assert builder.__name__ == name
        assert getattr(zoo, name) is builder
        assert name in zoo.__all__
        assert "Reference: " in inspect.getdoc(builder)
    # The weights of Transformers are counted in test_transformer_zoo.
    assert {name for name, *_ in ROWS} == TRANSLATORS - TRANSFORMERS


@pytest.mark.parametrize(("name", "settings", "count"), ROWS)
def test_the_model_has_the_weights_of_the_paper(name, settings, count):
    assert build(name, **settings).count_params() == count


def test_tied_embeddings_save_a_kernel():
    free, tied = (build("luong_2015", units=E, layers=1, tie_embeddings=tie) for tie in (0, 1))
    assert free.count_params() - tied.count_params() == E * V


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("sutskever_2014", {"layers": 2, "label_smoothing": 0.1}),
        ("bahdanau_2015", {"label_smoothing": 0.1}),
        ("luong_2015", {"layers": 2, "label_smoothing": 0.1}),
        ("see_2017", {"coverage_loss": 1.0}),
    ],
)
def test_the_model_takes_two_steps_and_answers(name, settings):
    task = build(name, dropout=0.1, search=Greedy(max_length=4), **settings)
    task.compile(Adam(0.05), run_eagerly=True)
    source, target = map(tf.constant, zip(*reversal_pairs(5), strict=True))
    batch = task.preprocessor(source, target)
    before = task.get_weights()

    losses = [task.train_on_batch(*batch[:2], sample_weight=batch[2])[0] for _ in range(2)]

    assert np.isfinite(losses).all()
    moves = [np.abs(w - b).max() for w, b in zip(task.get_weights(), before, strict=True)]
    still = [weight.path for weight, move in zip(task.weights, moves, strict=True) if move == 0]
    assert still == []
    served = task.serve(tf.constant(["a b", ""]))
    assert served["text"].shape == served["scores"].shape == (2, 1)
    assert served["text"].numpy()[1, 0] == b""


@pytest.mark.slow
def test_luong_takes_every_attention():
    for attention in ATTENTIONS:
        task = build("luong_2015", layers=1, attention=attention)
        assert task.count_params() == luong(1, attention, True)


@pytest.mark.parametrize("name", sorted(TRANSLATORS))
def test_lengths_smoothing_and_search_reach_the_task(name):
    of_head = {"coverage_loss" if name == "see_2017" else "label_smoothing": 0.3}
    task = build(name, max_source_length=7, max_target_length=8, search=Greedy(5), **of_head)
    assert (task.preprocessor.max_source_length, task.preprocessor.max_target_length) == (7, 8)
    assert of_head.items() <= task.head.get_config().items()
    assert task.search == Greedy(max_length=5)
