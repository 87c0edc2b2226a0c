"""What a TPU would run, compiled by XLA with all sizes known: train steps and decoding."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import make_translator, reversal_pairs

from seqzoo import BeamSearch, Greedy
from seqzoo.tasks import TASKS

# Builders of small tasks, always the same; a batch `(x, y, weight)`; what is decoded from it.
BUILDERS = {
    "seq2seq": lambda **settings: make_translator("sutskever_2014", units=6, **settings),
}


def batch_of(task):
    source, target = zip(*reversal_pairs(5), strict=True)
    return task.preprocessor(tf.constant(source), tf.constant(target))


def test_every_task_of_the_registry_is_tested_here():
    assert BUILDERS.keys() == TASKS.keys()


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
            task.train_on_batch(*batch_of(task))
        found.append(task.get_weights())
    plain, compiled = found
    assert max(np.abs(w - s).max() for w, s in zip(plain, start, strict=True)) > 1e-3
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("search", [Greedy(max_length=7), BeamSearch(width=3, max_length=7)])
@pytest.mark.parametrize("name", [n for n in TASKS if hasattr(TASKS[n], "hypotheses")])
def test_decoding_that_xla_compiles_finds_the_same(name, search):
    task = BUILDERS[name]()
    (x, *_), decode = batch_of(task), lambda ids: task.hypotheses(ids, search)
    wanted = decode(x["source_ids"])
    found = tf.function(decode, jit_compile=True)(x["source_ids"])
    np.testing.assert_array_equal(found.token_ids, wanted.token_ids)
    np.testing.assert_allclose(found.scores, wanted.scores, rtol=1e-4)
