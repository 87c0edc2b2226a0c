"""The tasks that tell mixers apart: what they say is what a slow reader finds in them."""

import itertools

import numpy as np
import pytest

from seqzoo.datasets import recall

GENERATED = {
    "parity": lambda size, seed: recall.parity(size, 7, seed),
    "permutation words": lambda size, seed: recall.permutation_words(size, 7, seed=seed),
    "repetition": lambda size, seed: recall.repetition(size, 5, seed=seed),
    "induction": lambda size, seed: recall.induction(size, 9, seed=seed),
    "recall": lambda size, seed: recall.multi_query_recall(size, 40, 6, 9, seed=seed),
}

every_task = pytest.mark.parametrize("make", GENERATED.values(), ids=GENERATED)


@every_task
def test_the_same_seed_gives_the_same_sequences_and_another_seed_others(make):
    first, again, other = make(20, 1), make(20, 1), make(20, [1, 1])
    for part, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(part, same)
    assert (first.inputs != other.inputs).any()
    assert [part.dtype for part in first] == [np.int32, np.int32, bool]
    assert first.inputs.shape == first.targets.shape == first.counted.shape
    assert not first.targets[~first.counted].any()


@every_task
def test_no_sequences_are_arrays_without_rows(make):
    assert all(len(part) == 0 for part in make(0, 0))
    with pytest.raises(ValueError, match=r"`size` must be at least 0\. Received: size=-1"):
        make(-1, 0)


def test_the_parity_is_that_of_the_ones_so_far():
    inputs, targets, counted = recall.parity(100, 12, seed=3)
    assert counted.all()
    for bits, answers in zip(inputs.tolist(), targets.tolist(), strict=True):
        assert answers == [bits[: t + 1].count(1) % 2 for t in range(12)]
    assert 0.4 < inputs.mean() < 0.6


@pytest.mark.parametrize("letters", [2, 3, 4])
def test_the_answer_is_where_things_are_after_one_permutation_and_the_other(letters):
    permutations = list(itertools.permutations(range(letters)))
    inputs, targets, counted = recall.permutation_words(50, 9, letters, seed=1)
    assert counted.all()
    assert set(inputs.ravel().tolist()) == set(range(len(permutations)))
    for word, answers in zip(inputs.tolist(), targets.tolist(), strict=True):
        where = list(range(letters))  # where each thing is
        for number, answer in zip(word, answers, strict=True):
            where = [permutations[number][i] for i in where]
            assert permutations[answer] == tuple(where)


def test_the_symbols_are_said_again_after_the_delimiter():
    inputs, targets, counted = recall.repetition(200, 6, symbols=5, seed=2)
    for read, answers, asked in zip(inputs.tolist(), targets.tolist(), counted, strict=True):
        said = read[:6]
        assert read[6:] == [6, *said[:-1]]
        assert answers == [recall.BLANK] * 6 + said
        assert asked.tolist() == [False] * 6 + [True] * 6
    assert set(inputs[:, :6].ravel().tolist()) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("length", [3, 10])
def test_the_answer_stood_after_the_first_trigger(length):
    inputs, targets, counted = recall.induction(500, length, symbols=4, seed=2)
    firsts = set()
    for read, answers, asked in zip(inputs.tolist(), targets.tolist(), counted, strict=True):
        triggers = [step for step, symbol in enumerate(read) if symbol == 4]
        assert len(triggers) == 2
        assert triggers[1] == length - 1
        assert answers[-1] == read[triggers[0] + 1] < 4
        assert np.flatnonzero(asked).tolist() == [length - 1]
        firsts.add(triggers[0])
    assert firsts == set(range(length - 2))


@pytest.mark.parametrize(("length", "pairs", "symbols"), [(40, 6, 9), (24, 6, 6), (4, 1, 1)])
def test_each_key_comes_again_once_and_the_answer_is_its_value(length, pairs, symbols):
    inputs, targets, counted = recall.multi_query_recall(300, length, pairs, symbols, seed=4)
    for read, answers, asked in zip(inputs.tolist(), targets.tolist(), counted, strict=True):
        held = dict(zip(read[: 2 * pairs : 2], read[1 : 2 * pairs : 2], strict=True))
        assert len(held) == pairs
        assert set(held) <= set(range(1, symbols + 1))
        assert set(held.values()) <= set(range(symbols + 1, 2 * symbols + 1))
        steps = np.flatnonzero(asked).tolist()
        assert sorted(read[step] for step in steps) == sorted(held)
        assert all(step >= 2 * pairs and step % 2 == 0 for step in steps)
        assert [answers[step] for step in steps] == [held[read[step]] for step in steps]
        others = [read[step] for step in range(2 * pairs, length) if step not in steps]
        assert set(others) <= {recall.BLANK}


def test_the_first_distances_are_drawn_by_the_power_law():
    _, _, counted = recall.multi_query_recall(20_000, 20, 1, 3, power=0.5, seed=0)
    shares = counted[:, 2::2].mean(axis=0)
    weights = np.arange(1, 10) ** -0.5
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.012)  # 3 standard errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: recall.parity(1, 0), "`length` must be at least 1. Received: length=0"),
        (lambda: recall.permutation_words(1, 1, 1), "`letters` must be at least 2"),
        (lambda: recall.repetition(1, 0), "`length` must be at least 1"),
        (lambda: recall.induction(1, 2), "`length` must be at least 3"),
        (lambda: recall.multi_query_recall(1, 7, 2), "`length` must be at least 8"),
        (lambda: recall.multi_query_recall(1, 80, 5, 4), "`symbols` must be at least 5"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
