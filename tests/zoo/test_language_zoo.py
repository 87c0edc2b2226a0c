"""The language models of the zoo have the weights of their papers, learn and answer."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import letter_texts, letters_tokenizer

from seqzoo import Greedy, zoo
from seqzoo.training.optimizer import Adam

V, E, U = 11, 6, 4  # tokens, width of embeddings, units


def lstm(inputs, units=U):
    return 4 * units * (inputs + units + 1)


ROWS = [
    ("zaremba_2014", {}, V * U + 2 * lstm(U) + (U + 1) * V),
    ("zaremba_2014", {"layers": 1, "embedding_dim": E}, V * E + lstm(E) + (U + 1) * V),
    ("zaremba_2014", {"layers": 3, "tie_embeddings": True}, V * U + 3 * lstm(U) + V),
    ("merity_2018", {"embedding_dim": E}, V * E + lstm(E) + lstm(U) + lstm(U, E) + V),
    (
        "merity_2018",
        {"embedding_dim": E, "layers": 1, "tie_embeddings": False},
        V * E + lstm(E, E) + (E + 1) * V,
    ),
]


def build(name, **settings):
    return zoo.ZOO[name](letters_tokenizer(), **{"units": U, **settings})


@pytest.mark.parametrize(("name", "settings", "count"), ROWS)
def test_the_model_has_the_weights_of_the_paper(name, settings, count):
    assert build(name, size="paper", **settings).count_params() == count


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", sorted({name for name, *_ in ROWS}))
def test_the_model_takes_two_steps_and_answers(name):
    task = build(name, search=Greedy(max_length=4), window_length=3)
    task.compile(Adam(0.05), run_eagerly=True)
    before = task.get_weights()

    history = task.fit(
        letter_texts(4), batch_size=3, steps_per_epoch=2, epochs=1, verbose=0
    ).history

    assert np.isfinite(history["loss"]).all()
    moves = [np.abs(w - b).max() for w, b in zip(task.get_weights(), before, strict=True)]
    still = [weight.path for weight, move in zip(task.weights, moves, strict=True) if move == 0]
    assert still == []
    served = task.serve(tf.constant(["a b", ""]))
    assert served["text"].shape == served["scores"].shape == (2, 1)


@pytest.mark.parametrize("name", sorted({name for name, *_ in ROWS}))
def test_lengths_ends_and_search_reach_the_task(name):
    task = build(name, window_length=7, max_target_length=8, end_tokens=False, search=Greedy(5))
    text = task.preprocessor
    assert (text.window_length, text.max_target_length, text.end_tokens) == (7, 8, False)
    assert task.search == Greedy(max_length=5)


def test_awd_lstm_drops_and_penalises_in_training_only():
    task = build("merity_2018", embedding_dim=E, layers=3)
    encoder = task.encoder
    assert [layer.weight_drop for layer in encoder.recurrent] == [0.5] * 3
    assert [drop.rate for drop in encoder.drops] == [0.4, 0.25, 0.25, 0.4]
    assert encoder.embedding.rate == 0.1
    ids = np.array([[4, 5, 6, 7, 8]])
    task({"token_ids": ids}, training=True)
    assert len(task.losses) == 2
    assert all(float(loss) > 0 for loss in task.losses)
    plain = task({"token_ids": ids})
    assert task.losses == []
    np.testing.assert_array_equal(task({"token_ids": ids}), plain)
