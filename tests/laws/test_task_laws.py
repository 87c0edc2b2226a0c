"""What holds for every task of the registry that generates, on the reversal of a few letters."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_captioners import captioned_pictures, make_captioner, trained_captioner
from tiny_tasks import (
    BEAM,
    letter_texts,
    make_language_model,
    make_translator,
    reversal_pairs,
    trained_language_model,
    trained_translator,
)

from seqzoo import from_preset, load
from seqzoo.tasks import TASKS, GenerationTask
from seqzoo.training.optimizer import Adam

TRAINED = {
    "captioner": trained_captioner,
    "language_model": trained_language_model,
    "seq2seq": trained_translator,
}
# Builders of small tasks, always the same. Recurrences without attention are traced sooner.
BUILDERS = {
    "captioner": lambda: make_captioner("vinyals_2015"),
    "language_model": make_language_model,
    "seq2seq": lambda: make_translator("sutskever_2014"),
}

EXAMPLES = {
    "captioner": captioned_pictures(20),
    "language_model": letter_texts(20),
    "seq2seq": reversal_pairs(20),
}
IMAGES = [tf.io.encode_png(pixels).numpy() for pixels, _ in captioned_pictures(6, seed=3)]
TEXTS = ["a b c", "g", "", "e e f a", "zz", "b d a c e f g", "f f"]
INPUTS = {
    "captioner": [*IMAGES, tf.io.encode_jpeg(np.zeros((1, 1, 3), "uint8")).numpy()],
    "language_model": TEXTS,
    "seq2seq": TEXTS,
}
ANOTHER = {
    "captioner": tf.io.encode_png(np.full((900, 700, 4), 200, "uint8")).numpy(),
    "language_model": "a b " * 300,
    "seq2seq": "a b " * 300,
}
ODD_TEXTS = ["", " \u3000\n", "🎉", b"\xff\xfe a", "\x00", "a " * 10_000, "\ud800"]
ODD = {
    "captioner": [np.zeros(shape, "uint8") for shape in ((1, 1), (1, 900), (3, 2, 2), (4, 4, 4))],
    "language_model": ODD_TEXTS,
    "seq2seq": ODD_TEXTS,
}

everywhere = pytest.mark.parametrize("name", TRAINED)
one_by_default = pytest.mark.parametrize(
    "name",
    ["seq2seq"] + [pytest.param(n, marks=pytest.mark.slow) for n in TRAINED if n != "seq2seq"],
)


def test_every_task_of_the_registry_is_tested_here():
    generating = {name for name in TASKS if issubclass(TASKS[name], GenerationTask)}
    assert TRAINED.keys() == BUILDERS.keys() == EXAMPLES.keys() == generating


@everywhere
def test_training_lowers_the_loss(name):
    _, history = TRAINED[name]()
    for key in ("loss", "val_loss", "perplexity"):
        assert history[key][-1] < 0.9 * history[key][0]
    assert history["token_accuracy"][-1] > history["token_accuracy"][0]


def serve(name, task):
    served = task.serve(tf.constant(INPUTS[name]), BEAM)
    return {name: value.numpy() for name, value in served.items()}


@everywhere
def test_a_saved_task_gives_the_same_answers(name, tmp_path):
    task, _ = TRAINED[name]()
    wanted = serve(name, task)
    task.save(tmp_path / "task.keras")
    task.save_preset(tmp_path / "preset")

    for again in (load(tmp_path / "task.keras"), from_preset(tmp_path / "preset")):
        assert type(again) is TASKS[name]
        found = serve(name, again)
        np.testing.assert_array_equal(found["text"], wanted["text"])
        np.testing.assert_allclose(found["scores"], wanted["scores"], rtol=1e-5)


@one_by_default
def test_a_quantized_task_answers_nearly_as_before_and_so_does_its_preset(name, tmp_path):
    TRAINED[name]()[0].save_preset(tmp_path / "float")
    task = from_preset(tmp_path / "float")
    given: list = TEXTS[:4]
    if name != "language_model":
        pairs = EXAMPLES[name][:6]
        given = [(one, text if isinstance(text, str) else text[0]) for one, text in pairs]
    before = [each.token_log_probs for each in task.score(given)]

    task.quantize("int8")

    for each, old in zip(task.score(given), before, strict=True):
        np.testing.assert_allclose(each.token_log_probs, old, rtol=0.1, atol=0.1)
    wanted = serve(name, task)
    task.save_preset(tmp_path / "preset")
    found = serve(name, from_preset(tmp_path / "preset"))
    np.testing.assert_array_equal(found["text"], wanted["text"])
    np.testing.assert_allclose(found["scores"], wanted["scores"], rtol=1e-5)


@everywhere
@pytest.mark.slow
def test_an_exported_quantized_task_answers_as_the_task_does(name, tmp_path):
    TRAINED[name]()[0].save_preset(tmp_path / "float")
    task = from_preset(tmp_path / "float")
    task.quantize("int8")
    task.save(tmp_path / "task.keras")
    task = load(tmp_path / "task.keras")
    wanted = serve(name, task)
    task.export(tmp_path / "export", BEAM)

    signature = tf.saved_model.load(tmp_path / "export/1").signatures["serving_default"]
    found = signature(tf.constant(INPUTS[name]))

    np.testing.assert_array_equal(found["text"], wanted["text"])
    np.testing.assert_allclose(found["scores"], wanted["scores"], rtol=1e-4)
    stored = tf.train.load_checkpoint(tmp_path / "export/1/variables/variables")
    assert tf.int8 in stored.get_variable_to_dtype_map().values()


def assert_same_answers(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        scores = [each.score for each in other]
        assert [each.score for each in one] == pytest.approx(scores, abs=1e-4)
        if scores[0] - scores[1] > 1e-4:
            assert one[0].tokens == other[0].tokens
            np.testing.assert_allclose(
                one[0].token_log_probs, other[0].token_log_probs, rtol=1e-3, atol=1e-4
            )


@everywhere
def test_an_answer_does_not_depend_on_the_others_of_its_batch(name):
    task, _ = TRAINED[name]()
    settings = {"search": BEAM, "return_hypotheses": True}
    together = task.generate(INPUTS[name], **settings)

    alone = task.generate(INPUTS[name], **settings, batch_size=1)
    backwards = task.generate([*INPUTS[name][::-1], ANOTHER[name]], **settings)

    assert_same_answers(alone, together)
    assert_same_answers(backwards[-2::-1], together)


@everywhere
def test_odd_inputs_get_an_answer_each(name):
    task, _ = TRAINED[name]()
    answers = task.generate(ODD[name])

    assert [type(answer) for answer in answers] == [str] * len(ODD[name])
    if name == "seq2seq":
        assert answers[:2] == ["", ""]


@everywhere
def test_half_precision_trains_float32_weights_and_answers(name, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        task = BUILDERS[name]()
    finally:
        keras.config.set_dtype_policy("float32")
    task.compile(Adam(0.03), run_eagerly=True)
    before = task.get_weights()

    history = task.fit(EXAMPLES[name][:8], batch_size=8, epochs=3, verbose=0).history

    assert history["loss"][-1] < history["loss"][0]
    assert task.compute_dtype == "bfloat16"
    assert {weight.dtype for weight in task.weights} == {"float32"}
    assert all(np.any(w != b) for w, b in zip(task.get_weights(), before, strict=True))
    task.save_preset(tmp_path / "preset")
    found, wanted = serve(name, from_preset(tmp_path / "preset")), serve(name, task)
    np.testing.assert_array_equal(found["text"], wanted["text"])
    assert wanted["scores"].dtype == "float32"
