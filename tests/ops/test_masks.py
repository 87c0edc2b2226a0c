"""What follows from masks."""

import functools

import keras
import numpy as np
import pytest
from keras import ops
from tracing import compiled

from seqzoo.ops.masks import (
    attached_mask,
    hold_last_real,
    real_first,
    where_real,
)

MASK = np.array([[1, 0, 1, 1], [0, 0, 1, 0], [0, 0, 0, 0]], "bool")


def test_where_a_row_is_real_the_new_values_are_taken_from_every_leaf():
    new = {"a": [np.ones((3, 2))], "b": np.ones((3, 2, 4), "int32")}
    old = keras.tree.map_structure(lambda leaf: leaf * 7, new)
    found = where_real(MASK[:, 0], new, old)
    keras.tree.assert_same_structure(found, new)
    for leaf in keras.tree.flatten(found):
        rows = np.asarray(leaf).reshape(3, -1)
        np.testing.assert_array_equal(rows, np.repeat([[1], [7], [7]], rows.shape[1], axis=1))


def test_a_given_mask_goes_before_an_attached_one():
    masked = keras.layers.Masking()(np.array([[[1.0], [0.0]], [[0.0], [2.0]]], "float32"))
    np.testing.assert_array_equal(attached_mask(None, masked), [[True, False], [False, True]])
    given = np.ones((2, 2), "bool")
    assert attached_mask(given, masked) is given
    assert attached_mask(None, np.zeros((2, 2, 1))) is None


def test_real_steps_come_first_and_all_find_back():
    order, ranks = real_first(ops.convert_to_tensor(MASK))
    np.testing.assert_array_equal(order, [[0, 2, 3, 1], [2, 0, 1, 3], [0, 1, 2, 3]])
    np.testing.assert_array_equal(ranks, [[0, 3, 1, 2], [1, 2, 0, 3], [0, 1, 2, 3]])
    for empty in (MASK[:0], MASK[:, :0]):
        assert [leaf.shape for leaf in real_first(ops.convert_to_tensor(empty))] == [
            empty.shape
        ] * 2


@pytest.mark.one_of_each
@pytest.mark.parametrize("in_graph", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("time", "batch"), [(0, 2), (1, 3), (9, 4), (9, 0)])
def test_the_last_real_step_is_held(time, batch, reverse, in_graph):
    rng = np.random.default_rng(time)
    values, first = rng.normal(size=(time, batch, 2)), rng.normal(size=(batch, 2))
    mask = rng.random((time, batch)) < 0.4
    expected = np.zeros_like(values)
    for row in range(batch):
        held = first[row]
        for t in range(time)[:: -1 if reverse else 1]:
            held = values[t, row] if mask[t, row] else held
            expected[t, row] = held
    hold = functools.partial(hold_last_real, reverse=reverse)
    if in_graph:
        hold = compiled(hold, jit_compile=False, like=[values, first, mask])
    np.testing.assert_array_equal(hold(values, first, mask), expected)
