"""Averages of weights, against the same averages taken by hand."""

import keras
import numpy as np
import pytest
from tiny_checkpoints import make_checkpoint
from tiny_tasks import make_bigram, reversal_pairs

from seqzoo.training import Adam, EvaluateAverage, Resume, average_checkpoints
from seqzoo.training.checkpoint_files import write_checkpoint

pytestmark = pytest.mark.usefixtures("eagerly")

PAIRS, MOMENTUM = reversal_pairs(12), 0.75


def values(variables):
    return [np.array(variable) for variable in variables]


class Watch(keras.callbacks.Callback):
    """Keeps the weights after each step, those of each validation, and what it sees of an epoch."""

    def __init__(self):
        super().__init__()
        self.steps, self.validated, self.at_end = [], [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(values(self.model.trainable_variables))

    def on_test_batch_begin(self, batch, logs=None):
        self.validated.append(values(self.model.trainable_variables))

    def on_epoch_end(self, epoch, logs=None):
        self.at_end.append(values(self.model.trainable_variables))


def moving_average(steps):
    """As Keras defines it: the first step's weights, then a share of what there is."""
    average = steps[0]
    for weights in steps[1:]:
        pairs = zip(average, weights, strict=True)
        average = [MOMENTUM * old + (1 - MOMENTUM) * new for old, new in pairs]
    return average


def assert_close(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def trained(callbacks, epochs=2, **settings):
    task = make_bigram()
    task.compile(Adam(0.1, use_ema=True, ema_momentum=MOMENTUM))
    settings = {"batch_size": 4, "validation_data": PAIRS[:3], "verbose": 0} | settings
    task.fit(PAIRS, epochs=epochs, callbacks=callbacks, **settings)
    return task


def test_validation_and_what_comes_before_it_see_the_average_and_training_does_not():
    before, behind = Watch(), Watch()
    task = trained([before, EvaluateAverage(), behind])

    assert len(before.steps) == 6
    first = moving_average(before.steps[:3])
    assert_close(before.validated[0], moving_average(before.steps[:3]))
    assert_close(before.at_end[0], first)
    assert_close(behind.at_end[0], before.steps[2])
    assert_close(behind.at_end[1], before.steps[5])
    assert np.abs(first[0] - before.steps[2][0]).max() > 1e-3
    assert_close(values(task.trainable_variables), moving_average(before.steps))


def test_the_steps_are_those_without_a_callback():
    plain, watched = Watch(), Watch()
    trained([plain])
    trained([watched, EvaluateAverage()])
    for one, other in zip(plain.steps, watched.steps, strict=True):
        assert_close(one, other)


def test_early_stopping_keeps_the_average_of_the_best_epoch():
    watch = Watch()
    best = keras.callbacks.EarlyStopping("val_loss", patience=9, restore_best_weights=True)
    task = trained([watch, best, EvaluateAverage()], epochs=3)
    place = best.best_epoch
    assert_close(values(task.trainable_variables), moving_average(watch.steps[: 3 * (place + 1)]))


@pytest.mark.slow
def test_a_training_that_resumes_has_the_same_average(tmp_path):
    def run(folder, epochs):
        watch = Watch()
        return trained([watch, EvaluateAverage(), Resume(folder)], epochs), watch

    whole, _ = run(tmp_path / "whole", 3)
    run(tmp_path / "parts", 1)
    parts, watch = run(tmp_path / "parts", 3)
    assert len(watch.at_end) == 2
    for one, other in zip(parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_optimizer_without_an_average_is_refused():
    task = make_bigram()
    task.compile()
    with pytest.raises(ValueError, match="Received: an optimizer with use_ema=False"):
        task.fit(PAIRS, verbose=0, callbacks=[EvaluateAverage()])


def test_the_mean_of_the_last_checkpoints_is_that_of_their_weights(tmp_path):
    task, watch = make_bigram(), Watch()
    task.compile(Adam(0.1))
    resume = Resume(tmp_path, every=2, keep=4)
    task.fit(PAIRS, batch_size=4, epochs=2, verbose=0, callbacks=[watch, resume])
    kept = sorted(int(path.stem[5:]) for path in tmp_path.glob("step-*"))
    assert kept == [2, 3, 4, 6]

    assert average_checkpoints(task, tmp_path, 3) == 3

    of_three = [watch.steps[step - 1] for step in (3, 4, 6)]
    mean = [np.mean(each, axis=0) for each in zip(*of_three, strict=True)]
    assert_close(values(task.trainable_variables), mean)
    assert average_checkpoints(task, tmp_path, 9) == 4
    for count, error in ((0, ValueError), (2, FileNotFoundError)):
        with pytest.raises(error, match=r"Received: (last=0|none in)"):
            average_checkpoints(task, tmp_path / "none", count)


def test_checkpoints_of_another_model_or_optimizer_are_refused_by_name(tmp_path):
    task = make_bigram()
    task.compile(keras.optimizers.SGD(0.1))
    task.fit(PAIRS, batch_size=6, verbose=0, callbacks=[Resume(tmp_path)])
    again = make_bigram(seed=5)
    again.compile(keras.optimizers.SGD(0.3))
    assert average_checkpoints(again, tmp_path, 1) == 1
    assert_close(values(again.trainable_variables), values(task.trainable_variables))

    again.compile(Adam(0.1))
    with pytest.raises(
        ValueError, match=r"0002\.npz must be .*: \d+ variables, where the checkpoint"
    ):
        average_checkpoints(again, tmp_path, 1)
    write_checkpoint(tmp_path, make_checkpoint(3))
    before = values(task.variables)
    with pytest.raises(ValueError, match=r"0003\.npz .* has kernel \[2, 3\]\. Give the model"):
        average_checkpoints(task, tmp_path, 2)
    assert_close(values(task.variables), before)
