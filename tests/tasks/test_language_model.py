"""A language model: what is carried, what is counted, how it goes on, what it refuses."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_cells import FastWeightCell
from tiny_tasks import (
    BEAM,
    letter_texts,
    letters_tokenizer,
    make_language_model,
    trained_language_model,
)

from seqzoo import BeamSearch, Greedy, LanguageModel, from_preset
from seqzoo.decoders import LanguageDecoder, language
from seqzoo.encoders import LanguageEncoder
from seqzoo.heads import Tokens
from seqzoo.layers.cells import CELLS
from seqzoo.preprocessing import ByteTokenizer, CharacterTokenizer, Limits, RunningText, windows
from seqzoo.preprocessing.windows import training_windows
from seqzoo.training import Resume
from seqzoo.zoo import merity_2018

TEXTS = letter_texts(11)
SGD = {"learning_rate": 0.5, "global_clipnorm": 0.2}


@pytest.fixture(scope="module")
def trained():
    return trained_language_model().task


def log_probs_at_once(task, texts):
    """The log-prob of each token, from one call over the whole stream, in float64."""
    ids = task.preprocessor.stream(texts).token_ids
    logits = task({"token_ids": np.array([[3, *ids[:-1]]], "int32")}).numpy()[0].astype("float64")
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return log_probs[np.arange(len(ids)), ids]


def test_an_evaluation_in_windows_is_that_of_the_whole_text(trained, monkeypatch):
    monkeypatch.setattr(windows, "_TOKENS_AT_ONCE", 4)
    log_probs = log_probs_at_once(trained, TEXTS)
    characters = sum(len(text) + 1 for text in TEXTS)

    found = trained.evaluate(TEXTS, return_dict=True, verbose=0)

    assert found["loss"] == pytest.approx(-log_probs.mean(), rel=1e-5)
    assert found["perplexity"] == pytest.approx(np.exp(-log_probs.mean()), rel=1e-5)
    bits = -log_probs.sum() / np.log(2) / characters
    assert found["bits_per_character"] == pytest.approx(bits, rel=1e-5)


def test_streaming_log_probs_are_those_of_the_whole_text(trained, monkeypatch):
    from seqzoo.tasks import language_model

    monkeypatch.setattr(language_model, "_CHUNK", 3)
    scored = list(trained.score_stream(iter(TEXTS)))

    found = np.concatenate([each.token_log_probs for each in scored])
    np.testing.assert_allclose(found, log_probs_at_once(trained, TEXTS), rtol=1e-4, atol=1e-5)
    assert scored[0].tokens == [*TEXTS[0].split(), "<end>"]
    assert scored[0].score == pytest.approx(scored[0].token_log_probs.sum())


def test_each_text_is_scored_for_itself(trained):
    first, second = trained.score(TEXTS[:2])
    assert trained.score([TEXTS[1]])[0].score == pytest.approx(second.score)
    np.testing.assert_allclose(
        first.token_log_probs, log_probs_at_once(trained, TEXTS[:1]), rtol=1e-4, atol=1e-5
    )
    likely, unlikely = (each.score for each in trained.score(["a b c d e f", "f a c a e b"]))
    assert likely > unlikely + 3


def test_training_is_truncated_back_propagation_with_the_state_carried():
    task, reference = make_language_model(), make_language_model()
    task.compile(keras.optimizers.SGD(**SGD))
    task.fit(TEXTS, batch_size=3, epochs=2, validation_data=TEXTS[:2], verbose=0)

    text = reference.preprocessor.stream(TEXTS)
    batches, state = training_windows(text, 3, 5), None
    for place, (x, y, weight) in enumerate(batches.dataset.take(2 * batches.steps_per_epoch)):
        if place % batches.steps_per_epoch == 0:
            state = None
        with tf.GradientTape() as tape:
            hidden, after = reference.decoder.run(x["token_ids"], state)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, reference.head(hidden))
            loss = tf.reduce_sum(losses * weight) / tf.reduce_sum(weight)
        gradients = tape.gradient(loss, reference.trainable_variables)
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        gradients, _ = tf.clip_by_global_norm(gradients, SGD["global_clipnorm"])
        for variable, gradient in zip(reference.trainable_variables, gradients, strict=True):
            variable.assign_sub(SGD["learning_rate"] * gradient)
        state = tf.nest.map_structure(tf.stop_gradient, after)
    for found, wanted in zip(task.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("steps_per_epoch", [pytest.param(None, marks=pytest.mark.slow), 3])
def test_a_training_that_goes_on_is_one_that_never_stopped(steps_per_epoch, tmp_path):
    settings = {"batch_size": 3, "steps_per_epoch": steps_per_epoch, "verbose": 0, "seed": 4}
    whole, parts = make_language_model(), make_language_model()
    for task in (whole, parts):
        task.compile(keras.optimizers.SGD(**SGD))
    whole.fit(TEXTS, epochs=2, validation_data=TEXTS[:3], **settings)
    parts.fit(TEXTS, epochs=1, **settings)
    parts.save_preset(tmp_path / "preset")

    again = from_preset(tmp_path / "preset")
    again.compile(keras.optimizers.SGD(**SGD))
    again.fit(TEXTS, initial_epoch=1, epochs=2, **settings)

    for found, wanted in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


class Stop(keras.callbacks.Callback):
    """Ends a training in its second epoch, after two batches."""

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations.numpy() == self.params["steps"] + 2:
            raise KeyboardInterrupt


def test_a_training_that_is_stopped_within_an_epoch_goes_on_with_the_state(tmp_path):
    settings = {"batch_size": 3, "epochs": 2, "verbose": 0, "seed": 4}
    whole, stopped, again = (make_language_model() for _ in range(3))
    for task in (whole, stopped, again):
        task.compile(keras.optimizers.SGD(**SGD))
    assert whole.count_steps(TEXTS, 3) > 3
    whole.fit(TEXTS, **settings)
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(TEXTS, callbacks=[Resume(tmp_path, every=1), Stop()], **settings)
    again.fit(TEXTS, callbacks=[Resume(tmp_path, every=1)], **settings)
    for found, wanted in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.slow  # test_xla_laws has it
def test_xla_trains_the_same():
    plain, compiled = make_language_model(), make_language_model()
    plain.compile(keras.optimizers.SGD(**SGD))
    compiled.compile(keras.optimizers.SGD(**SGD), jit_compile=True)
    for task in (plain, compiled):
        task.fit(TEXTS, batch_size=3, epochs=1, verbose=0)
    for found, wanted in zip(compiled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


def test_the_length_of_an_epoch_is_known_beforehand():
    task = make_language_model()
    task.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    task.fit(TEXTS, batch_size=4, verbose=0)
    assert task.count_steps(TEXTS, 4) == int(task.optimizer.iterations)


def test_states_of_any_shape_are_carried_and_reordered(monkeypatch):
    monkeypatch.setitem(CELLS, "fast_weight", FastWeightCell)
    monkeypatch.setattr(windows, "_TOKENS_AT_ONCE", 8)
    monkeypatch.setattr(language, "_CHUNK", 3)
    preprocessor = RunningText(letters_tokenizer())
    size = preprocessor.target.vocabulary_size
    encoder = LanguageEncoder(size, 5, 6, layers=2, cell="fast_weight")
    task = LanguageModel(LanguageDecoder(encoder), preprocessor)

    batches = [x for x, *_ in task.make_evaluation_batches(TEXTS[:3], batch_size=3)]
    assert len(batches) > 2
    found = tf.concat([task(x) for x in batches], axis=1)
    whole = tf.concat([x["token_ids"] for x in batches], axis=1)
    np.testing.assert_allclose(found, task({"token_ids": whole}), atol=1e-5)

    prompts = np.array([[3, 4, 5], [3, 6, 0]], "int32")
    best = task.hypotheses(prompts, BeamSearch(width=3, max_length=2))
    for row, prompt in enumerate(([3, 4, 5], [3, 6])):
        ids = best.token_ids.numpy()[row, 0, : best.lengths[row, 0]]
        read = np.array([[*prompt, *ids[:-1]]])
        log_probs = task.head.readout(task({"token_ids": read})).numpy()[0, len(prompt) - 1 :]
        wanted = log_probs[np.arange(len(ids)), ids]
        np.testing.assert_allclose(best.token_log_probs[row, 0, : len(ids)], wanted, atol=1e-5)


def test_an_answer_is_the_prompt_and_what_follows(trained):
    greedy = Greedy(max_length=8)
    (found,) = trained.generate(["b  c"], search=greedy, return_hypotheses=True)
    best = found[0]
    assert best.text.startswith("b c ")
    assert best.text == " ".join(["b", "c", *(t for t in best.tokens if t != "<end>")])

    ids = trained.preprocessor.prompt_ids(tf.constant(["b c"])).numpy()[0].tolist()
    for token, log_prob in zip(best.tokens, best.token_log_probs, strict=True):
        logits = trained({"token_ids": np.array([ids], "int32")}).numpy()[0, -1].astype("float64")
        wanted = logits - np.log(np.exp(logits).sum())
        assert trained.preprocessor.tokenizer.vocabulary[wanted.argmax()] == token
        assert log_prob == pytest.approx(wanted.max(), rel=1e-4, abs=1e-5)
        ids.append(int(wanted.argmax()))


def test_no_prompt_begins_a_text(trained):
    empty, blank = trained.generate(["", " \n"])
    assert empty == blank
    assert set(empty.split()) <= set("abcdefg")
    assert list(trained.stream([""]))[-1] == trained.generate([""])


@pytest.mark.parametrize("search", [Greedy(max_length=4), BeamSearch(width=3, max_length=4)])
def test_long_prompts_are_read_in_chunks(trained, monkeypatch, search):
    from seqzoo.decoders import language

    prompts = ["a b c d e f g a b c d e", "c", "e f g a b"]
    wanted = trained.generate(prompts, search=search, return_hypotheses=True)
    monkeypatch.setattr(language, "_CHUNK", 3)
    trained._graphs._functions.clear()
    found = trained.generate(prompts, search=search, return_hypotheses=True)
    trained._graphs._functions.clear()
    for one, other in zip(found, wanted, strict=True):
        assert one[0].tokens == other[0].tokens
        assert one[0].score == pytest.approx(other[0].score, abs=1e-5)


def test_an_exported_model_answers_as_the_task_does(trained, tmp_path):
    prompts = ["a b", "", "zz g", "f g a b c"]
    trained.export(tmp_path / "served", search=BEAM)
    served = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"]
    answer = served(text=tf.constant(prompts))
    wanted = trained.generate(prompts, search=BEAM, return_hypotheses=True)
    for row, found in enumerate(wanted):
        assert answer["text"][row].numpy().tolist() == [each.text.encode() for each in found]
        np.testing.assert_allclose(answer["scores"][row], [each.score for each in found], atol=1e-4)


def test_the_trained_encoder_can_be_taken_into_another_model(trained):
    ids = np.array([[4, 5, 6, 0], [0, 7, 0, 8]], "int32")
    tokens = keras.Input((None,), dtype="int32")
    encoder = trained.encoder
    labels = keras.layers.Dense(3)(encoder(tokens).state[-1][0])
    model = keras.Model(tokens, labels)

    encoded = encoder(ids)
    hidden, state = trained.decoder.run(np.array([[4, 5, 6], [7, 8, 8]], "int32"))
    np.testing.assert_allclose(encoded.outputs[0, :3], hidden[0], atol=1e-6)
    np.testing.assert_allclose(encoded.state[0][0][0], state[0][0][0], atol=1e-6)
    assert model(ids).shape == (2, 3)
    assert {id(w) for w in encoder.weights} <= {id(w) for w in model.weights}


@pytest.mark.slow
def test_models_of_every_kind_of_token_and_recurrence_learn_and_answer():
    tokenizers = {"byte": ByteTokenizer(), "character": CharacterTokenizer()}
    for name, cell in (("byte", "min_gru"), ("character", "lru")):
        keras.utils.set_random_seed(3)
        tokenizer = tokenizers[name]
        tokenizer.adapt(["abc\n"])
        task = merity_2018(
            tokenizer,
            units=12,
            layers=2,
            embedding_dim=8,
            cell=cell,
            weight_drop=0.0,
            end_tokens=False,
            window_length=6,
            search=Greedy(max_length=5),
        )
        task.compile(keras.optimizers.Adam(0.02))
        history = task.fit("abc\n" * 60, batch_size=4, epochs=3, verbose=0).history
        assert history["perplexity"][-1] < 0.8 * history["perplexity"][0]
        assert type(task.generate(["é"])[0]) is str


def test_tensors_are_trained_on_where_there_is_no_preprocessor():
    encoder = LanguageEncoder(11, embedding_dim=6, units=8)
    task = LanguageModel(LanguageDecoder(encoder))
    task.compile(keras.optimizers.SGD(0.5))
    ids = np.random.default_rng(0).integers(1, 11, (5, 7)).astype("int32")
    history = task.fit({"token_ids": ids[:, :-1]}, ids[:, 1:], epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert "bits_per_character" not in history
    with pytest.raises(ValueError, match="`generate` needs a preprocessor"):
        task.generate(["a"])


def test_a_text_of_many_words_is_scored_and_goes_on():
    tokenizer = CharacterTokenizer(normalization=None)
    tokenizer.adapt(["ab "])
    text = RunningText(tokenizer, end_tokens=False, max_target_length=2)
    task = LanguageModel(LanguageDecoder(LanguageEncoder(7, 2, 3)), text)
    task.compile()
    long = "ab " * 20_000
    (scored,) = task.score([long])
    assert len(scored.tokens) == len(scored.token_log_probs) == 60_000
    loss = task.evaluate(long, batch_size=100, verbose=0, return_dict=True)["loss"]
    assert loss == pytest.approx(-scored.score / 60_000, rel=1e-3)
    assert long.endswith(task.generate([long])[0][:4096])  # of a long prompt the end is read
    task.limits = Limits(source_tokens=60_000)
    assert task.generate([long])[0].startswith(long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda task: task.fit(""), "The texts hold no token"),
        (lambda task: task.fit(["a"], ["b"]), "learns from texts alone. Received: `y` of list"),
        (lambda task: task.evaluate(["a"], y=["b"]), "learns from texts alone"),
        (lambda task: task.fit([("a", "b")]), r"Received: \('a', 'b'\) at index 0"),
        (lambda task: task.fit(["a"], class_weight={}), "`class_weight` is for tasks of classes"),
        (lambda task: task.generate("a b"), "A list of texts is needed. Received one text: 'a b'"),
        (lambda task: list(task.score_stream(["a", 3])), "Received: 3 at index 0"),
    ],
)
def test_wrong_input_is_explained(call, message):
    task = make_language_model(end_tokens=False)
    task.compile()
    with pytest.raises(ValueError, match=message):
        call(task)


def test_parts_of_other_vocabularies_are_refused():
    preprocessor = make_language_model().preprocessor
    with pytest.raises(ValueError, match="The decoder has a vocabulary of 12 tokens and the tok"):
        LanguageModel(LanguageDecoder(LanguageEncoder(12)), preprocessor)
    with pytest.raises(ValueError, match="The head has a vocabulary of 12 tokens"):
        LanguageModel(LanguageDecoder(LanguageEncoder(11)), preprocessor, head=Tokens(12))
