"""Every builder makes the model of its paper, counted by hand, and it takes a step."""

import inspect

import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import LETTERS, classified, make_classifier, make_tagger, tagged
from tiny_graphs import EXAMPLES as GRAPHS

from seqzoo import zoo
from seqzoo.training.optimizer import Adam

V = 4 + len(LETTERS)


def lstm(inputs, units):
    return 4 * units * (inputs + units + 1)


def classes(features):
    return 2 * (features + 1) + 1  # 1: the temperature


def conv(window, inputs, filters):
    return (window * inputs + 1) * filters


def crf(tags=3):
    return tags * tags + 2 * tags


CLASSIFIERS = {
    "conneau_2017": V * 5 + 2 * lstm(5, 6) + classes(12),
    "lin_2017": V * 5 + 2 * lstm(5, 6) + 12 * 4 + 4 * 2 + classes(2 * 12),
    "kim_2014": V * 5 + conv(2, 5, 4) + conv(3, 5, 4) + classes(8),
    "bai_2018": V * 5 + conv(3, 5, 6) + 3 * conv(3, 6, 6) + (5 + 1) * 6 + classes(6),
}
WORDS = V * 5 + V * 3
TAGGERS = {
    "ma_2016": WORDS + conv(3, 3, 4) + 2 * lstm(5 + 4, 6) + (12 + 1) * 3 + crf(),
    "lample_2016": WORDS + 2 * lstm(3, 4) + 2 * lstm(5 + 8, 6) + (12 + 1) * 3 + crf(),
}


def test_every_builder_of_the_registry_is_tested_here():
    kinds = {
        name: inspect.signature(builder).return_annotation
        for name, builder in zoo.ZOO.items()
        if name not in GRAPHS  # of which test_graph_tasks has weights
    }
    assert set(CLASSIFIERS) == {name for name, kind in kinds.items() if kind == "Classifier"}
    assert set(TAGGERS) == {name for name, kind in kinds.items() if kind == "Tagger"}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_has_the_weights_of_the_paper_and_takes_a_step(name):
    task = make_classifier(name, label_smoothing=0.1, class_weights=[1.0, 2.0])
    assert task.count_params() == CLASSIFIERS[name]
    assert task.head.label_smoothing == 0.1
    batch = task.preprocessor(*map(tf.constant, zip(*classified(5), strict=True)))
    assert_moves(task, batch)


@pytest.mark.parametrize("name", TAGGERS)
def test_a_tagger_has_the_weights_of_the_paper_and_takes_a_step(name):
    task = make_tagger(name)
    assert task.count_params() == TAGGERS[name]
    sentences, tags = zip(*tagged(8), strict=True)
    # Of two letters each, so that what goes from letter to letter learns too.
    tokens = [[2 * letter for letter in letters] for letters in sentences]
    assert_moves(task, task.preprocessor(tf.ragged.constant(tokens), tf.ragged.constant(tags)))


def assert_moves(task, batch):
    task.compile(Adam(0.05), run_eagerly=True)
    before = [weight.numpy() for weight in task.trainable_weights]
    losses = [task.train_on_batch(*batch[:2], sample_weight=batch[2])[0] for _ in range(2)]
    assert np.isfinite(losses).all()
    for weight, old in zip(task.trainable_weights, before, strict=True):
        assert np.abs(weight.numpy() - old).max() > 0, weight.path
