"""A task answers as it is now: after `quantize`, `enable_lora` and other weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import letters_tokenizer

import seqzoo as sz

TEXTS = ["a b c", "d e"]
SIZES = {"units": 8, "layers": 1, "num_heads": 2}
SEARCH = sz.Greedy(max_length=2)


def translator():
    keras.utils.set_random_seed(0)
    tokenizer = letters_tokenizer()
    task = sz.zoo.vaswani_2017(tokenizer, tokenizer, **SIZES)
    for embedding in embeddings(task):  # large enough for a rounded one to be seen
        embedding.embeddings.assign(
            np.random.default_rng(1).normal(size=embedding.embeddings.shape)
        )
    return task


def embeddings(task):
    """The embeddings of a task, one of both sides once."""
    return {id(part.embedding): part.embedding for part in (task.encoder, task.decoder)}.values()


def scores(task):
    return [answers[0].score for answers in task.generate(TEXTS, SEARCH, return_hypotheses=True)]


def scores_of_no_trace(task):
    inputs = task.preprocessor.prepare(task.preprocessor.as_raw(TEXTS))
    return task.hypotheses(inputs, SEARCH).scores[:, 0].numpy()


def quantize(task):
    task.quantize("int8")


def enable_lora(task):
    for embedding in embeddings(task):
        embedding.enable_lora(2)
        embedding.lora_embeddings_b.assign(np.eye(*embedding.lora_embeddings_b.shape))


def assign(task):
    for weight in task.trainable_variables:
        weight.assign(weight + 0.1)


@pytest.mark.parametrize("change", [quantize, enable_lora, assign])
def test_a_changed_task_answers_anew_and_is_saved_as_it_is(change, tmp_path):
    task = translator()
    before = scores(task)
    change(task)
    changed = scores(task)
    assert np.abs(np.subtract(changed, before)).max() > 1e-4
    if change is quantize:  # a rounded model answers nearly as before
        np.testing.assert_allclose(changed, before, rtol=0.1)
    np.testing.assert_allclose(changed, scores_of_no_trace(task), rtol=1e-5)
    task.save(tmp_path / "task.keras")
    np.testing.assert_allclose(scores(sz.load(tmp_path / "task.keras")), changed, rtol=1e-5)


@pytest.mark.parametrize("name", ["radford_2019", "zaremba_2014"])
def test_a_quantized_language_model_scores_anew(name):
    keras.utils.set_random_seed(0)
    task = sz.zoo.ZOO[name](letters_tokenizer(), **{k: SIZES[k] for k in ("units", "layers")})
    embedding = task.encoder.embedding
    embedding.embeddings.assign(np.random.default_rng(1).normal(size=embedding.embeddings.shape))
    (before,) = task.score(["a b c"])
    task.quantize("int8")
    (after,) = task.score(["a b c"])
    assert 1e-5 < abs(after.score - before.score) < 1


@pytest.mark.parametrize("name", ["hewamalage_2021", "salinas_2020"])
def test_a_quantized_forecaster_answers_anew(name):
    windows = sz.preprocessing.ForecastWindows(lookback=6, horizon=2)
    series = np.sin(np.arange(30.0)) * np.arange(30)
    windows.adapt(series)
    task = sz.zoo.FORECASTERS[name](windows, units=8)
    before = task.forecast(series)
    task.quantize("int8")
    changed = task.forecast(series)
    raw = {name: tf.constant(each) for name, each in windows.as_raw(series).items()}
    assert np.abs(changed - before).max() > 0
    np.testing.assert_allclose(changed, task.answer_raw(raw)["forecast"], rtol=1e-5)
    if name == "salinas_2020":
        paths = task.paths(series, count=3)
        task.network.trainable_variables[0].assign_add(1 + 0 * task.network.trainable_variables[0])
        assert np.abs(task.paths(series, count=3) - paths).max() > 0
