"""Every text task gives for data in any form what it gives for plain lists."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import (
    classified,
    make_classifier,
    make_masked_language_model,
    make_sentence_encoder,
    make_tagger,
    tagged,
    tokenizer,
)
from tiny_data_forms import FORMS
from tiny_tasks import letter_texts, make_bigram, make_language_model, reversal_pairs

from seqzoo import zoo
from seqzoo.preprocessing import LabelledText, WhitespaceTokenizer

COUNT = 7


def sides(pairs):
    return tuple(map(list, zip(*pairs, strict=True)))


def numbered(kind):
    texts, labels = sides(classified(COUNT))
    return texts, [kind(label == "yes") for label in labels]


def make_numbered():
    keras.utils.set_random_seed(1)
    text = LabelledText(tokenizer(WhitespaceTokenizer), ["0", "1"])
    return zoo.kim_2014(text, embedding_dim=5, filters=4, windows=(2, 3), dropout=0.0)


TASKS = {
    "classifier": (
        lambda: make_classifier("kim_2014"),
        sides(classified(COUNT)),
        ("text", "label"),
    ),
    "classifier of integers": (make_numbered, numbered(int), ("text", "label")),
    "classifier of floats": (make_numbered, numbered(float), ("text", "label")),
    "tagger": (make_tagger, sides(tagged(COUNT)), ("tokens", "tags")),
    "translator": (make_bigram, sides(reversal_pairs(COUNT)), ("source", "target")),
    "language model": (make_language_model, (letter_texts(COUNT), None), ("text",)),
    "masked language model": (
        make_masked_language_model,
        (letter_texts(COUNT), None),
        ("text",),
    ),
    "sentence encoder": (make_sentence_encoder, (letter_texts(COUNT), None), ("text",)),
}


@functools.cache
def task_of(name):
    task = TASKS[name][0]()
    task.compile(keras.optimizers.SGD(0.0), run_eagerly=True)  # no step changes it
    return task


def results_of(name, form):
    """Losses and outputs for examples in one form."""
    task, fitted, evaluated = task_of(name), given(name, form), given(name, form)
    if name == "sentence encoder":
        return [task.predict(fitted.x, verbose=0, columns=fitted.columns)]
    task.optimizer.iterations.assign(0)  # which tokens are hidden depends on it
    options = {"batch_size": 4, "verbose": 0, "columns": fitted.columns}
    return [
        task.fit(fitted.x, fitted.y, **options).history["loss"],
        task.evaluate(evaluated.x, evaluated.y, **options),
    ]


def given(name, form, with_targets=True):
    _, (inputs, targets), roles = TASKS[name]
    made = FORMS[form](inputs, targets if with_targets else None, roles)
    if made is None:
        pytest.skip("the library of this form is not installed")
    return made


@functools.cache
def wanted(name):
    return results_of(name, "list of pairs")


@functools.cache
def wanted_outputs(name):
    return task_of(name).predict(list(TASKS[name][1][0]), verbose=0)


# By default one task in a few forms, and every task in one of them.
FEW = ("dict of other names", "rows of a hub", "tf.data of dicts in batches", "PyDataset")


def is_slow(name, form):
    return form not in FEW if name == "classifier of integers" else form != FEW[1]


CASES = [
    pytest.param(name, form, marks=[pytest.mark.slow] if is_slow(name, form) else [])
    for name in TASKS
    for form in FORMS
]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_a_form_trains_and_evaluates_as_lists_do(name, form, eagerly):
    got = results_of(name, form)
    for ours, theirs in zip(got, wanted(name), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize(
    "form",
    [pytest.param(f, marks=[] if f in FEW else [pytest.mark.slow]) for f in FORMS],
)
def test_a_form_is_predicted_as_lists_are(form, eagerly):
    name = "classifier of integers"
    inputs = given(name, form, with_targets=False)
    outputs = task_of(name).predict(inputs.x, verbose=0, columns=inputs.columns)
    np.testing.assert_allclose(outputs, wanted_outputs(name), rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in TASKS if name != "translator"])
def test_calls_and_batches_give_what_predict_gives(name, eagerly):
    task, texts = task_of(name), TASKS[name][1][0]
    for outputs in (task(texts), task.predict_on_batch(texts)):
        np.testing.assert_allclose(tf.convert_to_tensor(outputs), wanted_outputs(name), rtol=1e-5)


def test_a_translator_is_called_on_pairs(eagerly):
    task, pairs = task_of("translator"), reversal_pairs(COUNT)
    x, *_ = task.preprocessor(*(tf.constant(side) for side in sides(pairs)))
    for outputs in (task(pairs), task.predict_on_batch(pairs), task.predict(pairs, verbose=0)):
        np.testing.assert_allclose(tf.convert_to_tensor(outputs), task(x), rtol=1e-5)
    with pytest.raises(ValueError, match="depend on the targets: it is given pairs"):
        task.predict(["a b"])


@pytest.mark.parametrize("name", [name for name in TASKS if name != "sentence encoder"])
def test_a_step_on_raw_examples_is_one_of_fit(name, eagerly):
    task, (inputs, targets) = task_of(name), TASKS[name][1]
    task.optimizer.iterations.assign(0)
    trained = task.train_on_batch(inputs, targets, return_dict=True)["loss"]
    assert np.isfinite(trained)
    tested = task.test_on_batch(inputs, targets, return_dict=True)["loss"]
    assert tested == pytest.approx(trained, rel=1e-5)
    if "model" not in name:  # whose texts follow each other in `fit`
        history = task.fit(inputs, targets, batch_size=COUNT, verbose=0).history
        assert history["loss"] == pytest.approx([trained], rel=1e-5)
