"""`fit(epochs="auto")` chooses by the examples, and leaves alone what a user gave."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import classified, make_classifier
from tiny_tasks import letter_texts, make_language_model, make_translator, reversal_pairs

from seqzoo.amounts import Amounts, choose_amounts
from seqzoo.tasks import chosen_training
from seqzoo.training import Resume
from seqzoo.training.schedules import CosineRate


class Rates(keras.callbacks.Callback):
    """The learning rate of each step."""

    def on_train_begin(self, logs=None):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


@pytest.fixture
def short(monkeypatch, eagerly):
    """Trainings of 2 epochs in batches of 5, so that a test is quick."""
    monkeypatch.setattr(chosen_training, "choose_amounts", lambda *_: Amounts(5, 2))


def chosen(task, examples, batch_size=None, tokens_per_batch=None, validated=False):
    task.compile()
    sizes = batch_size, tokens_per_batch
    read = task.read(examples)
    return chosen_training.choose_training(task, read, *sizes, [], validated, verbose=0)


def test_few_examples_come_often_in_small_batches_and_many_seldom_in_large_ones():
    assert chosen(make_classifier(), classified(21))[:2] == (8, 34)  # 3 steps, 100 in all
    assert choose_amounts(1000, tokens=20) == (8, 30)
    assert choose_amounts(8530, tokens=20) == (32, 15)
    assert choose_amounts(200_000, tokens=20) == (128, 3)


def test_a_given_size_stays():
    translator = make_translator()
    assert chosen(translator, reversal_pairs(40), batch_size=10)[:2] == (10, 30)
    # Pairs of 1 to 5 letters and an end on each side are 8 tokens long, so that 2 make a batch.
    assert chosen(translator, reversal_pairs(40), tokens_per_batch=16)[:2] == (None, 30)


def test_a_dataset_of_unknown_size_is_counted():
    data = tf.data.Dataset.from_tensor_slices(tuple(map(list, zip(*classified(21), strict=True))))
    unknown = data.filter(lambda *_: True)
    assert unknown.cardinality() == tf.data.UNKNOWN_CARDINALITY
    assert chosen(make_classifier(), unknown)[:2] == (8, 34)


def test_a_running_text_counts_windows():
    texts = letter_texts(9)
    tokens = sum(len(text.split()) + 1 for text in texts)
    model = make_language_model(window_length=5)
    batch_size, epochs, _ = chosen(model, texts)
    steps = math.ceil(math.ceil(tokens / 5) / 8)
    assert (batch_size, epochs) == (8, math.ceil(100 / steps))


def test_it_tells_in_one_line_what_it_chose(short, capsys):
    task, examples = make_classifier(), classified(12)
    task.fit(examples, validation_data=classified(4, seed=1), epochs="auto", verbose=2)
    (line,) = capsys.readouterr().err.splitlines()
    told = ["12 examples", f"{task.count_params():,} parameters", "2 epochs in batches of 5"]
    for part in (*told, "cosine", "best val_accuracy"):
        assert part in line


def test_the_rate_of_a_task_that_was_not_compiled_falls_to_0_and_is_as_before_after_it(short):
    task, rates = make_classifier(), Rates()
    task.fit(classified(12), epochs="auto", callbacks=[rates], verbose=0)
    # 6 steps, of which none rises; fewer than 100 steps are as large as any
    cosine = [0.02 * (1 + math.cos(math.pi * step / 6)) / 2 for step in range(6)]
    np.testing.assert_allclose(rates.seen, cosine, rtol=1e-5)
    assert float(task.optimizer.learning_rate) == pytest.approx(1e-3)


def test_the_optimizer_of_a_user_and_class_weights_stay(short):
    histories, rates = [], Rates()
    for options in ({"epochs": "auto"}, {"epochs": 2, "batch_size": 5}):
        task = make_classifier()
        task.compile(keras.optimizers.SGD(0.3))
        options |= {"class_weight": {"yes": 3.0}, "callbacks": [rates], "verbose": 0}
        histories.append(task.fit(classified(12), **options).history)
        assert rates.seen == pytest.approx([0.3] * 6)
    assert histories[0] == histories[1]


def test_the_weights_of_the_best_epoch_stay(short):
    # The second epoch is harmful: its rate is far too high.
    harm = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 30.0 if epoch else 0.05)
    task = make_classifier()
    task.compile(keras.optimizers.SGD(0.05))
    task.watched = "loss"
    held_out = classified(9, seed=1)
    options = {"validation_data": held_out, "callbacks": [harm], "verbose": 0}
    losses = task.fit(classified(12), epochs="auto", **options).history["val_loss"]
    assert losses[0] < losses[1]
    now = task.evaluate(held_out, return_dict=True, verbose=0)["loss"]
    assert now == pytest.approx(losses[0], rel=1e-5)


def test_examples_that_are_held_out_are_validated_on(short):
    history = make_classifier().fit(classified(12), epochs="auto", validation_split=0.5, verbose=0)
    assert len(history.history["val_accuracy"]) == 2


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"steps_per_epoch": 3}, "steps_per_epoch=3"),
        ({"packed": True}, "packed=True"),
        ({"x": {"inputs": np.ones((2, 3), "int32")}, "y": np.ones(2)}, "tensors"),
        ({"x": tf.data.Dataset.from_tensor_slices((["a"], ["yes"])).repeat()}, "endless"),
    ],
)
def test_what_it_cannot_choose_for_is_named(options, named):
    with pytest.raises(ValueError, match=named):
        make_classifier().fit(**{"x": classified(4), **options}, epochs="auto", verbose=0)


def test_a_training_that_may_resume_needs_a_number(tmp_path):
    options = {"callbacks": [Resume(tmp_path / "checkpoints")], "verbose": 0}
    with pytest.raises(ValueError, match="Resume"):
        make_classifier().fit(classified(4), epochs="auto", **options)


def test_the_rate_rises_in_a_line_and_falls_along_half_a_cosine():
    rate = CosineRate(0.6)
    rate.set_params({"epochs": 4, "steps": 10})
    rates = [rate.rate(step) for step in range(40)]
    assert rates[:3] == pytest.approx([0.2, 0.4, 0.6])  # two of 40 steps rise
    assert rates[21] == pytest.approx(0.3)
    assert rates[39] == pytest.approx(0.3 * (1 - math.cos(math.pi / 38)))
