"""A named model is small by default; `size="paper"` has the numbers of the paper."""

import inspect

import pytest
from tiny_tasks import letters_tokenizer

from seqzoo import zoo

SIZED = {
    name: builder
    for name, builder in zoo.ZOO.items()
    if "size" in inspect.signature(builder).parameters
}


def test_builders_with_a_size_know_both_and_no_other():
    tokenizer = letters_tokenizer()
    with pytest.raises(ValueError, match=r"Unknown `size` 'large'.*paper, small"):
        zoo.sutskever_2014(tokenizer, tokenizer, size="large")
    assert {"bahdanau_2015", "conneau_2017", "devlin_2019", "xu_2015"} <= SIZED.keys()


def test_the_paper_has_its_numbers_and_what_is_given_has_the_last_word():
    tokenizer = letters_tokenizer()
    vocabulary = tokenizer.vocabulary_size
    paper = zoo.sutskever_2014(tokenizer, tokenizer, size="paper")
    assert paper.count_params() == 2 * (vocabulary * 1000 + 4 * 4000 * 2001) + 1001 * vocabulary
    given = zoo.sutskever_2014(tokenizer, tokenizer, units=8, layers=1, size="paper")
    lstm = 4 * 8 * (1000 + 8 + 1)
    assert given.count_params() == 2 * (vocabulary * 1000 + lstm) + 9 * vocabulary


def test_the_default_is_below_six_million_weights():
    tokenizer = letters_tokenizer()
    for name in ("sutskever_2014", "bahdanau_2015", "luong_2015", "vaswani_2017", "raffel_2020"):
        assert zoo.ZOO[name](tokenizer, tokenizer).count_params() < 6e6, name
