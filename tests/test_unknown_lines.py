"""A run tells how many inputs and answers hold a word that its training did not."""

import types

import pytest

from seqzoo.preprocessing import (
    ByteTokenizer,
    CharacterTokenizer,
    LabelledText,
    TaggedTokens,
    TextPairs,
    TokenLookup,
    WordTokenizer,
)
from seqzoo.recipe.unknown_lines import unknown_lines


def adapted(tokenizer):
    tokenizer.adapt(["a", "film"])
    return tokenizer


def task_of(preprocessor):
    return types.SimpleNamespace(preprocessor=preprocessor)


def test_inputs_are_counted_once_whatever_words_they_lack():
    inputs = ["a film", "a dull film", "dull , dull", "film"]
    (line,) = unknown_lines(
        task_of(LabelledText(adapted(WordTokenizer()), ["x", "y"])), inputs, ["x"]
    )
    assert line.startswith("50.0 % of the inputs")


def test_tokens_of_a_tagger_are_words():
    text = TaggedTokens(adapted(TokenLookup()), adapted(CharacterTokenizer()), ["X", "Y"])
    inputs = [["a", "film"], ["film", "dull"], [], ["a"]]
    (line,) = unknown_lines(task_of(text), inputs, [])
    assert line.startswith("25.0 % of the inputs")


def test_answers_are_shown_by_the_first():
    text = TextPairs(ByteTokenizer(), adapted(WordTokenizer()))
    answers = ["a film", "a <unk>", "<unk>", "film", "a", "a", "a", "a"]
    (line,) = unknown_lines(task_of(text), ["x"] * 8, answers)
    assert line.startswith("25.0 % of the answers")
    assert "'a <unk>'" in line


@pytest.mark.parametrize("tokenizer", [ByteTokenizer(), adapted(CharacterTokenizer())])
def test_nothing_is_told_of_letters_and_bytes(tokenizer):
    text = LabelledText(tokenizer, ["x", "y"])
    assert unknown_lines(task_of(text), ["zz"], ["x"]) == []


def test_nothing_is_told_where_all_words_are_known():
    text = TextPairs(adapted(WordTokenizer()))
    assert unknown_lines(task_of(text), ["a film"], ["film"]) == []
