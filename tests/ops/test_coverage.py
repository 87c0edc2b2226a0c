"""The loss of reading the same steps again."""

import numpy as np
from keras import ops

from seqzoo.ops.losses import coverage_loss

RNG = np.random.default_rng(6)
WEIGHTS = RNG.dirichlet(np.ones(5), size=(3, 4))  # (B, T, S)
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]], "bool")


def loss_by_hand(weights):
    """Of one row, query after query."""
    covered, total = np.zeros(weights.shape[1]), 0.0
    for looked in weights:
        total += sum(min(a, c) for a, c in zip(looked, covered, strict=True))
        covered = covered + looked
    return total


def test_the_loss_is_the_overlap_of_each_query_with_those_before():
    expected = [loss_by_hand(row) for row in WEIGHTS]
    np.testing.assert_allclose(coverage_loss(WEIGHTS), expected)


def test_padded_queries_neither_count_nor_cover():
    expected = [loss_by_hand(row[real]) for row, real in zip(WEIGHTS, MASK, strict=True)]
    np.testing.assert_allclose(coverage_loss(WEIGHTS, MASK), expected)


def test_reading_each_step_once_costs_nothing_and_one_step_again_costs_all():
    once = ops.eye(4)[None]
    np.testing.assert_array_equal(coverage_loss(once), [0])
    np.testing.assert_array_equal(coverage_loss(ops.repeat(once[:, :1], 4, axis=1)), [3])


def test_no_rows_and_no_queries_are_legal():
    assert coverage_loss(WEIGHTS[:0], MASK[:0]).shape == (0,)
    np.testing.assert_array_equal(coverage_loss(WEIGHTS[:, :0], MASK[:, :0]), np.zeros(3))
