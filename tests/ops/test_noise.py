"""Numbers that depend on their arguments alone are spread evenly, from the first one on."""

import numpy as np

from seqzoo.ops.decoding.noise import uniform


def test_the_numbers_of_the_smallest_arguments_are_none_of_the_smallest():
    numbers = [float(uniform(np.array([0]), 0, 0, np.array([[token]]))[0, 0]) for token in range(9)]
    assert min(numbers) > 1e-3
    assert max(numbers) < 1 - 1e-3


def test_the_numbers_are_spread_evenly_over_each_of_their_arguments():
    count = 4000
    one, many = np.zeros(1, "int32"), np.arange(count, dtype="int32")
    columns = [
        uniform(many, 0, 0, np.zeros((count, 1), "int32"))[:, 0],
        uniform(np.zeros(count, "int32"), many, 0, np.zeros((count, 1), "int32"))[:, 0],
        uniform(one, 0, 0, many[None])[0],
    ]
    for column in map(np.asarray, columns):
        shares = np.histogram(column, 10, (0, 1))[0] / count
        np.testing.assert_allclose(shares, 0.1, atol=5 * np.sqrt(0.09 / count))
        assert abs(np.corrcoef(column[1:], column[:-1])[0, 1]) < 5 / np.sqrt(count)
