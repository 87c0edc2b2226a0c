"""Weights of examples and classes, examples held out, and data that cannot be read."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import classified, make_classifier, make_tagger, tagged
from tiny_data_forms import Batched, Frame
from tiny_tasks import make_bigram, make_language_model, reversal_pairs

from seqzoo.preprocessing import LabelledText, WordTokenizer

PAIRS = classified(6)
TEXTS, LABELS = (list(side) for side in zip(*PAIRS, strict=True))
WEIGHTS = [0.0, 1.0, 2.0, 0.5, 3.0, 1.0]


def compiled(task):
    task.compile(keras.optimizers.SGD(0.0), run_eagerly=True)
    return task


@pytest.fixture(scope="module")
def classifier():
    return compiled(make_classifier("kim_2014"))


def losses_of(task):
    """The cross-entropy of each example by NumPy, in float64."""
    logits = np.asarray(task(TEXTS), float)
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    ids = [task.preprocessor.labels.names.index(label) for label in LABELS]
    return -log_probs[np.arange(len(ids)), ids], np.array(ids)


def test_examples_count_as_much_as_they_weigh(classifier, eagerly):
    losses, _ = losses_of(classifier)
    wanted = np.average(losses, weights=WEIGHTS)
    triples = [(*pair, weight) for pair, weight in zip(PAIRS, WEIGHTS, strict=True)]
    forms = [
        {"x": PAIRS, "sample_weight": WEIGHTS},
        {"x": TEXTS, "y": LABELS, "sample_weight": np.array(WEIGHTS)},
        {"x": triples},
        {"x": (each for each in triples)},
        {"x": tf.data.Dataset.from_tensor_slices((TEXTS, LABELS, WEIGHTS)).batch(4)},
        {
            "x": Frame({"text": TEXTS, "label": LABELS, "w": WEIGHTS}),
            "columns": {"weight": "w"},
        },
    ]
    for form in forms:
        loss = classifier.fit(**form, batch_size=6, verbose=0).history["loss"]
        assert loss == pytest.approx([wanted], rel=1e-5)
    assert classifier.evaluate(**forms[0], verbose=0)[0] == pytest.approx(wanted, rel=1e-5)
    validation = {"validation_data": (TEXTS, LABELS, WEIGHTS), "verbose": 0}
    history = classifier.fit(PAIRS, **validation).history
    assert history["val_loss"] == pytest.approx([wanted], rel=1e-5)
    batch = classifier.train_on_batch(TEXTS, LABELS, WEIGHTS, return_dict=True)
    assert batch["loss"] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("class_weight", [{"yes": 3.0, "no": 0.5}, {1: 3.0, 0: 0.5}])
def test_classes_count_as_much_as_they_weigh(classifier, class_weight, eagerly):
    losses, ids = losses_of(classifier)
    wanted = np.average(losses, weights=np.array([0.5, 3.0])[ids] * WEIGHTS)
    options = {"class_weight": class_weight, "sample_weight": WEIGHTS, "verbose": 0}
    loss = classifier.fit(PAIRS, **options).history["loss"]
    assert loss == pytest.approx([wanted], rel=1e-5)
    wanted = np.average(losses, weights=np.array([0.5, 3.0])[ids])
    loss = classifier.fit(PAIRS, class_weight=class_weight, packed=True, verbose=0).history["loss"]
    assert loss == pytest.approx([wanted], rel=1e-5)


def test_tags_count_as_those_of_the_head_do(eagerly):
    losses = []
    for head, fitted in (([2.0, 1.0, 0.5], None), (None, {"B-X": 2.0, "O": 0.5})):
        task = compiled(make_tagger(class_weights=head))
        losses.append(task.fit(tagged(6), class_weight=fitted, verbose=0).history["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_the_last_examples_are_held_out(classifier, eagerly):
    options = {"batch_size": 6, "verbose": 0}
    wanted = classifier.fit(PAIRS[:4], validation_data=PAIRS[4:], **options).history
    frame = Frame({"text": TEXTS, "label": LABELS})
    for form in (PAIRS, frame):
        history = classifier.fit(form, validation_split=0.3, **options).history
        assert history["loss"] == pytest.approx(wanted["loss"], rel=1e-5)
        assert history["val_loss"] == pytest.approx(wanted["val_loss"], rel=1e-5)


def test_endless_data_are_read_as_far_as_the_steps_go(classifier, eagerly):
    def endless():
        while True:
            yield from PAIRS

    steps = {"steps_per_epoch": 2, "batch_size": 3, "verbose": 0}
    wanted = classifier.fit(PAIRS, **steps).history["loss"]
    assert classifier.fit(endless(), **steps).history["loss"] == pytest.approx(wanted)
    with pytest.warns(UserWarning, match="take 30 examples. Received: generator of 6"):
        classifier.fit(iter_of(PAIRS), **(steps | {"steps_per_epoch": 10}))


def iter_of(pairs):
    yield from pairs


FRAME = Frame({"text": ["a", None], "label": ["yes", "no"]})
NUMBERS = Frame({"text": [3, 4], "label": ["yes", "no"]})
ROWS = tf.data.Dataset.from_tensor_slices((TEXTS, LABELS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": Frame({"review": ["a"], "kind": ["yes"]})}, "Expected a column 'label'"),
        ({"x": FRAME}, "column 'text'. Received: None in row 1. Leave such rows out"),
        ({"x": NUMBERS}, "Received: 3 in row 0. Name another column by `columns`"),
        ({"x": FRAME, "columns": {"text": "rev"}}, "a column for 'text'. Received: 'rev'"),
        ({"x": FRAME, "columns": {"tokens": "text"}}, "'weight'. Received: 'tokens'"),
        ({"x": PAIRS, "sample_weight": [1]}, "for each of the 6 examples"),
        ({"x": [{"text": "a", "label": "yes"}, {"text": "b"}]}, "Expected 'label' in each example"),
        ({"x": {"train": ROWS, "test": ROWS}}, "Received several by name: train, test. Give one"),
        ({"x": TEXTS, "y": LABELS[:5]}, "Received 6 inputs but 5 labels"),
        ({"x": Batched(TEXTS, LABELS[:5], 6)}, "6 inputs and 5 targets in batch 0"),
        ({"x": ROWS, "validation_split": 0.5}, "Received: .*Dataset. Give `validation_data`"),
        ({"x": PAIRS, "validation_split": 1.0}, "must leave an example on both sides"),
        ({"x": PAIRS, "class_weight": {"maybe": 1.0}}, "Received: 'maybe'. Known: no, yes"),
        ({"x": PAIRS, "class_weight": {"yes": -1.0}}, "Received: -1.0 for 'yes'"),
        ({"x": PAIRS, "sample_weight": WEIGHTS, "packed": True}, "`sample_weight` goes with"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(classifier, arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        classifier.fit(**arguments, verbose=0)
    assert "\n" not in str(caught.value)


def test_weights_that_mean_nothing_are_refused():
    translator = compiled(make_bigram())
    with pytest.raises(ValueError, match="whose targets are texts"):
        translator.fit(reversal_pairs(4), class_weight={"a": 1.0})
    with pytest.raises(ValueError, match="has no examples to weigh"):
        compiled(make_language_model()).fit(["a b", "c"], sample_weight=[1, 2])


def test_names_of_columns_are_never_taken_for_texts(classifier):
    frame = Frame({"review": TEXTS, "id": list(range(6))})
    assert classifier.classify(frame) == classifier.classify(TEXTS)
    words = WordTokenizer()
    words.adapt(Frame({"text": ["ab cd"]}))
    assert words.vocabulary[4:] == ["ab", "cd"]
    text = LabelledText(WordTokenizer())
    text.adapt(Frame({"a": ["x y"] * 2, "b": [1.0, 2.0]}), columns={"text": "a", "label": "b"})
    assert text.labels.names == ["1", "2"]


def test_a_loss_by_name_is_computed_of_logits(eagerly):
    task = make_classifier("kim_2014")
    losses, _ = losses_of(task)
    for loss in ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"):
        task.compile(keras.optimizers.SGD(0.0), loss=loss)
        assert task.evaluate(PAIRS, verbose=0)[0] == pytest.approx(losses.mean(), rel=1e-5)
    task = make_classifier("kim_2014", multi_label=True)
    task.compile(loss="binary_crossentropy")
    examples = [("a b", ["a", "b"]), ("c", [])]
    logits = np.asarray(task(["a b", "c"]), float)
    wanted = (np.log1p(np.exp(-logits[0])).mean() + np.log1p(np.exp(logits[1])).mean()) / 2
    assert task.evaluate(examples, verbose=0)[0] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("categorical_crossentropy", "ids of classes. Received: 'categorical_crossentropy'. Use"),
        ("mse", "Use 'sparse_categorical_crossentropy'"),
        (keras.losses.SparseCategoricalCrossentropy(), "with from_logits=False"),
    ],
)
def test_a_loss_that_cannot_read_logits_is_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        make_classifier("kim_2014").compile(loss=loss)
