import numpy as np
import pytest
import tensorflow as tf

from seqzoo.preprocessing import examples

SOURCES, TARGETS = ["a", "b", ""], ["x", "ü", "z"]
WANT = [(b"a", b"x"), (b"b", "ü".encode()), (b"", b"z")]


def pairs(*args):
    return [(s.numpy(), t.numpy()) for s, t in examples(*args)]


def test_every_form_of_a_corpus_gives_the_same_pairs():
    listed = list(zip(SOURCES, TARGETS, strict=True))
    assert pairs(listed) == WANT
    assert pairs(iter(listed)) == WANT
    assert pairs(np.array(listed)) == WANT
    assert pairs([[s, t.encode()] for s, t in listed]) == WANT
    assert pairs(SOURCES, TARGETS) == WANT
    assert pairs(np.array(SOURCES), np.array(TARGETS, object)) == WANT
    assert pairs(tf.data.Dataset.from_tensor_slices((SOURCES, TARGETS))) == WANT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a", "b", "c"], ["x", "y"]), "3 sources but 2 targets"),
        (([], []), "corpus is empty"),
        (([],), "corpus is empty"),
        ((["ab", "cd"],), "pairs of texts is needed. Received 'ab' at index 0"),
        (([("a", "b"), ("a", "b", "c")],), "at index 1"),
        (([("a", 3)],), "at index 0"),
        (([1],), "Received 1 at index 0"),
        (("ab", "cd"), "list of sources is needed. Received one text"),
        ((["a"], [None]), "The targets must be texts. Received None at index 0"),
    ],
)
def test_what_is_not_a_corpus_of_pairs_is_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        examples(*arguments)


def test_datasets_of_something_else_are_refused_in_words():
    good = tf.data.Dataset.from_tensor_slices((SOURCES, TARGETS))
    with pytest.raises(ValueError, match=r"dataset\.unbatch"):
        examples(good.batch(2).batch(2))
    with pytest.raises(ValueError, match="Expected a column 'target'"):
        examples(good.map(lambda s, t: {"de": s, "en": t}))
    with pytest.raises(ValueError, match=r"Dataset\.zip"):
        examples(good, TARGETS)
    with pytest.raises(ValueError, match="dataset is empty"):
        examples(good.take(0))
