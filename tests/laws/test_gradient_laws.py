"""Every task learns and measures the same from one batch, however it is split, ordered or padded.

One device, two replicas, accumulated parts and batches put together of other ones: the weights
after a few steps on sequences of different lengths, clipped, in float64 and float32, and the
history of the loss and the metrics.
"""

import contextlib

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

from seqzoo.tasks import TASKS, SentenceEncoder
from seqzoo.training import Adam

STEPS = 3
ROWS = 7  # no multiple of two replicas or of three parts


def masked_language_model():
    task = make_masked_language_model(window_length=11)
    task.preprocessor.window_length = 8  # so that there are positions for more padding
    return task


# Builders of small tasks, always the same, and their raw examples.
BUILDERS = {
    "captioner": lambda: make_captioner("vinyals_2015", units=6),
    "seq2seq": lambda: make_translator("sutskever_2014", units=6, embedding_dim=5),
    "language_model": make_language_model,
    "classifier": make_classifier,
    "tagger": make_tagger,
    "masked_language_model": masked_language_model,
    "frame_model": make_frame_model,
    "forecaster": make_forecaster,
}
EXAMPLES = {
    "captioner": lambda: captioned_pictures(40),
    "seq2seq": lambda: reversal_pairs(40),
    "language_model": lambda: letter_texts(40),
    "classifier": lambda: classified(40),
    "tagger": lambda: tagged(40),
    "masked_language_model": lambda: letter_texts(200),
    "frame_model": lambda: rising_pieces(40),
    "forecaster": lambda: wandering_series(40),
}

OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.5, global_clipnorm=0.2),
    "adam": lambda: Adam(0.02, epsilon=1e-3, global_clipnorm=0.2),
}
slow = pytest.mark.slow
CASES = [
    ("float64", "adam", 1e-9),
    pytest.param("float32", "sgd", 1e-5, marks=slow),
    pytest.param("float32", "adam", 1e-5, marks=slow),
]
# Ways to take the same steps, by replicas, parts, and whether rows are mixed and padded. To trace
# them is most of the time, for each part on each replica; one device and its parts run eagerly.
BY_DEFAULT = [(1, 3, True), (2, 1, False)]
OTHERS = [(2, 2, True), (1, 4, False), (1, 3, False), (1, 1, True)]


def test_every_task_of_the_registry_is_tested_here():
    trained = {name for name, task in TASKS.items() if task is not SentenceEncoder}
    assert BUILDERS.keys() == EXAMPLES.keys() == trained


def make_task(name, dtype, optimizer, scope=None, **settings):
    keras.config.set_dtype_policy(dtype)
    try:
        with scope or contextlib.nullcontext():
            task = BUILDERS[name]()
            task.compile(OPTIMIZERS[optimizer](), **settings)
    finally:
        keras.config.set_dtype_policy("float32")
    return task


def learned(task, name):
    """Weights after the steps on batches of the task's own stream, and the history."""
    settings = {"batch_size": ROWS, "steps_per_epoch": STEPS, "verbose": 0}
    history = task.fit(EXAMPLES[name](), **settings).history
    return task.get_weights(), history


def shuffled_and_padded(task, name):
    """The same batches with their rows in another order, and more padding.

    A row of a language model goes on in the next batch, so that nothing stands between, and windows
    of series are as long as they are.
    """
    batches = task.make_training_batches(EXAMPLES[name](), None, ROWS, None, 0, None)

    def other(*batch):
        def mixed(tensor):
            pad = [[0, 0], [0, 3]] + [[0, 0]] * (len(tensor.shape) - 2)
            padded = name not in ("language_model", "forecaster") and len(tensor.shape) > 1
            padded = padded and tensor.dtype != tf.uint8  # pixels have no steps
            return tf.reverse(tf.pad(tensor, pad) if padded else tensor, [0])

        return tf.nest.map_structure(mixed, batch)

    raw = task.preprocessor
    task.preprocessor = raw if name == "forecaster" else None  # which it scales windows by
    history = task.fit(batches.dataset.map(other), steps_per_epoch=STEPS, verbose=0).history
    task.preprocessor = raw
    return task.get_weights(), history


@pytest.mark.parametrize("ways", [BY_DEFAULT, pytest.param(OTHERS, marks=slow)], ids=str)
@pytest.mark.parametrize(("dtype", "optimizer", "tolerance"), CASES)
@pytest.mark.parametrize("name", BUILDERS)
def test_the_weights_do_not_depend_on_replicas_parts_order_or_padding(
    name, dtype, optimizer, tolerance, ways, two_replicas
):
    one_device = make_task(name, dtype, optimizer, run_eagerly=True)
    start = one_device.get_weights()
    wanted, measured = learned(one_device, name)
    moved = max(np.abs(w - s).max() for w, s in zip(wanted, start, strict=True))
    assert moved > 0.02
    for replicas, parts, mixed in ways:
        scope = two_replicas.scope() if replicas == 2 else None
        settings = {"accumulation_steps": parts, "run_eagerly": replicas == 1}
        task = make_task(name, dtype, optimizer, scope, **settings)
        found, history = (shuffled_and_padded if mixed else learned)(task, name)
        assert {variable.dtype for variable in task.trainable_variables} == {dtype}
        if name == "forecaster":
            tolerance = max(tolerance, 1e-8)  # its head speaks in float32
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)
        for key, values in measured.items():
            assert history[key] == pytest.approx(values, rel=1e-5), key
