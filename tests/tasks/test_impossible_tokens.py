"""Padding and the start token are in no answer of a model that has learned nothing."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import make_language_model, make_translator

from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search import BeamSearch, Sample
from seqzoo.search.step import never_generated

SEARCHES = {
    "beam": BeamSearch(width=12, n_best=12, max_length=4, stop="all"),
    "sample": Sample(n_samples=60, max_length=4),
}


def prefer_special_tokens(task):
    """Makes padding and start what the model would predict, if it could."""
    bias = np.zeros(task.head.vocabulary_size, "float32")
    bias[[Tokenizer.pad_id, Tokenizer.start_id]] = 9
    task.head.bias.assign(bias)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("make", [make_translator, make_language_model])
def test_no_hypothesis_holds_them_and_the_others_have_all_probability(make, search):
    task = make()
    prefer_special_tokens(task)
    found = task.hypotheses(
        task.preprocessor.prepare(tf.constant(["a b c", "d"])), SEARCHES[search]
    )
    token_ids, lengths = found.token_ids.numpy(), found.lengths.numpy()
    assert np.isfinite(found.scores).all()
    generated = np.arange(token_ids.shape[2]) < lengths[:, :, None]
    assert not np.isin(token_ids[generated], [Tokenizer.pad_id, Tokenizer.start_id]).any()
    assert (np.exp(found.token_log_probs.numpy()[generated]) > 0.01).all()  # of 9 tokens


@pytest.mark.parametrize("make", [make_translator, make_language_model])
def test_a_search_has_no_token_left_to_exclude_from_the_steps_of_a_task(make):
    task = make()
    log_probs = task.head.stepper()(np.zeros((3, task.decoder.hidden_size), "float32"))
    never = never_generated(Tokenizer.start_id, Tokenizer.end_id)
    assert never == (Tokenizer.pad_id, Tokenizer.start_id)
    assert log_probs.not_yet_impossible(never) == ()


def test_a_tied_embedding_gets_no_gradient_for_them_as_outputs():
    task = make_language_model(tie_embeddings=True)
    ids, y = np.array([[4, 5, 6]]), np.array([[5, 6, 0]])
    with tf.GradientTape() as tape:
        loss, count = task.head.loss(y, task({"token_ids": ids}), np.ones((1, 3), "float32"))
    gradient = tf.convert_to_tensor(tape.gradient(loss, task.decoder.embedding.embeddings))
    assert float(count) == 2
    assert np.isfinite(loss)
    assert not gradient.numpy()[[Tokenizer.pad_id, Tokenizer.start_id]].any()
    assert gradient.numpy()[[1, 3, 7]].any(axis=1).all()
