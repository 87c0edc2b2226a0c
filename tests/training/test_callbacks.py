"""Callbacks on a plain Keras model whose dropout and optimizer have state."""

import csv
import math

import keras
import numpy as np
import pytest

from seqzoo.training.callbacks import DecodingMetric, HistoryFile, TimingFile
from seqzoo.training.resume import Resume

BATCHES = 3


class Stopped(Exception):  # noqa: N818
    pass


class Interruption(keras.callbacks.Callback):
    """Stops the training in the middle of an epoch, counted from 0."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == 1:
            raise Stopped


def make_model(units=5):
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.layers.Dense(units, "tanh"), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    model.build((None, 3))
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCHES * 4, 3)).astype("float32")
    return x, np.sin(x).sum(axis=1, keepdims=True)


class Scores(keras.callbacks.Callback):
    """Adds a score that is best in the epoch 1, counted from 0."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_score"] = 1 / (1 + abs(epoch - 1))


def train(folder, epochs=6, patience=9, interruption=None, units=5):
    """Trains in a folder and returns the model and the resumption."""
    history, timing = HistoryFile(folder / "history.csv"), TimingFile(folder / "timing.csv")
    best = keras.callbacks.EarlyStopping(
        monitor="val_score", mode="max", patience=patience, restore_best_weights=True
    )
    resume = Resume(folder / "checkpoints", [history, timing], best)
    model = make_model(units)
    callbacks = [Scores(), best, history, timing, resume]
    model.fit(
        *data(),
        batch_size=4,
        shuffle=False,
        epochs=epochs,
        initial_epoch=resume.initial_epoch(epochs),
        callbacks=[*callbacks, *([interruption] if interruption else [])],
        verbose=0,
    )
    return model, resume


def history(folder):
    return (folder / "history.csv").read_text()


def assert_same_weights(one, other):
    for left, right in zip(weights(one), weights(other), strict=True):
        np.testing.assert_array_equal(left, right)


def weights(model):
    return [np.asarray(variable) for variable in model.weights]


def test_a_resumed_training_has_the_history_and_weights_of_one_that_never_stopped(tmp_path):
    whole, _ = train(tmp_path / "whole")
    with pytest.raises(Stopped):
        train(tmp_path / "parts", interruption=Interruption(4))
    parts, _ = train(tmp_path / "parts")

    assert history(tmp_path / "parts") == history(tmp_path / "whole")
    assert_same_weights(parts, whole)  # those of epoch 1, before the interruption


def test_a_resumed_training_goes_on_from_the_state_of_optimizer_and_dropout(tmp_path):
    whole, _ = train(tmp_path / "whole", patience=1, epochs=2)
    train(tmp_path / "parts", epochs=1)
    parts, _ = train(tmp_path / "parts", epochs=2)

    assert_same_weights(parts, whole)


def test_a_resumed_training_waits_no_longer_for_a_better_epoch(tmp_path):
    train(tmp_path / "whole", patience=3)
    with pytest.raises(Stopped):
        train(tmp_path / "parts", patience=3, interruption=Interruption(4))
    train(tmp_path / "parts", patience=3)

    assert history(tmp_path / "whole").count("\n") == 1 + 5
    assert history(tmp_path / "parts") == history(tmp_path / "whole")


def test_a_training_that_stopped_early_is_over_and_gets_its_best_weights_again(tmp_path):
    before, _ = train(tmp_path, patience=2)
    rows = history(tmp_path)
    after, resume = train(tmp_path, patience=2)

    assert resume.initial_epoch(6) == 6
    assert history(tmp_path) == rows
    assert_same_weights(before, after)


def test_the_last_three_checkpoints_are_kept_and_a_broken_one_gives_way_to_the_one_before(tmp_path):
    _, resume = train(tmp_path, epochs=4)
    files = sorted(path.name for path in (tmp_path / "checkpoints").glob("step-*"))
    broken = tmp_path / "checkpoints" / files[-1]
    assert files == [f"step-{BATCHES * epoch:09d}.npz" for epoch in (2, 3, 4)]
    assert resume.step == 4 * BATCHES

    broken.write_bytes(broken.read_bytes()[:100])
    assert resume.step == 3 * BATCHES
    assert resume.initial_epoch(9) == 3


