"""What a TPU would run, compiled by XLA with all sizes known: train steps and decoding."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import (
    classified,
    make_classifier,
    make_masked_language_model,
    make_tagger,
    tagged,
)
from tiny_captioners import captioned_pictures, make_captioner
from tiny_music import make_frame_model, rising_pieces
from tiny_series import make_forecaster, wandering_series
from tiny_tasks import letter_texts, make_language_model, make_translator, reversal_pairs

from seqzoo import BeamSearch, Greedy
from seqzoo.tasks import TASKS, SentenceEncoder

# Builders of small tasks, always the same, and their raw examples.
BUILDERS = {
    "captioner": lambda: make_captioner("vinyals_2015", units=6),
    "seq2seq": lambda: make_translator("sutskever_2014", units=6),
    "language_model": make_language_model,
    "classifier": make_classifier,
    "tagger": make_tagger,
    "masked_language_model": make_masked_language_model,
    "frame_model": make_frame_model,
    "forecaster": make_forecaster,
}
EXAMPLES = {
    "captioner": captioned_pictures,
    "seq2seq": reversal_pairs,
    "language_model": letter_texts,
    "classifier": classified,
    "tagger": tagged,
    "masked_language_model": letter_texts,
    "frame_model": rising_pieces,
    "forecaster": wandering_series,
}
TEXTS = ["a b c", "g", "e e f a"]
INPUTS = {
    "captioner": [tf.io.encode_png(pixels).numpy() for pixels, _ in captioned_pictures(3)],
    "language_model": TEXTS,
    "seq2seq": TEXTS,
}


def test_every_task_of_the_registry_is_tested_here():
    trained = {name for name, task in TASKS.items() if task is not SentenceEncoder}
    assert BUILDERS.keys() == EXAMPLES.keys() == trained


def one_of_each_family(names):
    """The names, those slow whose family has another one: XLA compiles a step for 20 seconds."""
    return [
        name if name in ("seq2seq", "tagger") else pytest.param(name, marks=pytest.mark.slow)
        for name in names
    ]


@pytest.mark.parametrize("parts", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", one_of_each_family(BUILDERS))
def test_a_train_step_that_xla_compiles_learns_the_same(name, parts):
    found = []
    for way in ({"run_eagerly": True}, {"jit_compile": True}):
        task = BUILDERS[name]()
        optimizer = keras.optimizers.SGD(0.5, global_clipnorm=0.2)
        task.compile(optimizer, accumulation_steps=parts, **way)
        start = task.get_weights()
        batches = task.make_training_batches(EXAMPLES[name](12), None, 5, None, 0, None)
        for batch in batches.dataset.take(2):
            task.train_on_batch(*batch)
        found.append(task.get_weights())
    plain, compiled = found
    assert max(np.abs(w - s).max() for w, s in zip(plain, start, strict=True)) > 1e-3
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "search",
    [
        BeamSearch(width=3, max_length=7),
        pytest.param(Greedy(max_length=7), marks=pytest.mark.slow),  # test_search_laws has it
    ],
)
@pytest.mark.parametrize(
    "name", one_of_each_family(n for n in TASKS if hasattr(TASKS[n], "hypotheses"))
)
def test_decoding_that_xla_compiles_finds_the_same(name, search):
    task = BUILDERS[name]()
    inputs = task.preprocessor.prepare(tf.constant(INPUTS[name]))
    wanted = task.hypotheses(inputs, search)
    found = tf.function(lambda ids: task.hypotheses(ids, search), jit_compile=True)(inputs)
    np.testing.assert_array_equal(found.token_ids, wanted.token_ids)
    np.testing.assert_allclose(found.scores, wanted.scores, rtol=1e-4)
