"""What a training shows of itself, and that it stops where its numbers are no good."""

import math

import keras
import numpy as np
import pytest
from tiny_answering_tasks import classified, make_classifier
from tiny_tasks import Bigram, make_bigram, reversal_pairs

from seqzoo.training import Progress, Resume, StopAtBadStep, WarnOfIdleSteps

PAIRS, ROWS = reversal_pairs(12), 4
STEPS = len(PAIRS) // ROWS


class Logs(keras.callbacks.Callback):
    """Keeps the logs of steps and epochs."""

    def __init__(self):
        super().__init__()
        self.steps, self.epochs = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(dict(logs))

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(dict(logs))


def fit(callbacks, epochs=2, rate=0.5, task=None, **settings):
    task = make_bigram() if task is None else task
    task.compile(keras.optimizers.SGD(rate))
    settings = {"batch_size": ROWS, "verbose": 0} | settings
    task.fit(PAIRS, epochs=epochs, callbacks=callbacks, **settings)
    return task


def weights_of_batches(task):
    """The weights of the target tokens in each batch, 0 on padding."""
    batches = task.make_training_batches(PAIRS, None, ROWS, None, 0, None)
    return [weight for _, _, weight in batches.dataset.take(2 * STEPS).as_numpy_iterator()]


def test_progress_shows_target_tokens_a_second_and_the_share_of_padding(monkeypatch):
    clock = iter(np.arange(0.0, 100.0, 0.5))  # half a second for each step
    monkeypatch.setattr("seqzoo.training.watching.time.perf_counter", lambda: next(clock))
    logs = Logs()
    task = fit([Progress(), logs])

    for epoch in range(2):
        weights = weights_of_batches(task)[epoch * STEPS : (epoch + 1) * STEPS]
        tokens = [np.count_nonzero(weight) for weight in weights]
        first, *later = logs.steps[epoch * STEPS : (epoch + 1) * STEPS]
        assert "tokens_per_second" not in first  # it also traces
        for done, found in enumerate(later, 1):
            wanted = sum(tokens[1 : done + 1]) / (0.5 * done)
            assert found["tokens_per_second"] == pytest.approx(wanted)
        padding = 1 - sum(tokens) / sum(weight.size for weight in weights)
        assert 0 < padding < 1
        last = logs.epochs[epoch]
        assert last["padding"] == pytest.approx(padding, rel=1e-5)
        assert last["tokens_per_second"] == later[-1]["tokens_per_second"]


def test_the_bar_shows_speed_padding_gradients_and_nothing_that_only_counts(capsys):
    fit([Progress()], epochs=1, verbose=1)
    shown = capsys.readouterr().out
    for name in ("tokens_per_second", "padding", "gradient_norm"):
        assert f"{name}: " in shown
    assert "tokens: " not in shown


def test_a_bar_without_progress_shows_no_counts(capsys):
    fit([], epochs=1, verbose=1)
    shown = capsys.readouterr().out
    assert "padding: " in shown
    assert "tokens" not in shown.replace("token_accuracy", "")


def test_the_bar_of_a_classifier_counts_texts_and_shows_no_padding(capsys):
    task = make_classifier()
    task.compile(run_eagerly=True)
    logs = Logs()
    task.fit(classified(12), batch_size=4, verbose=1, callbacks=[Progress(), logs])
    shown = capsys.readouterr().out
    for name in ("examples_per_second", "gradient_norm", "accuracy", "loss"):
        assert f"{name}: " in shown
    for name in ("examples: ", "tokens", "padding"):
        assert name not in shown
    assert logs.epochs[0].keys() == {"accuracy", "gradient_norm", "examples_per_second", "loss"}


def test_rows_that_only_fill_up_a_batch_and_steps_without_weight_are_counted_as_what_they_are():
    task = make_bigram(raw=False)
    task.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    logs = Logs()
    y = np.array([[4, 5, 6], [5, 6, 0], [0, 0, 0], [7, 0, 0]])
    weight = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0], [1, 0, 0]], "float32")
    task.fit({"target_ids": y}, y, sample_weight=weight, verbose=0, callbacks=[logs])
    assert logs.steps[0]["tokens"] == 6  # of weight 0 one of them
    assert logs.steps[0]["padding"] == pytest.approx(3 / 9)


def test_evaluate_lists_the_loss_once_and_first():
    task = make_bigram()
    task.compile(weighted_metrics=["accuracy"], run_eagerly=True)
    listed = task.evaluate(PAIRS, verbose=0)
    named = task.evaluate(PAIRS, verbose=0, return_dict=True)
    assert named.keys() == {"loss", "accuracy", "token_accuracy", "perplexity"}
    order = ("loss", "accuracy", "token_accuracy", "perplexity")
    assert listed == pytest.approx([named[name] for name in order])


def test_what_stands_before_progress_finds_no_clock_time_in_its_logs():
    logs = Logs()
    fit([logs, Progress()], epochs=1)
    assert "tokens_per_second" not in logs.epochs[0]


class Break(keras.callbacks.Callback):
    """Sets a weight before a step, counted from 0 in all epochs."""

    def __init__(self, step, value):
        super().__init__()
        self.step, self.value = step, value

    def on_epoch_begin(self, epoch, logs=None):
        self.first = epoch * STEPS

    def on_train_batch_begin(self, batch, logs=None):
        if self.first + batch == self.step:
            bias = self.model.head.bias
            bias.assign(np.full(bias.shape, self.value, "float32"))