def test_checkpoints_that_cannot_be_read_are_an_error_and_not_a_new_start(tmp_path):
    (tmp_path / "step-000000003.npz").write_bytes(b"PK")

    with pytest.raises(ValueError, match=r"None of the checkpoints in .* can be read: step-0"):
        Resume(tmp_path).initial_epoch(3)


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    train(tmp_path, epochs=1)

    with pytest.raises(ValueError, match=r"one of this training\. Received in .*checkpoint"):
        train(tmp_path, epochs=2, units=6)


def test_a_model_that_is_not_built_cannot_be_resumed(tmp_path):
    train(tmp_path, epochs=1)
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")

    with pytest.raises(ValueError, match="Call `build` before `fit`"):
        model.fit(*data(), callbacks=[Resume(tmp_path / "checkpoints")], verbose=0)


def test_a_folder_without_checkpoints_is_a_start(tmp_path):
    resume = Resume(tmp_path / "none")

    assert (resume.step, resume.initial_epoch(3)) == (0, 0)


def test_the_history_file_begins_with_epoch_loss_and_token_accuracy_and_reads_back(tmp_path):
    history = HistoryFile(tmp_path / "history.csv")
    history.on_epoch_end(0, {"perplexity": 2.5, "token_accuracy": 0.1, "loss": 1 / 3})
    history.on_epoch_end(1, {"perplexity": 2.25, "token_accuracy": 0.2, "loss": math.nan, "a": 1})

    lines = (tmp_path / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss,token_accuracy,perplexity,a"
    first, second = csv.DictReader(lines)
    assert float(first["loss"]) == 1 / 3
    assert (first["epoch"], first["a"], second["epoch"], second["a"]) == ("1", "", "2", "1.0")
    assert second["loss"] == "nan"


def test_the_timing_file_counts_the_seconds_of_each_epoch(tmp_path, monkeypatch):
    clock = iter([10.0, 12.5, 20.0, 20.125])
    monkeypatch.setattr("seqzoo.training.callbacks.time.perf_counter", lambda: next(clock))
    timing = TimingFile(tmp_path / "timing.csv")
    for epoch in range(2):
        timing.on_epoch_begin(epoch)
        timing.on_epoch_end(epoch, {"loss": 1.0})

    assert (tmp_path / "timing.csv").read_text() == "epoch,seconds\n1,2.5\n2,0.12\n"


class Echo:
    def generate(self, inputs):
        return [text.upper() for text in inputs]


def share_equal(outputs, references):
    return float(np.mean([one == other for one, other in zip(outputs, references, strict=True)]))


def test_a_decoding_metric_adds_scores_of_what_the_model_generates():
    callback = DecodingMetric([("a", "A"), ("b", "b"), ("c", "C"), ("d", "x")], {"e": share_equal})
    callback.set_model(Echo())
    logs = {"loss": 1.0}
    callback.on_epoch_end(0, logs)

    assert logs == {"loss": 1.0, "val_e": 0.5}


def test_a_decoding_metric_scores_what_a_function_of_the_model_predicts():
    callback = DecodingMetric([("a", 1)], {"e": share_equal}, lambda model, inputs: [len(inputs)])
    callback.set_model(Echo())
    logs = {}
    callback.on_epoch_end(0, logs)

    assert logs == {"val_e": 1.0}


def test_early_stopping_keeps_the_weights_of_the_best_decoding(tmp_path):
    scores = iter([0.1, 0.9, 0.5, 0.2])
    seen = []

    def score(outputs, references):
        seen.append(weights(model))
        return next(scores)

    model = make_model()
    model.fit(
        *data(),
        epochs=9,
        verbose=0,
        callbacks=[
            DecodingMetric([("a", "b")], {"score": score}, lambda model, inputs: inputs),
            keras.callbacks.EarlyStopping(
                monitor="val_score", mode="max", patience=2, restore_best_weights=True
            ),
        ],
    )

    assert len(seen) == 4
    for one, other in zip(weights(model), seen[1], strict=True):
        np.testing.assert_array_equal(one, other)
