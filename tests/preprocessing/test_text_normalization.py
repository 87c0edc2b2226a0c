import functools
import sys
import unicodedata

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings

from seqzoo.preprocessing import text_normalization as normalization
from seqzoo.preprocessing import unicode_tables

FORMS = ["nfc", "nfkc", "nfd"]
CHARACTERS = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c <= 0xDFFF and c]
# What a normal form may change, and letters for it to act on.
RESTLESS = [c for c in CHARACTERS if unicodedata.combining(c) or unicodedata.decomposition(c)]
RESTLESS += [chr(c) for c in range(0x1100, 0x1200)] + list("aeiouAEIOU가각힣") * 200

normalize = {
    form: tf.function(
        lambda strings, form=form: normalization.unicode_normalize(strings, form),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    for form in FORMS
}


def check(form, texts):
    got = [t.decode() for t in normalize[form](tf.constant(texts)).numpy()]
    want = [unicodedata.normalize(form.upper(), text) for text in texts]
    assert got == want


@pytest.mark.parametrize("form", FORMS)
def test_every_character_is_normalized_as_python_does(form):
    check(form, CHARACTERS)


@pytest.mark.parametrize("form", FORMS)
def test_every_decomposed_character_is_composed_as_python_does(form):
    check(form, [unicodedata.normalize("NFD", c) for c in CHARACTERS])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [2, 3, 8])
def test_random_runs_of_marks_are_ordered_and_composed_as_python_does(form, length):
    rng = np.random.default_rng(length)
    chosen = rng.choice(np.array(RESTLESS), (20_000, length))
    check(form, ["".join(row) for row in chosen])


@pytest.mark.parametrize("form", FORMS)
@settings(deadline=None, max_examples=40)
@given(texts=st.lists(st.one_of(st.text(), st.text(st.sampled_from(RESTLESS))), min_size=1))
@example(texts=["", "a", "\u0301", "a\u0301", "\u0301a"])
@example(texts=["\u0323\u0307q", "q\u0307", "\u0323", "가\u11a8\u11a8"])
def test_any_text_is_normalized_as_python_does(form, texts):
    check(form, [text.replace("\x00", "") for text in texts])


UPPERCASE = [c for c in CHARACTERS if c.lower() != c]
SIGMAS = list("\u03a3\u03c3\u03c2a1 .'\u00ad\u0301İÄ")


@functools.cache
def lowercase(form):
    return tf.function(
        lambda strings: normalization.normalize(strings, form, lowercase=True),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )


def check_lower(form, texts):
    """The result is that of Python, and stays the same when it is normalised again."""

    def normal(text):
        return unicodedata.normalize(form.upper(), text) if form else text

    got = lowercase(form)(tf.constant(texts))
    assert [t.decode() for t in got.numpy()] == [normal(normal(text).lower()) for text in texts]
    assert (lowercase(form)(got) == got).numpy().all()


@pytest.mark.parametrize("form", [None, "nfc", "nfd"])
def test_every_character_is_put_in_lower_case_as_python_does(form):
    check_lower(form, CHARACTERS)


def test_every_uppercase_character_and_every_one_that_may_change_is_lowered_in_nfkc():
    check_lower("nfkc", UPPERCASE + RESTLESS)


def test_lower_case_with_marks_is_composed():
    seconds = sorted({unicodedata.normalize("NFD", c)[-1] for c in CHARACTERS} & set(RESTLESS))
    pairs = [c + second for c in UPPERCASE for second in seconds]
    composed = [p for p in pairs if len(unicodedata.normalize("NFC", p.lower())) == 1]
    check_lower("nfc", composed + pairs[::20])
    check_lower("nfc", ["H\u0331", "\u0130", "\u0130\u0323", "T\u0308", "A\u030a\u0301"])


def test_a_capital_sigma_at_the_end_of_a_word_is_a_final_one():
    check_lower("nfc", ["ΟΔΟΣ", "ΟΔΟΣ ΣΟΦΟΣ.", "Σ", "AΣ\u0301", "AΣ\u0301B", "1Σ", "ΣΣ", "a", "Σ"])
    assert lowercase("nfc")(["ΟΔΟΣ ΣΕΣ"]).numpy()[0].decode() == "οδος σες"


@pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("texts", [("A{}Σ", "{}Σ"), ("AΣ{}", "AΣ{}B")])
def test_every_character_beside_a_capital_sigma_counts_as_python_says(texts, stride):
    for each in texts:
        check_lower(None, [each.format(c) for c in {*CHARACTERS[::stride], *RESTLESS}])


@pytest.mark.parametrize("form", [None, *FORMS])
def test_random_text_is_put_in_lower_case_as_python_does(form):
    rng = np.random.default_rng(5)
    pool = np.array(UPPERCASE + RESTLESS + SIGMAS * 150)
    for length in (3, 9):
        check_lower(form, ["".join(row) for row in rng.choice(pool, (10_000, length))])


def test_rows_do_not_compose_with_one_another():
    check("nfc", ["a", "\u0301", "\u1100", "\u1161", "e\u0301"])


def test_a_chain_of_starters_is_composed_from_the_left():
    """Of Unicode 16's Kirat Rai vowels each may be first and second of a pair."""
    a, aa, e, au = 1, 2, 3, 4  # a a -> aa, e a -> au, as small code points
    tables = unicode_tables.normal_form("nfc")._replace(
        pairs=np.array([a << 21 | a, e << 21 | a], np.int64),
        composites=np.array([aa, au], np.int32),
    )

    def compose(points):
        points = tf.constant(points)
        rows = tf.zeros_like(points, tf.int64)
        return normalization._compose(points, tf.zeros_like(points), rows, tables)[0].numpy()

    assert compose([a, a, a]).tolist() == [aa, a]
    assert compose([e, a, a]).tolist() == [au, a]
    assert compose([a, a, a, a]).tolist() == [aa, aa]


def test_an_empty_batch_stays_empty():
    assert normalization.unicode_normalize(tf.zeros([0], tf.string), "nfc").shape == (0,)


def test_thousands_of_marks_on_one_letter_get_an_answer():
    check("nfc", ["a" + "\u0301\u0323" * 20_000, "\u1161\u1100" * 20_000])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(), min_size=1))
@example([f"a{chr(c)}b" for c in range(1, 0x3001)])
def test_spaces_are_squeezed_as_python_splits(texts):
    got = normalization.squeeze_spaces(tf.constant(texts)).numpy()
    assert [t.decode() for t in got] == [" ".join(text.split()) for text in texts]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.binary(), min_size=1))
def test_any_bytes_become_valid_text(blobs):
    for got, blob in zip(
        normalization.replace_invalid(tf.constant(blobs)).numpy(), blobs, strict=True
    ):
        text = got.decode()
        assert "\x00" not in text
        try:
            assert text == blob.decode().replace("\x00", "\ufffd")
        except UnicodeDecodeError:
            assert "\ufffd" in text
