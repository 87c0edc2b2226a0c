"""A label is one label in every Unicode normal form; the reference is Python's `unicodedata`."""

import unicodedata

import numpy as np
import pytest
import tensorflow as tf

from seqzoo.preprocessing import (
    LabelledText,
    Labels,
    TaggedTokens,
    TokenLookup,
    WhitespaceTokenizer,
    convert_tags,
    detect_scheme,
)
from seqzoo.preprocessing.tag_schemes import forbidden_pairs

# An accent, a character with a form of its own (U+212B), a Hangul syllable, two marks in one order.
NAMES = ["caf\u00e9", "\u00c5ngstr\u00f6m", "\ud55c", "q\u0323\u0307", "plain"]


def nfd(text):
    return unicodedata.normalize("NFD", text)


OTHERS = [nfd("café"), "\u212bngstro\u0308m", "\u1112\u1161\u11ab", "q\u0307\u0323", "plain"]


@pytest.mark.parametrize("given", [NAMES, OTHERS, [name.encode() for name in OTHERS]])
def test_a_label_is_one_label_in_every_form(given):
    labels = Labels(given)
    assert labels.names == [unicodedata.normalize("NFC", name) for name in NAMES]
    for forms in (NAMES, OTHERS):
        np.testing.assert_array_equal(labels.ids(tf.constant(forms)), range(5))
        assert [labels.index(form) for form in forms] == list(range(5))
    table = labels.ids(tf.constant([[OTHERS[0], "unknown"], [NAMES[2], OTHERS[1]]]))
    np.testing.assert_array_equal(table, [[0, -1], [2, 1]])
    ragged = tf.ragged.constant([[OTHERS[3]], [], [NAMES[4], OTHERS[0]]])
    assert labels.ids(ragged).to_list() == [[3], [], [4, 0]]


def test_adapt_takes_all_forms_of_a_label_for_one():
    labels = Labels()
    labels.adapt([*OTHERS, *NAMES, 7, "7"])
    assert labels.names == sorted([*(unicodedata.normalize("NFC", name) for name in NAMES), "7"])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["caf\u00e9", "b", "cafe\u0301"], r"'caf\\xe9' and 'cafe\\u0301', which are the same"),
        (["a", "b", "a"], "'a' and 'a', which are the same label 'a'"),
        ([3, "3"], "3 and '3', which are the same label '3'"),
        (["a", ""], "Received: '' at index 1"),
        (["a", b"\xff"], r"Received: b'\\xff' at index 1"),
        (["a"], "There must be at least two different labels"),
    ],
)
def test_given_names_that_are_no_different_labels_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        Labels(names)


def test_a_saved_file_keeps_the_names_that_it_holds():
    saved = {"names": [OTHERS[0], "b", NAMES[0]]}  # version 0.1 took two forms for two labels
    labels = Labels.from_config(saved)
    assert labels.get_config() == saved
    np.testing.assert_array_equal(labels.ids(tf.constant([OTHERS[0], NAMES[0], "b"])), [0, 0, 1])


def words():
    return WhitespaceTokenizer(vocabulary=["", "<unk>", "<start>", "<end>", "a"])


@pytest.mark.parametrize("multi_label", [False, True])
def test_labels_of_texts_may_have_any_form(multi_label):
    preprocessor = LabelledText(words(), NAMES, multi_label)
    given = [OTHERS[1], NAMES[1], OTHERS[0]]
    given = [[label, NAMES[2]] for label in given] if multi_label else given
    pairs = list(zip(["a", "a a", "a"], given, strict=True))
    (batch,) = preprocessor.examples(pairs).ragged_batch(3)
    wanted = [[0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [1, 0, 1, 0, 0]] if multi_label else [1, 1, 0]
    np.testing.assert_array_equal(preprocessor.encode(*batch)[1], wanted)
    raw = tf.ragged.constant(given) if multi_label else tf.constant(given)
    np.testing.assert_array_equal(preprocessor.encode(batch[0], raw)[1], wanted)


def test_tags_may_have_any_form():
    tags = ["B-lie\u0301", "I-li\u00e9", "O"]
    preprocessor = TaggedTokens(TokenLookup(vocabulary=words().vocabulary), tags=tags)
    sentences = [(["a", "a"], tags[:2]), (["a"], ["B-li\u00e9"])]
    (batch,) = preprocessor.examples(sentences).ragged_batch(2)
    assert preprocessor.encode(*batch)[1].to_list() == [[0, 1], [0]]
    assert forbidden_pairs(tags, "bio") == [(2, 1), (None, 1)]
    assert detect_scheme([tags]) == "bio"
    assert convert_tags(tags, "bio", "bioes") == ["B-li\u00e9", "E-li\u00e9", "O"]
