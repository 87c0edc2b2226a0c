"""Near-duplicates are in one split."""

import random
from collections import Counter

import pytest

from seqzoo.datasets.similarity import fold_splits, grouped_folds, similarity_groups


def drawn(count, length=60, letters="ACGT", seed=0):
    draw = random.Random(seed)
    return ["".join(draw.choices(letters, k=length)) for _ in range(count)]


def changed(sequence, count, seed=0):
    """The sequence with so many letters drawn again."""
    draw, letters = random.Random(seed), list(sequence)
    for index in draw.sample(range(len(letters)), count):
        letters[index] = draw.choice("ACGT")
    return "".join(letters)


def brute_force(sequences, k, share):
    """Groups by comparing all pairs, and going on from each to what is similar to it."""
    windows = [{s[i : i + k] for i in range(max(1, len(s) - k + 1))} for s in sequences]
    groups = list(range(len(sequences)))
    for _ in sequences:
        for i, one in enumerate(windows):
            for j, other in enumerate(windows):
                if len(one & other) >= share * min(len(one), len(other)):
                    groups[i] = groups[j] = min(groups[i], groups[j])
    return groups


def test_groups_are_those_of_comparing_all_pairs():
    originals = drawn(12)
    sequences = originals + [changed(each, 4, i) for i, each in enumerate(originals)]
    sequences += [each[20:] + "ACGT" * 5 for each in originals] + ["ACG", "ACG", ""]
    sequences += [each[:25] for each in originals[:6]]  # parts of longer ones
    found = similarity_groups(sequences, k=6, share=0.4)
    wanted = brute_force(sequences, 6, 0.4)
    assert [[a == b for a in found] for b in found] == [[a == b for a in wanted] for b in wanted]
    assert len(set(found)) > 10


@pytest.mark.parametrize("seed", range(3))
def test_planted_near_duplicates_never_stand_in_two_splits(seed):
    originals = drawn(40, seed=seed)
    planted = [changed(each, 2, seed) for each in originals]  # two of sixty letters differ
    planted += [each[8:].lower() for each in originals] + originals
    sequences = originals + planted
    groups = similarity_groups(sequences)
    folds = grouped_folds(groups, ["x"] * len(sequences), folds=5, seed=seed)
    for fold in range(5):
        splits = fold_splits(list(zip(sequences, range(160), strict=True)), folds, fold)
        homes = {name: {number % 40 for _, number in part} for name, part in splits.items()}
        assert not homes["train"] & homes["test"]
        assert not homes["train"] & homes["validation"]
        assert not homes["validation"] & homes["test"]
        assert sum(map(len, splits.values())) == 160


def test_unrelated_sequences_are_groups_of_their_own():
    assert similarity_groups(drawn(200)) == list(range(200))
    proteins = drawn(50, 200, "ACDEFGHIKLMNPQRSTVWY")
    assert similarity_groups(proteins, k=4, share=0.3) == list(range(50))


def test_folds_are_alike_in_labels_and_sizes():
    labels = ["a"] * 60 + ["b"] * 30 + ["c"] * 10
    groups = [index // 2 for index in range(100)]  # pairs
    folds = grouped_folds(groups, labels, folds=5)
    counts = [
        Counter(label for label, f in zip(labels, folds, strict=True) if f == fold)
        for fold in range(5)
    ]
    assert counts == [Counter(a=12, b=6, c=2)] * 5
    assert folds != grouped_folds(groups, labels, folds=5, seed=1)
    assert folds[::2] == folds[1::2]


@pytest.mark.parametrize(("k", "share"), [(0, 0.5), (8, 0.0), (8, 1.1)])
def test_settings_out_of_their_range_are_refused(k, share):
    with pytest.raises(ValueError, match=rf"Received: k={k}, share={share}"):
        similarity_groups(["ACGT"], k, share)


def test_folds_need_groups_and_splits_need_folds():
    with pytest.raises(ValueError, match=r"from 2 to 3, .*Received: folds=4"):
        grouped_folds([0, 1, 2], "aab", folds=4)
    with pytest.raises(ValueError, match="3 groups and 2 labels"):
        grouped_folds([0, 1, 2], "aa", folds=2)
    with pytest.raises(ValueError, match=r"from 0 to 2\. Received: fold=3"):
        fold_splits("abc", [0, 1, 2], 3)
    with pytest.raises(ValueError, match="three folds"):
        fold_splits("ab", [0, 1], 0)
    with pytest.raises(ValueError, match="three folds"):
        fold_splits("", [], 0)
    with pytest.raises(ValueError, match="2 examples and 3 folds"):
        fold_splits("ab", [0, 1, 2], 0)


def test_the_last_window_counts_too():
    assert similarity_groups(["ACGTA", "CGTA", "ACGC"], k=4, share=1.0) == [0, 0, 1]


def test_case_and_gaps_make_no_sequence_another():
    sequence = "ACGTTGCAACGGTCATTGCA"
    gapped = "--" + "-".join(sequence.lower()) + "*\n"
    assert similarity_groups([sequence, gapped, "".join(reversed(sequence))]) == [0, 0, 1]
