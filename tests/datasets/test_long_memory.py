"""The long-memory tasks: what they say is what a slow reader finds in them."""

import math
import sys

import numpy as np
import pytest

from seqzoo.datasets import long_memory

GENERATED = [
    (long_memory.adding, 7),
    (long_memory.copying, 4),
    (long_memory.temporal_order, 23),
]


@pytest.mark.parametrize("length", [2, 3, 10, 51])
def test_the_sum_is_that_of_the_two_marked_numbers_one_in_each_half(length):
    inputs, sums = long_memory.adding(200, length, seed=3)

    assert inputs.shape == (200, length, 2)
    assert sums.shape == (200,)
    assert inputs.dtype == sums.dtype == np.float32
    for sequence, expected in zip(inputs.tolist(), sums.tolist(), strict=True):
        marked = [step for step, (_, mark) in enumerate(sequence) if mark == 1]
        assert sum(mark == 0 for _, mark in sequence) == length - 2
        assert len(marked) == 2
        assert marked[0] < length // 2 <= marked[1]
        assert sum(sequence[step][0] for step in marked) == pytest.approx(expected, abs=1e-6)
        assert all(0 <= number < 1 for number, _ in sequence)


def test_every_step_of_the_adding_problem_may_be_marked():
    inputs, _ = long_memory.adding(500, 9, seed=0)

    assert (inputs[..., 1].sum(axis=0) > 0).all()


def test_who_answers_one_to_every_sum_gets_the_baseline():
    _, sums = long_memory.adding(100_000, 2, seed=0)

    # Standard error of the mean below 6e-4: the fourth moment of the sum about 1 is 1 / 15.
    assert np.mean((sums - 1) ** 2) == pytest.approx(long_memory.ADDING_BASELINE, abs=3e-3)


@pytest.mark.parametrize("blanks", [1, 2, 30])
def test_the_copy_comes_after_the_delimiter(blanks):
    inputs, targets = long_memory.copying(100, blanks, seed=5)

    assert inputs.shape == targets.shape == (100, blanks + 20)
    assert inputs.dtype == targets.dtype == np.int32
    for sequence, target in zip(inputs.tolist(), targets.tolist(), strict=True):
        symbols, rest = sequence[:10], sequence[10:]
        assert set(symbols) <= set(range(1, 9))
        assert rest == [0] * (blanks - 1) + [9] + [0] * 10
        assert target == [0] * (blanks + 10) + symbols
    assert set(inputs[:, :10].ravel()) == set(range(1, 9))


@pytest.mark.parametrize("blanks", [1, 100])
def test_who_knows_when_to_copy_and_not_what_gets_the_baseline(blanks):
    _, targets = long_memory.copying(3, blanks)
    losses = [0.0 if target == 0 else -math.log(1 / 8) for target in targets[0].tolist()]

    assert long_memory.copying_baseline(blanks) == pytest.approx(sum(losses) / len(losses))


@pytest.mark.parametrize("length", [10, 37, 100])
def test_the_class_is_the_order_of_the_two_symbols_that_count(length):
    inputs, classes = long_memory.temporal_order(400, length, seed=2)

    assert inputs.shape == (400, length)
    assert inputs.dtype == classes.dtype == np.int32
    order = {(4, 4): 0, (4, 5): 1, (5, 4): 2, (5, 5): 3}
    places = set()
    for sequence, expected in zip(inputs.tolist(), classes.tolist(), strict=True):
        counting = [step for step, symbol in enumerate(sequence) if symbol in (4, 5)]
        first, second = counting
        assert length // 10 <= first < 2 * length // 10
        assert 5 * length // 10 <= second < 6 * length // 10
        assert order[sequence[first], sequence[second]] == expected
        assert (sequence[0], sequence[-1]) == (6, 7)
        others = [sequence[step] for step in range(1, length - 1) if step not in counting]
        assert set(others) <= {0, 1, 2, 3}
        places |= {first, second}
    assert places == {
        *range(length // 10, 2 * length // 10),
        *range(5 * length // 10, 6 * length // 10),
    }
    assert np.bincount(classes).min() > 60  # of 100 each


def test_at_length_100_the_positions_are_those_of_the_paper():
    inputs, _ = long_memory.temporal_order(500, 100)
    places = np.nonzero((inputs == long_memory.X) | (inputs == long_memory.Y))[1]

    assert set(places) == {*range(10, 20), *range(50, 60)}


@pytest.mark.parametrize(("generate", "length"), GENERATED)
def test_the_same_seed_gives_the_same_arrays_and_another_seed_others(generate, length):
    first, again, other = (generate(20, length, seed=seed) for seed in (1, 1, 2))

    for part, same, different in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(part, same)
        assert (part != different).any()


@pytest.mark.parametrize(("generate", "length"), GENERATED)
def test_several_ints_are_a_seed_too(generate, length):
    first, other = generate(20, length, seed=[1, 0])[0], generate(20, length, seed=[1, 1])[0]

    assert (first != other).any()


@pytest.mark.parametrize(("generate", "length"), GENERATED)
def test_no_sequences_are_arrays_without_rows(generate, length):
    inputs, targets = generate(0, length)

    assert len(inputs) == len(targets) == 0


@pytest.mark.parametrize(
    ("generate", "length", "message"),
    [
        (long_memory.adding, 1, "`length` must be at least 2, for a mark in each half"),
        (long_memory.copying, 0, "`blanks` must be at least 1"),
        (long_memory.temporal_order, 9, "`length` must be at least 10"),
    ],
)
def test_a_length_that_is_too_short_is_refused(generate, length, message):
    with pytest.raises(ValueError, match=f"{message}.*Received: .*={length}"):
        generate(3, length)


@pytest.mark.parametrize(("generate", "length"), GENERATED)
def test_a_negative_size_is_refused(generate, length):
    with pytest.raises(ValueError, match=r"at least 0\. Received: size=-1"):
        generate(-1, length)


@pytest.fixture(scope="module")
def digits():
    return long_memory.sequential_digits(seed=1)


def test_the_digits_come_one_pixel_a_step_and_each_image_once(digits):
    from sklearn.datasets import load_digits

    images = {}
    for image, label in zip(*load_digits(return_X_y=True), strict=True):
        images.setdefault(tuple(image.tolist()), []).append(label)
    assert {name: len(labels) for name, (_, labels) in digits.items()} == {
        "train": 1197,
        "validation": 300,
        "test": 300,
    }
    for inputs, labels in digits.values():
        assert inputs.shape == (len(labels), 64, 1)
        assert (inputs.dtype, labels.dtype) == (np.float32, np.int32)
        for image, label in zip(inputs, labels.tolist(), strict=True):
            images[tuple((16 * image[:, 0]).tolist())].remove(label)
    assert not any(images.values())


def test_a_permutation_is_one_for_all_images(digits):
    permuted = long_memory.sequential_digits(seed=1, permuted=True)
    plain = np.concatenate([inputs[..., 0] for inputs, _ in digits.values()])
    moved = np.concatenate([inputs[..., 0] for inputs, _ in permuted.values()])

    assert (plain != moved).any()
    columns = sorted(map(tuple, plain.T.tolist()))
    assert columns == sorted(map(tuple, moved.T.tolist()))
    for split, (_, labels) in digits.items():
        np.testing.assert_array_equal(labels, permuted[split][1])


def test_another_seed_puts_other_images_in_the_test_split(digits):
    other = long_memory.sequential_digits(seed=2)

    assert (other["test"][0] != digits["test"][0]).any()


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)

    with pytest.raises(ImportError, match=r"seqzoo\[benchmarks\]"):
        long_memory.sequential_digits()