@pytest.mark.parametrize("step", [0, 2, 4])
def test_a_nan_stops_the_training_and_names_the_step_its_examples_and_the_checkpoint(
    tmp_path, step
):
    resume = Resume(tmp_path, every=2)
    task = make_bigram()
    with pytest.raises(FloatingPointError) as caught:
        fit([Break(step, math.nan), StopAtBadStep(resume=resume), resume], task=task)

    message = str(caught.value)
    epoch, batch = divmod(step, STEPS)
    where = f"loss=nan in step {step}, which is step {batch} of epoch {epoch + 1}."
    assert message.startswith(f"The training has gone wrong: {where}")
    rows = task.examples_of_step(step)
    assert f"Its batch holds the examples {rows}." in message
    source = {tuple(row) for row in source_ids(task, [PAIRS[row][0] for row in rows])}
    assert source == {tuple(row) for row in nth_batch(task, step)}
    last = {0: None, 2: 2, 4: 4}[step]
    if last is None:
        assert "There is no checkpoint yet." in message
    else:
        assert f"The last good checkpoint is that of step {last} in {tmp_path}." in message
        assert resume.step == last


def source_ids(task, texts):
    return task.preprocessor.source_ids(texts).numpy().tolist()


def nth_batch(task, step):
    batches = task.make_training_batches(PAIRS, None, ROWS, None, 0, None)
    x, _, _ = next(iter(batches.dataset.skip(step)))
    return x["source_ids"].numpy().tolist()


def test_a_norm_above_the_most_stops_although_the_mean_of_the_epoch_is_below(tmp_path):
    logs = Logs()
    fit([logs], epochs=1, rate=1e-6)
    usual = logs.epochs[0]["gradient_norm"]
    most, huge = 3 * usual, -50.0

    class Explode(Break):
        def on_train_batch_begin(self, batch, logs=None):
            if self.first + batch == self.step:
                kernel = self.model.head.kernel
                kernel.assign(kernel * self.value)

    logs = Logs()
    with pytest.raises(FloatingPointError, match=rf"gradient_norm=.* where {most:g} is the most"):
        fit([logs, Explode(2, huge), StopAtBadStep(most=most)], rate=1e-6)
    means = [each["gradient_norm"] for each in logs.steps]
    assert len(means) == 3  # in the step itself
    assert 3 * means[2] - 2 * means[1] > most
    fit([StopAtBadStep(most=most)], rate=1e-6)  # without it, none stops


def test_a_sound_training_is_left_alone():
    plain, watched = (
        fit(callbacks, epochs=1).get_weights() for callbacks in ([], [StopAtBadStep(), Progress()])
    )
    for one, other in zip(plain, watched, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("most", [0, -1.0, math.nan])
def test_a_largest_norm_that_is_not_positive_is_refused(most):
    with pytest.raises(ValueError, match="`most` must be positive"):
        StopAtBadStep(most=most)


class Weighted(keras.callbacks.Callback):
    """Sets a factor of the loss before a step, counted from 0 in all epochs."""

    def __init__(self, is_idle):
        super().__init__()
        self.is_idle, self.step = is_idle, -1

    def on_train_batch_begin(self, batch, logs=None):
        self.step += 1
        self.model.factor = 0.0 if self.is_idle(self.step) else 1.0


class Switched(Bigram):
    """A task whose targets weigh nothing at some steps."""

    factor = 1.0

    def _token_losses(self, x, y, outputs, weight):
        return super()._token_losses(x, y, outputs, weight * self.factor)


def history_of(is_idle, epochs, penalty=0.0, after=4):
    task, table = Switched(preprocessor=make_bigram().preprocessor, penalty=penalty), Logs()
    watching = WarnOfIdleSteps(after)
    fit([watching, Weighted(is_idle), table], epochs=epochs, task=task)
    return [logs.get("idle_steps") for logs in table.epochs]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("error:The last")
def test_steps_that_teach_nothing_are_warned_of_once_and_counted_in_the_history():
    with pytest.warns(UserWarning, match=r"The last 6 steps taught nothing: their gradients are 0"):
        assert history_of(lambda step: step > 1, epochs=3, penalty=0.1) == [1.0, 3.0, 3.0]
    assert history_of(lambda step: step % 3 != 0, epochs=2) == [2.0, 2.0]  # never 4 in a row


@pytest.mark.usefixtures("eagerly")
def test_batches_without_a_target_are_named_as_such():
    task = make_bigram(raw=False)
    task.compile(keras.optimizers.SGD(0.1))
    y = np.zeros((8, 3), int)
    with pytest.warns(UserWarning, match=r"last 4 steps taught nothing: their batches hold no t"):
        task.fit(
            {"target_ids": y}, y, batch_size=2, verbose=0, callbacks=[WarnOfIdleSteps(after=4)]
        )


@pytest.mark.parametrize("after", [0, -1])
def test_a_number_of_steps_that_is_not_positive_is_refused(after):
    with pytest.raises(ValueError, match="`after` must be at least 1"):
        WarnOfIdleSteps(after)
