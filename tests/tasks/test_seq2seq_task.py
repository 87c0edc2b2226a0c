"""Training and evaluation of a task: every form of examples, seeds, epochs, own losses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import make_bigram, make_translator, reversal_pairs

from seqzoo import Seq2Seq, load
from seqzoo.heads import Tokens
from seqzoo.training.optimizer import Adam

PAIRS = reversal_pairs(21)
SOURCES, TARGETS = ([pair[side] for pair in PAIRS] for side in (0, 1))


def dataset():
    return tf.data.Dataset.from_tensor_slices((SOURCES, TARGETS))


def fit(x=PAIRS, y=None, **settings):
    """A small task after training with these arguments, and its history."""
    task = make_bigram()
    task.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    settings = {"batch_size": 8, "verbose": 0, **settings}
    return task, task.fit(x, y, **settings).history


def assert_weights_equal(one, other, **tolerance):
    for found, wanted in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, **{"rtol": 1e-6, "atol": 1e-7, **tolerance})


@pytest.fixture(scope="module")
def trained():
    """Two epochs over the pairs."""
    return fit(epochs=2, validation_data=PAIRS[:5])


@pytest.mark.parametrize(
    ("x", "y", "validation_data"),
    [
        (SOURCES, TARGETS, (SOURCES[:5], TARGETS[:5])),
        (dataset(), None, dataset().take(5)),
        (np.array(PAIRS), None, [[source.encode(), target] for source, target in PAIRS[:5]]),
    ],
    ids=["two lists", "dataset", "array"],
)
def test_every_form_of_examples_gives_the_same_training(trained, x, y, validation_data):
    task, history = fit(x, y, epochs=2, validation_data=validation_data)

    assert_weights_equal(task, trained[0])
    for name, values in trained[1].items():
        assert history[name] == pytest.approx(values, rel=1e-6)


def test_the_history_has_loss_accuracy_and_perplexity_of_every_epoch(trained):
    _, history = trained
    names = {"loss", "token_accuracy", "perplexity"}
    assert history.keys() == names | {f"val_{name}" for name in names} | {"gradient_norm"}
    assert all(len(values) == 2 for values in history.values())
    assert history["loss"][1] < history["loss"][0]


def test_a_seed_gives_the_order_of_the_examples(trained):
    same, _ = fit(epochs=2, seed=0)
    other, _ = fit(epochs=2, seed=1)

    assert_weights_equal(same, trained[0])
    assert np.abs(other.embedding.get_weights()[0] - same.embedding.get_weights()[0]).max() > 1e-4


def test_a_later_initial_epoch_goes_on_with_the_stream(trained):
    task, _ = fit()
    history = task.fit(PAIRS, batch_size=8, initial_epoch=1, epochs=2, verbose=0)

    assert history.epoch == [1]
    assert_weights_equal(task, trained[0])


def test_epochs_may_be_of_another_length_and_batches_of_tokens():
    task, _ = fit(batch_size=None, tokens_per_batch=12, steps_per_epoch=3, epochs=2)
    assert int(task.optimizer.iterations) == 6


def test_a_budget_of_tokens_is_refused_for_tensors():
    task = make_translator()
    task.preprocessor = None
    task.compile()
    with pytest.raises(ValueError, match=r"`tokens_per_batch` needs a preprocessor.*Received: to"):
        task.fit({"source_ids": np.ones((2, 3))}, np.ones((2, 3)), tokens_per_batch=9)


def test_tensors_are_trained_on_where_there_is_no_preprocessor():
    x, y, weight = make_bigram().preprocessor(tf.constant(SOURCES), tf.constant(TARGETS))
    task = make_bigram(raw=False)
    task.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    x = {name: ids.numpy() for name, ids in x.items()}
    history = task.fit(
        x,
        y.numpy(),
        sample_weight=weight.numpy(),
        batch_size=len(PAIRS),
        validation_data=(x, y.numpy(), weight.numpy()),
        verbose=0,
    ).history

    by_texts, raw_history = fit(batch_size=len(PAIRS), validation_data=PAIRS)
    assert_weights_equal(task, by_texts)
    assert {name: values[0] for name, values in history.items()} == pytest.approx(
        {name: values[0] for name, values in raw_history.items()}, rel=1e-5
    )


def test_evaluation_is_exact_per_token_whatever_the_batches():
    task = make_bigram()
    task.compile(run_eagerly=True)
    x, y, weight = task.preprocessor(tf.constant(SOURCES), tf.constant(TARGETS))
    logits = task(x).numpy().astype("float64")
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nll = -np.take_along_axis(log_probs, y.numpy()[..., None], -1)[..., 0]
    possible = [i for i in range(logits.shape[-1]) if i not in task.head.impossible]
    smoothed = 0.9 * nll - 0.1 * log_probs[..., possible].mean(-1)
    wanted = {
        "loss": np.average(smoothed, weights=weight),
        "perplexity": np.exp(np.average(nll, weights=weight)),
        "token_accuracy": np.average(logits.argmax(-1) == y, weights=weight),
    }

    for batch_size in (1, 4, 64):
        found = task.evaluate(PAIRS, batch_size=batch_size, return_dict=True, verbose=0)
        assert found == pytest.approx(wanted, rel=1e-5)
    found = task.evaluate(SOURCES, TARGETS, return_dict=True, verbose=0)
    assert found == pytest.approx(wanted, rel=1e-5)
    batches = dataset().batch(6).map(task.preprocessor)
    found = task.evaluate(batches, return_dict=True, verbose=0)
    assert found == pytest.approx(wanted, rel=1e-5)


def test_a_users_optimizer_loss_and_metrics_are_honoured():
    task = make_bigram()
    task.compile(
        keras.optimizers.SGD(0.25),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=["accuracy"],
        run_eagerly=True,
    )
    x, y, weight = task.preprocessor(tf.constant(SOURCES), tf.constant(TARGETS))
    with tf.GradientTape() as tape:
        nll = keras.losses.sparse_categorical_crossentropy(y, task(x), from_logits=True)
        mean = tf.reduce_sum(nll * weight) / tf.reduce_sum(weight)
    gradient = tape.gradient(mean, task.hidden.kernel.value)
    wanted = task.hidden.kernel.numpy() - 0.25 * gradient

    history = task.fit(PAIRS, batch_size=len(PAIRS), verbose=0).history

    np.testing.assert_allclose(task.hidden.kernel, wanted, rtol=1e-4, atol=1e-6)
    assert history["loss"] == pytest.approx([float(mean)], rel=1e-5)
    assert history["perplexity"] == pytest.approx([float(np.exp(mean))], rel=1e-5)
    assert history["accuracy"] == pytest.approx(history["token_accuracy"])


def test_a_loss_by_name_gets_logits_in_float32():
    task = make_bigram(dtype="mixed_bfloat16")
    seen = []

    def loss(y, outputs):
        seen.append(outputs.dtype)
        return keras.losses.sparse_categorical_crossentropy(y, outputs, from_logits=True)

    task.compile("sgd", loss=loss, run_eagerly=True)
    task.fit(PAIRS[:3], verbose=0)
    assert set(seen) == {tf.float32}


def test_the_default_is_adam_whose_gradients_are_clipped():
    task = make_bigram()
    task.compile()
    assert isinstance(task.optimizer, Adam)
    assert float(task.optimizer.learning_rate) == pytest.approx(1e-3)
    assert task.optimizer.global_clipnorm == 1.0


def test_an_optimizer_clips_as_before_when_the_task_is_compiled_again():
    moves = []
    for times in (1, 2):
        task = make_bigram()
        before = task.hidden.kernel.numpy()
        optimizer = keras.optimizers.SGD(1.0, global_clipnorm=1e-3)
        for _ in range(times):
            task.compile(optimizer, run_eagerly=True)
        task.fit(PAIRS, batch_size=len(PAIRS), verbose=0)
        moves.append(task.hidden.kernel - before)

    assert 0 < np.linalg.norm(moves[0]) <= 1e-3
    np.testing.assert_allclose(*moves, rtol=1e-5, atol=1e-9)


def test_early_stopping_and_checkpoints_of_keras_work(tmp_path):
    callbacks = [
        keras.callbacks.EarlyStopping("val_loss", mode="max", patience=1),
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True),
    ]
    task, history = fit(validation_data=PAIRS[:5], epochs=9, callbacks=callbacks)

    assert len(history["loss"]) == 2
    assert_weights_equal(keras.saving.load_model(tmp_path / "best.keras"), task)


def test_an_argument_that_is_for_tensors_is_refused_in_words():
    with pytest.raises(ValueError, match="`fit` takes no `shuffle` with raw examples: `seed`"):
        fit(shuffle=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a", "b"], ["a"]), "Received 2 sources but 1 targets"),
        (("a b", "b a"), "list of sources is needed. Received one text"),
        (([],), "corpus is empty"),
        ((["a", "b"],), r"list of \(source, target\) pairs"),
        ((tf.data.Dataset.from_tensor_slices(["a"]),), "dataset of pairs of string scalars"),
        ((tf.data.Dataset.from_tensor_slices({"a": ["a"]}),), "Expected a column 'source'"),
    ],
)
def test_what_is_no_example_is_refused_in_words(arguments, message):
    task = make_bigram()
    task.compile()
    for method in (task.fit, task.evaluate):
        with pytest.raises(ValueError, match=message):
            method(*arguments, verbose=0)


def test_validation_examples_that_are_none_are_refused_in_words():
    task = make_bigram()
    task.compile()
    with pytest.raises(ValueError, match="Received 2 sources but 1 targets"):
        task.fit(PAIRS, validation_data=(["a", "b"], ["a"]), verbose=0)


@pytest.mark.parametrize("part", ["encoder", "decoder", "head"])
def test_a_part_of_another_vocabulary_is_refused(part):
    task, larger = make_translator(), make_translator()
    wrong = {
        "encoder": lambda: type(task.encoder)(13, embedding_dim=4, units=3),
        "decoder": lambda: type(task.decoder)(13, embedding_dim=4, units=3, attention=None),
        "head": lambda: Tokens(13),
    }[part]()
    parts = {"encoder": larger.encoder, "decoder": larger.decoder, "head": larger.head}
    with pytest.raises(ValueError, match=f"The {part} has a vocabulary of 13 tokens .* of 11"):
        Seq2Seq(**{**parts, part: wrong}, preprocessor=task.preprocessor)


def test_all_weights_are_there_before_any_data():
    task = make_translator()
    assert task.built
    x = {"source_ids": np.array([[5, 4, 3]]), "target_ids": np.array([[2, 4]])}
    before = len(task.weights)
    assert task(x).shape == (1, 2, 11)
    assert len(task.weights) == before
    assert task.source_tokens("a zz b") == ["a", "<unk>", "b", "<end>"]


def test_a_task_with_tied_embeddings_has_one_weight_and_keeps_the_tie_when_saved(tmp_path):
    task = make_translator(units=10, embedding_dim=10, tie_embeddings=True)
    free = make_translator(units=10, embedding_dim=10)
    assert free.count_params() - task.count_params() == 10 * 11
    assert len({id(weight) for weight in task.weights}) == len(task.weights)

    task.compile()
    task.save(tmp_path / "tied.keras")
    again = load(tmp_path / "tied.keras")

    x = {"source_ids": np.array([[5, 4, 3]]), "target_ids": np.array([[2, 4]])}
    np.testing.assert_allclose(again(x), task(x), rtol=1e-5)
    again.decoder.embedding.embeddings.assign(0 * again.decoder.embedding.embeddings)
    possible = np.delete(again(x) - again.head.bias, again.head.impossible, axis=-1)
    np.testing.assert_allclose(possible, 0, atol=1e-6)
