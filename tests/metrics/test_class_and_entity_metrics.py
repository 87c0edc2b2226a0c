"""Values counted by hand."""

import pytest

from seqzoo.metrics import METRICS


def test_labels_are_counted():
    found, right = ["a", "b", "b", "a"], ["a", "b", "a", "a"]
    assert METRICS["accuracy"](found, right) == 0.75
    assert METRICS["micro_f1"](found, right) == 0.75
    # a: 2 of 2 right, 2 of 3 found; b: 1 of 2 right, 1 of 1 found
    assert METRICS["macro_f1"](found, right) == pytest.approx((0.8 + 2 / 3) / 2)


def test_sets_of_labels_are_counted():
    found, right = [["a"], ["a", "b"], []], [["a"], ["b"], ["b"]]
    assert METRICS["accuracy"](found, right) == pytest.approx(1 / 3)
    # hits: a, b; found 3, right 3
    assert METRICS["micro_f1"](found, right) == pytest.approx(2 / 3)


def test_the_correlation_of_two_labels_is_that_of_their_counts():
    found, right = "++++----+-", "+++----+--"
    hits, misses, false, true = 3, 1, 2, 4  # positives found and not; negatives taken and not
    product = (hits + misses) * (hits + false) * (true + misses) * (true + false)
    wanted = (hits * true - misses * false) / product**0.5
    assert METRICS["matthews_correlation"](list(found), list(right)) == pytest.approx(wanted)
    assert METRICS["matthews_correlation"](["+", "+"], ["+", "-"]) == 0


def test_residues_of_an_unknown_tag_are_not_counted():
    found, right = ["HHC", ["C", "E"], ""], ["H?C", ["E", "E"], ""]
    assert METRICS["residue_accuracy"](found, right) == 3 / 4
    with pytest.raises(ValueError, match="must have a known tag"):
        METRICS["residue_accuracy"](["H"], ["?"])
    for wrong in (["H"], ["HH", "CC"]):
        with pytest.raises(ValueError, match="3 references of 2"):
            METRICS["residue_accuracy"](wrong, ["HH", "C"])


def test_spans_are_right_with_both_ends_and_their_type():
    right = [["B-X", "I-X", "O", "B-Y"], ["O", "B-X"]]
    found = [["B-X", "I-X", "O", "B-X"], ["I-X", "B-X"]]
    # right: 3 spans; found: X, X (wrong type), X that an I begins, X
    assert METRICS["entity_precision"](found, right) == pytest.approx(2 / 4)
    assert METRICS["entity_recall"](found, right) == pytest.approx(2 / 3)
    assert METRICS["entity_f1"](found, right) == pytest.approx(4 / 7)
    assert METRICS["tag_accuracy"](found, right) == pytest.approx(4 / 6)


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "entity_f1", "tag_accuracy"])
def test_what_is_not_aligned_is_refused(name):
    with pytest.raises(ValueError, match="at least one"):
        METRICS[name]([], [])
    with pytest.raises(ValueError, match="Received: 1 "):
        METRICS[name]([["O"]], [["O"], ["O"]])


def test_a_sentence_of_another_length_is_named():
    with pytest.raises(ValueError, match="Received: 1 and 2 at index 1"):
        METRICS["entity_f1"]([["O"], ["O"]], [["O"], ["O", "O"]])


def test_labels_and_tags_are_equal_in_every_unicode_form():
    composed, decomposed = "\u00e9", "e\u0301"
    assert METRICS["accuracy"]([composed, "a"], [decomposed, "b"]) == 0.5
    assert METRICS["accuracy"]([[composed], ["a"]], [[decomposed], ["a", "b"]]) == 0.5
    assert METRICS["macro_f1"]([composed, "a"], [decomposed, "a"]) == 1
    outputs, references = [[f"B-{composed}", "O"]], [[f"B-{decomposed}", "B-X"]]
    assert METRICS["entity_precision"](outputs, references) == 1
    assert METRICS["tag_accuracy"](outputs, references) == 0.5
    assert METRICS["accuracy"](["3", "4"], [3, 5]) == 0.5  # integers are labels too
    assert METRICS["accuracy"]([["3"], []], [{3}, {4}]) == 0.5
