"""What every preprocessor owes its task, over the rows of PREPROCESSORS."""

from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.preprocessing import (
    PREPROCESSORS,
    CharacterTokenizer,
    CopyingPairs,
    GraphPairs,
    GraphReader,
    ImageCaptions,
    ImageReader,
    LabelledGraphs,
    LabelledResidues,
    LabelledText,
    LabelledVectors,
    PianoRolls,
    Preprocessor,
    RawInputs,
    RunningText,
    TaggedGraphs,
    TaggedResidues,
    TaggedSubwords,
    TaggedTokens,
    TextPairs,
    TokenLookup,
    WordTokenizer,
    evaluation_batches,
)
from seqzoo.preprocessing.tagged_sentences import TaggedSentences


class Case(NamedTuple):
    """A preprocessor that is not adapted, examples, and one thing that is no list of inputs."""

    preprocessor: Any
    inputs: list
    targets: list
    lengths: list[int]
    wrong: Any


RNG = np.random.default_rng(0)
PIXELS = [RNG.integers(0, 256, (6, 7, 3), dtype=np.uint8) for _ in range(3)]
VECTORS = [RNG.normal(size=(steps, 2)).astype("float32") for steps in (3, 1, 5)]

GRAPHS = ["a\tto\tb\nb\tto\tc", "c", "b\tto\tc"]

CASES = {
    "text_pairs": lambda: Case(
        TextPairs(WordTokenizer(lowercase=True), CharacterTokenizer()),
        ["Zwei Hunde.", "", "Ja"],
        ["ab", "b", "abc"],
        [4, 1, 2],
        "one text",
    ),
    "copying_pairs": lambda: Case(
        CopyingPairs(WordTokenizer()),
        ["a b, c d", "", "c d"],
        ["c d", "a", "d b"],
        [6, 1, 3],
        "one text",
    ),
    "running_text": lambda: Case(
        RunningText(CharacterTokenizer()), ["ab", "", "cab"], [], [3, 1, 4], b"one text"
    ),
    "image_captions": lambda: Case(
        ImageCaptions(ImageReader(4, 5), WordTokenizer()),
        PIXELS,
        [["a dog", "dogs"], ["a cat", ""], ["a", "b c d"]],
        [0, 0, 0],
        PIXELS[0],
    ),
    "labelled_text": lambda: Case(
        LabelledText(WordTokenizer()), ["a b c", "", "b"], ["x", "y", "x"], [3, 0, 1], "one text"
    ),
    "labelled_vectors": lambda: Case(
        LabelledVectors(2), VECTORS, ["x", "y", "x"], [3, 1, 5], [np.zeros((4, 3))]
    ),
    "labelled_residues": lambda: Case(
        LabelledResidues(), ["AC-R", "", "u"], ["x", "y", "x"], [3, 0, 1], ["ACE"]
    ),
    "tagged_residues": lambda: Case(
        TaggedResidues(),
        ["MKV", "", "z"],
        [["C", "H", "H"], [], ["C"]],
        [3, 0, 1],
        ["M-K"],
    ),
    "tagged_tokens": lambda: Case(
        TaggedTokens(TokenLookup(), CharacterTokenizer()),
        [["New", "York", "is"], ["ok"], ["a", "b"]],
        [["B", "I", "O"], ["O"], ["O", "B"]],
        [3, 1, 2],
        "one text",
    ),
    "tagged_subwords": lambda: Case(
        TaggedSubwords(CharacterTokenizer(), max_length=4),
        [["New", "York", "is"], ["ok"], ["a", "b"]],
        [["B", "I", "O"], ["O"], ["O", "B"]],
        [3, 1, 2],
        "one text",
    ),
    "graph_pairs": lambda: Case(
        GraphPairs(GraphReader(), CharacterTokenizer()),
        GRAPHS,
        ["abc", "c", "bc"],
        [3, 1, 2],
        "one text",
    ),
    "labelled_graphs": lambda: Case(
        LabelledGraphs(GraphReader()), GRAPHS, ["x", "y", "x"], [3, 1, 2], "one text"
    ),
    "tagged_graphs": lambda: Case(
        TaggedGraphs(GraphReader()),
        GRAPHS,
        [["B", "I", "O"], ["O"], ["O", "B"]],
        [3, 1, 2],
        "one text",
    ),
    "piano_rolls": lambda: Case(
        PianoRolls(60, 5), [[[60, 64], []], [], [[61]]], [], [2, 0, 1], "60 64 |"
    ),
}


@pytest.fixture(params=PREPROCESSORS)
def case(request):
    return adapted(request.param)


