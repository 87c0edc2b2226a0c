"""A source with several targets is an example for each of them."""

import numpy as np
import pytest

import seqzoo as sz
from seqzoo.preprocessing.corpus import PAIRS, TEXTS
from seqzoo.preprocessing.data_forms import read_examples

ROWS = [("a", ["b", "c"]), ("d", "e"), ("f", ("g",))]
WANT = [(b"a", b"b"), (b"a", b"c"), (b"d", b"e"), (b"f", b"g")]


@pytest.mark.parametrize(
    "forms",
    [
        (ROWS,),
        ([s for s, _ in ROWS], [t for _, t in ROWS]),
        ([{"source": s, "target": t} for s, t in ROWS],),
    ],
    ids=["pairs", "two lists", "dicts"],
)
def test_in_every_form(forms):
    dataset = sz.preprocessing.examples(*forms)
    assert [(s.numpy(), t.numpy()) for s, t in dataset] == WANT


def test_each_has_the_weight_of_its_source():
    examples = read_examples(PAIRS, ROWS, sample_weight=[1, 2, 3])
    np.testing.assert_array_equal(examples.weights, [1, 1, 2, 3])


def test_a_source_without_a_target_and_targets_of_other_kinds_are_refused():
    with pytest.raises(ValueError, match="target"):
        sz.preprocessing.examples([("a", []), ("b", ["c"])])
    assert read_examples(TEXTS, ["a", "b"]).y is None


def test_a_translator_learns_from_all_and_is_scored_by_any():
    pairs = [("eins", ["one", "a"]), ("zwei", ["two"])]
    source, target = (sz.preprocessing.CharacterTokenizer() for _ in range(2))
    sz.preprocessing.TextPairs(source, target).adapt(pairs)
    translator = sz.zoo.bahdanau_2015(source, target, embedding_dim=4, units=5)
    translator.compile()
    translator.fit(pairs, epochs=1, batch_size=3, verbose=0)
    apart = [("eins", "one"), ("eins", "a"), ("zwei", "two")]
    together = translator.evaluate(pairs, return_dict=True, verbose=0)["loss"]
    assert together == pytest.approx(
        translator.evaluate(apart, return_dict=True, verbose=0)["loss"]
    )
    found = sz.baselines.baselines(translator, pairs)
    compared = sz.baselines.compare(found, pairs, {"exact_match": sz.metrics.exact_match})
    assert compared.best()["exact_match"] == 1.0
