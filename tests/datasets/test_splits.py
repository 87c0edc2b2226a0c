"""Splits: what is in one of them is in no other."""

import random

import pytest

from seqzoo.baselines import baselines, compare
from seqzoo.datasets import splits, tables
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import CharacterTokenizer, LabelledText
from seqzoo.zoo import kim_2014

WORDS = [f"w{number}" for number in range(40)]
EXAMPLES = [(word, "ab"[number % 2]) for number, word in enumerate(WORDS)]


def inputs(part):
    return {text for text, _ in part}


@pytest.mark.parametrize(("validation", "test"), [(0.1, 0.2), (4, 8)])
def test_drawn_splits_have_their_sizes_and_all_examples(validation, test):
    parts = splits.divide(EXAMPLES, validation, test)
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 28,
        "validation": 4,
        "test": 8,
    }
    assert sorted(each for part in parts.values() for each in part) == sorted(EXAMPLES)


def test_the_split_of_an_input_depends_on_its_text_and_the_seed_alone():
    shuffled = random.Random(0).sample(EXAMPLES, len(EXAMPLES))
    first, again = splits.divide(EXAMPLES), splits.divide(shuffled)
    assert [inputs(part) for part in first.values()] == [inputs(part) for part in again.values()]
    assert inputs(splits.divide(EXAMPLES, seed=1)["test"]) != inputs(first["test"])


def test_equal_inputs_are_in_the_same_split_whatever_their_spaces_and_labels():
    copies = [(f" {text} ", label) for text, label in EXAMPLES] + EXAMPLES[::-1]
    parts = splits.divide([*EXAMPLES, *copies])
    found = [{text.strip() for text in inputs(part)} for part in parts.values()]
    assert sum(map(len, found)) == len(set.union(*found)) == len(WORDS)
    assert len(parts["test"]) == 3 * 4


def test_inputs_of_given_splits_are_removed_from_the_training_and_told():
    test = [("w3", "b"), ("w5", "a"), ("new", "a")]
    with pytest.warns(UserWarning, match="2 examples have an input that is in the validation or"):
        parts = splits.divide(EXAMPLES, validation=0, test=test)
    assert inputs(parts["train"]) == {*WORDS} - {"w3", "w5"}
    assert parts["test"] == test
    assert list(parts) == ["train", "test"]


def test_a_label_that_the_training_would_not_have_is_trained_on():
    for seed in range(9):
        examples = [*EXAMPLES, ("rare", "c"), ("rare", "a")]
        parts = splits.divide(examples, 0.2, 0.2, seed, labelled=True)
        assert {label for _, label in parts["train"]} == {"a", "b", "c"}
        assert sum(map(len, parts.values())) == 42


def test_tags_are_labels_of_their_tokens():
    sentences = [([word], [tag]) for word, tag in EXAMPLES] + [(["x", "y"], ["a", "rare"])]
    parts = [splits.divide(sentences, 0.2, 0.2, seed, labelled=True) for seed in range(5)]
    assert all((["x", "y"], ["a", "rare"]) in part["train"] for part in parts)


def test_texts_alone_are_divided_too():
    parts = splits.divide(WORDS, test=0)
    assert sorted(parts["train"] + parts["validation"]) == sorted(WORDS)


@pytest.mark.parametrize(
    ("examples", "options", "message"),
    [
        (EXAMPLES[:2], {}, "must be more than the splits take. Received: 2 distinct inputs"),
        (EXAMPLES, {"test": 50}, "Received: 40 distinct inputs, test=50"),
        (EXAMPLES, {"test": -1}, "`test` must be at least 0. Received: test=-1"),
        ([(w, "a") for w in WORDS], {"labelled": True}, "at least two labels. Received: 'a' alone"),
        (EXAMPLES[:4], {"validation": 0, "test": EXAMPLES}, "is left for the split 'train'"),
    ],
)
def test_what_cannot_be_divided_is_refused(examples, options, message):
    with pytest.raises(ValueError, match=message):
        splits.divide(examples, **options)


def test_a_large_table_is_streamed_with_the_same_examples_in_the_same_splits(tmp_path, monkeypatch):
    rows = "".join(f"{text},{label}\n" for text, label in [*EXAMPLES, ("rare", "c")])
    (tmp_path / "t.csv").write_text(f"text,label\n{rows}")
    table = tables.read(tmp_path / "t.csv", "text", "label")
    expected = splits.divide(table, 0.2, 0.2, labelled=True)
    monkeypatch.setattr(tables, "_LARGE", 10)
    streamed = splits.divide(table, 0.2, 0.2, labelled=True)

    assert callable(streamed["train"].shuffled)
    assert len(streamed["train"]) == len(expected["train"])
    assert sorted(streamed["train"]) == sorted(expected["train"])
    assert streamed["test"] == expected["test"]
    vocabularies = []
    for parts in (expected, streamed):
        preprocessor = LabelledText(CharacterTokenizer(normalization=None))
        preprocessor.adapt(parts["train"])
        vocabularies.append((preprocessor.labels.names, preprocessor.tokenizer.vocabulary))
    assert vocabularies[0] == vocabularies[1]
    task = kim_2014(preprocessor, embedding_dim=3, windows=(1,), filters=2)
    reached = [
        compare(baselines(task, parts["train"]), parts["test"], {"accuracy": METRICS["accuracy"]})
        for parts in (expected, streamed)
    ]
    assert reached[0] == reached[1]