TAGGED = (TaggedGraphs, TaggedSentences)
# Running texts and pieces of music have no targets.
WITHOUT_TARGETS = ("running_text", "piano_rolls")


@pytest.fixture(params=[name for name in PREPROCESSORS if name not in WITHOUT_TARGETS])
def case_of_examples(request):
    return adapted(request.param)


def adapted(name):
    case = CASES[name]()
    if case.targets:
        case.preprocessor.adapt(list(zip(case.inputs, case.targets, strict=True)))
    else:
        case.preprocessor.adapt(case.inputs)
    return case


def raw_of(case):
    """Raw inputs as a server gets them."""
    raw = case.preprocessor.as_raw(case.inputs)
    return case.preprocessor.pad(raw) if hasattr(case.preprocessor, "pad") else raw


def test_every_row_has_the_contract(case):
    assert isinstance(case.preprocessor, Preprocessor if case.targets else RawInputs)
    assert isinstance(case.preprocessor.raw_spec, tf.TensorSpec)
    assert case.preprocessor.raw_spec.name


def test_raw_inputs_are_as_their_spec_says(case):
    assert case.preprocessor.raw_spec.is_compatible_with(raw_of(case))


def test_lengths_are_the_steps_of_each_input(case):
    raw = case.preprocessor.as_raw(case.inputs)
    assert case.preprocessor.lengths(raw).tolist() == case.lengths
    assert case.preprocessor.lengths(raw[:0]).tolist() == []


def test_what_is_no_list_of_inputs_is_refused(case):
    with pytest.raises(ValueError, match="Received"):
        case.preprocessor.as_raw(case.wrong)


def test_inputs_are_prepared_in_a_graph_that_knows_the_spec_alone(case):
    prepare = tf.function(case.preprocessor.prepare, input_signature=[case.preprocessor.raw_spec])
    raw = raw_of(case)
    want = case.preprocessor.prepare(raw)
    tf.nest.map_structure(partial(np.testing.assert_allclose, rtol=1e-6), prepare(raw), want)
    assert {len(leaf) for leaf in tf.nest.flatten(want)} == {len(case.inputs)}


def test_prepared_inputs_are_those_of_a_training_batch(case_of_examples):
    case = case_of_examples
    x, *_ = case.preprocessor(case.preprocessor.as_raw(case.inputs), targets_of(case))
    inputs = case.preprocessor.prepare(raw_of(case))
    if "source_ids" in x:
        inputs = {"source_ids": inputs}
    for name, value in inputs.items():
        tf.nest.map_structure(np.testing.assert_array_equal, x[name], value)


def test_examples_make_the_batch_of_raw_inputs_and_targets(case_of_examples):
    case = case_of_examples
    examples = case.preprocessor.examples(case.inputs, case.targets)
    (found,) = evaluation_batches(examples, case.preprocessor, 5)
    expected = case.preprocessor(case.preprocessor.as_raw(case.inputs), targets_of(case))
    tf.nest.map_structure(np.testing.assert_array_equal, found, expected)
    listed = list(zip(case.inputs, case.targets, strict=True))
    assert case.preprocessor.examples(listed).element_spec == examples.element_spec


def test_encoded_inputs_are_packed_to_what_is_prepared(case):
    raw = raw_of(case)
    packed = case.preprocessor.pack_inputs(case.preprocessor.encode_inputs(raw))
    expected = case.preprocessor.prepare(raw)
    tf.nest.map_structure(np.testing.assert_array_equal, packed, expected)


def test_targets_come_back_from_a_batch(case_of_examples):
    case = case_of_examples
    _, y, weight = case.preprocessor(case.preprocessor.as_raw(case.inputs), targets_of(case))
    assert weight.shape == y.shape
    back = case.preprocessor.raw_targets(y).numpy()
    is_sequence = isinstance(case.preprocessor, TAGGED)
    rows = (
        [row[real] for row, real in zip(back, weight.numpy() > 0, strict=True)]
        if is_sequence
        else back
    )
    got = [np.char.decode(np.asarray(row, "S"), "utf-8").tolist() for row in rows]
    assert got == case.targets


def targets_of(case):
    if isinstance(case.preprocessor, TAGGED):
        return tf.ragged.constant(case.targets, tf.string)
    return tf.constant(case.targets)


def test_a_config_makes_the_same_preprocessor(case):
    config = keras.saving.serialize_keras_object(case.preprocessor)
    again = keras.saving.deserialize_keras_object(config)
    raw = raw_of(case)
    tf.nest.map_structure(
        np.testing.assert_array_equal, again.prepare(raw), case.preprocessor.prepare(raw)
    )
