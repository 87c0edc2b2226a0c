"""What a TPU would run, compiled by XLA with all sizes known: train steps and decoding."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import classified, make_classifier, make_tagger, tagged
from tiny_tasks import make_translator, reversal_pairs

from seqzoo import BeamSearch, Greedy
from seqzoo.preprocessing import evaluation_batches
from seqzoo.tasks import TASKS

# Builders of small tasks, always the same, and their raw examples.
BUILDERS = {
    "seq2seq": lambda: make_translator("sutskever_2014", units=6),
    "classifier": make_classifier,
    "tagger": make_tagger,
}
EXAMPLES = {"seq2seq": reversal_pairs, "classifier": classified, "tagger": tagged}


def batch_of(task, name):
    """A batch `(x, y, weight)`."""
    examples = task.preprocessor.examples(EXAMPLES[name](5))
    return next(iter(evaluation_batches(examples, task.preprocessor, 5)))


def test_every_task_of_the_registry_is_tested_here():
    assert BUILDERS.keys() == EXAMPLES.keys() == TASKS.keys()


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("name", TASKS)
def test_a_train_step_that_xla_compiles_learns_the_same(name, parts):
    found = []
    for jit_compile in (False, True):
        task = BUILDERS[name]()
        optimizer = keras.optimizers.SGD(0.5, global_clipnorm=0.2)
        task.compile(optimizer, jit_compile=jit_compile, accumulation_steps=parts)
        start = task.get_weights()
        for _ in range(2):
            task.train_on_batch(*batch_of(task, name))
        found.append(task.get_weights())
    plain, compiled = found
    assert max(np.abs(w - s).max() for w, s in zip(plain, start, strict=True)) > 1e-3
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("search", [Greedy(max_length=7), BeamSearch(width=3, max_length=7)])
@pytest.mark.parametrize("name", [n for n in TASKS if hasattr(TASKS[n], "hypotheses")])
def test_decoding_that_xla_compiles_finds_the_same(name, search):
    task = BUILDERS[name]()
    (x, *_), decode = batch_of(task, name), lambda ids: task.hypotheses(ids, search)
    wanted = decode(x["source_ids"])
    found = tf.function(decode, jit_compile=True)(x["source_ids"])
    np.testing.assert_array_equal(found.token_ids, wanted.token_ids)
    np.testing.assert_allclose(found.scores, wanted.scores, rtol=1e-4)
