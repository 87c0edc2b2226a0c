"""Words that do not exist, made of real ones."""

import pytest

from seqzoo.datasets.hallucination import hallucinate, shared_stems

FORMS = [
    ("walk", "walked", "V;PST"),
    ("festlegen", "festgelegt", "V.PTCP;PST"),
    ("set up", "setting up", "V.PTCP;PRS"),
    ("go", "went", "V;PST"),
]


def test_a_stem_has_three_letters_or_more():
    assert shared_stems("walk", "walked") == [(0, 0, 4)]
    assert shared_stems("festlegen", "festgelegt") == [(0, 0, 4), (4, 6, 3)]
    assert shared_stems("go", "went") == []
    assert shared_stems("", "went") == []


def test_only_stems_change_and_both_sides_alike():
    for word, form, features in hallucinate(FORMS, 300, seed=0):
        (real,) = [real for real in FORMS if real[2] == features and len(real[0]) == len(word)]
        changed = set()
        for in_word, in_form, length in shared_stems(*real[:2]):
            last = length - 2
            assert word[in_word : in_word + last] == form[in_form : in_form + last]
            changed |= {("word", in_word + i) for i in range(last)}
            changed |= {("form", in_form + i) for i in range(last)}
        for side, made, old in (("word", word, real[0]), ("form", form, real[1])):
            assert len(made) == len(old)
            kept = [i for i in range(len(old)) if (side, i) not in changed or old[i] == " "]
            assert [made[i] for i in kept] == [old[i] for i in kept]


def test_letters_come_from_words_and_never_a_space():
    made = hallucinate(FORMS, 300, seed=0)
    letters = {letter for word, *_ in FORMS for letter in word}
    assert {letter for word, *_ in made for letter in word} <= letters
    assert all(word.count(" ") == 1 for word, _, features in made if features == "V.PTCP;PRS")
    assert len({word for word, *_ in made}) > 150


def test_a_seed_draws_the_same_again():
    assert hallucinate(FORMS, 20, seed=1) == hallucinate(FORMS, 20, seed=1)
    assert hallucinate(FORMS, 20, seed=1) != hallucinate(FORMS, 20, seed=2)
    assert hallucinate(FORMS, 0) == []


def test_forms_without_a_stem_are_refused():
    with pytest.raises(ValueError, match=r"shares 3 letters .* Received: 1 forms without one"):
        hallucinate(FORMS[3:], 1)
    with pytest.raises(ValueError, match=r"`count` must be at least 0. Received: -1"):
        hallucinate(FORMS, -1)
