"""What holds for every task of the registry that answers in one pass."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import (
    classified,
    classified_residues,
    make_classifier,
    make_masked_language_model,
    make_residue_classifier,
    make_residue_tagger,
    make_sentence_encoder,
    make_subword_tagger,
    make_tagger,
    make_wide_classifier,
    tagged,
    tagged_residues,
    trained,
)
from tiny_tasks import letter_texts

from seqzoo import from_preset, load
from seqzoo.tasks import TASKS
from seqzoo.tasks.answering import AnsweringTask
from seqzoo.training.optimizer import Adam

TEXTS = ["a b c", "g", "", "e e f a", "zz", "b d a c e f g", "f f"]
MASKED = ["a [MASK] c", "[MASK]", "", "e [MASK] [MASK] a", "zz", "b d [MASK] c e", "f [MASK]"]
ODD_TEXTS = ["", " \u3000\n", "🎉", b"\xff\xfe a", "\x00", "a " * 3_000, "\ud800"]
ODD_TOKENS = [[], ["🎉", "a b"], [b"\xff\xfe"], ["\x00"], ["a"] * 3_000, ["a" * 3_000], ["\ud800"]]


SEQUENCES = ["ACG", "g", "", "CCTTA", "NN", "ACGTACG", "uu"]
ODD_SEQUENCES = ["", "RYSWKM", b"bdhvnx", "A" * 3_000, "u"]


class Row(NamedTuple):
    """How a task is made and asked."""

    build: Callable
    examples: Callable
    inputs: list
    odd: list
    numbers: Callable[[Any, list, int], list]  # what is compared, of the task, inputs, batch size
    answers: Callable[[Any, list], list]
    accuracy: str


ROWS = {
    "classifier": Row(
        make_classifier,
        classified,
        TEXTS,
        ODD_TEXTS,
        lambda task, inputs, size: list(task.probabilities(inputs, size)),
        lambda task, inputs: task.classify(inputs),
        "accuracy",
    ),
    "tagger": Row(
        make_tagger,
        tagged,
        [text.split() for text in TEXTS],
        ODD_TOKENS,
        lambda task, inputs, size: task.marginals(inputs, size),
        lambda task, inputs: task.tag(inputs),
        "token_accuracy",
    ),
    "masked_language_model": Row(
        make_masked_language_model,
        letter_texts,
        MASKED,
        [*ODD_TEXTS, "[MASK" * 9],
        lambda task, inputs, size: [
            np.array([[each.probability for each in best] for best in filled])
            for filled in task.fill(inputs, size)
        ],
        lambda task, inputs: task.fill_texts(inputs),
        "token_accuracy",
    ),
    "sentence_encoder": Row(
        make_sentence_encoder,
        list,
        TEXTS,
        ODD_TEXTS,
        lambda task, inputs, size: list(task.encode(inputs, size)),
        lambda task, inputs: list(task.encode(inputs)),
        "",
    ),
}
ROWS["subword_tagger"] = ROWS["tagger"]._replace(build=make_subword_tagger)
ROWS["wide_classifier"] = ROWS["classifier"]._replace(build=make_wide_classifier)
ROWS["residue_classifier"] = ROWS["classifier"]._replace(
    build=make_residue_classifier,
    examples=classified_residues,
    inputs=SEQUENCES,
    odd=[*ODD_SEQUENCES, " a-c\r\n", "-", "."],
)
ROWS["residue_tagger"] = ROWS["tagger"]._replace(
    build=make_residue_tagger, examples=tagged_residues, inputs=SEQUENCES, odd=ODD_SEQUENCES
)
everywhere = pytest.mark.parametrize("name", ROWS)
two_by_default = pytest.mark.parametrize(
    "name",
    [n if n in ("classifier", "tagger") else pytest.param(n, marks=pytest.mark.slow) for n in ROWS],
)
learning = pytest.mark.parametrize("name", [name for name in ROWS if name != "sentence_encoder"])


def test_every_such_task_of_the_registry_is_tested_here():
    answering = {name for name in TASKS if issubclass(TASKS[name], AnsweringTask)}
    others = {"subword_tagger", "wide_classifier", "residue_classifier", "residue_tagger"}
    assert set(ROWS) == {*answering, *others}


@learning
def test_training_lowers_the_loss(name):
    history = trained(name).history
    most = 0.9 if name == "masked_language_model" else 0.8  # letters follow by chance
    for key in ("loss", "val_loss"):
        assert history[key][-1] < most * history[key][0]
    assert history[ROWS[name].accuracy][-1] > history[ROWS[name].accuracy][0]


def serve(task, inputs):
    raw = task.preprocessor.pad(task.preprocessor.as_raw(inputs))
    return {key: value.numpy() for key, value in task.serve(raw).items()}


@everywhere
def test_a_saved_and_an_exported_task_give_the_same_answers(name, tmp_path):
    task, row = trained(name).task, ROWS[name]
    wanted = serve(task, row.inputs)
    task.save(tmp_path / "task.keras")
    task.save_preset(tmp_path / "preset")
    task.export(tmp_path / "export")

    found = [serve(again, row.inputs) for again in (load(tmp_path / "task.keras"),)]
    found.append(serve(from_preset(tmp_path / "preset"), row.inputs))
    signature = tf.saved_model.load(tmp_path / "export/1").signatures["serving_default"]
    raw = task.preprocessor.pad(task.preprocessor.as_raw(row.inputs))
    found.append({key: value.numpy() for key, value in signature(raw).items()})
    description = json.loads((tmp_path / "export/1/seqzoo.json").read_text())
    assert description["limits"]["source_bytes"] == task.limits.source_bytes

    for each in found:
        assert each.keys() == wanted.keys()
        for key, value in wanted.items():
            if value.dtype == object:
                np.testing.assert_array_equal(each[key], value)
            else:
                np.testing.assert_allclose(each[key], value, rtol=1e-4, atol=1e-6)


@two_by_default
def test_a_quantized_task_answers_nearly_as_before_and_so_does_its_preset(name, tmp_path, capsys):
    row = ROWS[name]
    trained(name).task.save_preset(tmp_path / "float")
    task = from_preset(tmp_path / "float")
    before = serve(task, row.inputs)

    quantized = task.quantize("int8")

    assert capsys.readouterr().out == f"{quantized}\n"
    wanted = serve(task, row.inputs)
    task.save_preset(tmp_path / "preset")
    found = serve(from_preset(tmp_path / "preset"), row.inputs)
    for key, value in wanted.items():
        if value.dtype != object:
            np.testing.assert_allclose(value, before[key], atol=0.03)
            np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-6)


@everywhere
@pytest.mark.slow
def test_an_exported_quantized_task_answers_as_the_task_does(name, tmp_path):
    row = ROWS[name]
    trained(name).task.save_preset(tmp_path / "float")
    task = from_preset(tmp_path / "float")
    task.quantize("int8")
    task.save(tmp_path / "task.keras")
    task = load(tmp_path / "task.keras")
    wanted = serve(task, row.inputs)
    task.export(tmp_path / "export")

    signature = tf.saved_model.load(tmp_path / "export/1").signatures["serving_default"]
    found = signature(task.preprocessor.pad(task.preprocessor.as_raw(row.inputs)))

    for key, value in wanted.items():
        if value.dtype != object:
            np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-6)
    stored = tf.train.load_checkpoint(tmp_path / "export/1/variables/variables")
    assert tf.int8 in stored.get_variable_to_dtype_map().values()


@everywhere
def test_an_answer_does_not_depend_on_the_others_of_its_batch(name):
    task, row = trained(name).task, ROWS[name]
    together = row.numbers(task, row.inputs, 64)

    alone = row.numbers(task, row.inputs, 1)
    backwards = row.numbers(task, [*row.inputs[::-1], row.odd[-2]], 64)[-2::-1]

    for each in (alone, backwards):
        for found, wanted in zip(each, together, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@everywhere
def test_odd_inputs_get_an_answer_each(name):
    task, row = trained(name).task, ROWS[name]
    answers = row.answers(task, row.odd)
    assert len(answers) == len(row.odd)
    assert row.answers(task, []) == []
    if name.endswith("tagger"):
        assert [len(tags) for tags in answers] == [len(tokens) for tokens in row.odd]


@pytest.mark.parametrize("name", ["classifier", "tagger", "subword_tagger"])
@pytest.mark.slow
def test_a_text_of_100000_words_gets_an_answer(name):  # odd inputs have one of 3,000
    task = trained(name).task
    words = ["b"] * 99_999 + ["a"]
    if name.endswith("tagger"):
        (tags,) = task.tag([words])
        assert tags[-3:] == ["O", "O", "B-X"]
        assert len(tags) == len(words)
    else:
        assert task.classify([" ".join(words)])[0] in ("no", "yes")


@learning
def test_half_precision_trains_float32_weights_and_answers(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        task = ROWS[name].build()
    finally:
        keras.config.set_dtype_policy("float32")
    task.compile(Adam(0.01), run_eagerly=True)
    examples = ROWS[name].examples(8)
    before = task.evaluate(examples, verbose=0, return_dict=True)

    task.fit(examples, batch_size=8, epochs=6, verbose=0)

    after = task.evaluate(examples, verbose=0, return_dict=True)  # of the same masks
    assert after["loss"] < before["loss"]
    assert {weight.dtype for weight in task.trainable_weights} == {"float32"}
    assert len(ROWS[name].answers(task, ROWS[name].inputs)) == len(ROWS[name].inputs)
