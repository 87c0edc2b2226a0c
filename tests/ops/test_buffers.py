"""Both kinds of buffers, in a loop and out of it."""

import numpy as np
import pytest
from keras import ops

from seqzoo.ops.decoding.buffers import blank, general_blank, stack, write


def fill(make, values, places):
    """Writes each of `values` at its place of a buffer of 5 steps, in a loop."""

    def body(i, buffer):
        return i + 1, write(buffer, places[i], values[i])

    loop = (ops.zeros((), dtype="int32"), make(5, values[0]))
    return stack(ops.while_loop(lambda i, buffer: i < len(places), body, loop)[1])


def expected_of(values, places):
    expected = np.zeros((5, *values.shape[1:]))
    expected[places] = ops.cast(values, "float32")
    return expected


@pytest.mark.parametrize("make", [blank, general_blank])
@pytest.mark.parametrize("dtype", ["float32", "int32", "bfloat16"])
def test_both_kinds_give_what_was_written_and_zeros_elsewhere(dtype, make):
    values = ops.cast(ops.reshape(ops.arange(24) + 1, (3, 2, 4)), dtype)
    filled = fill(make, values, ops.convert_to_tensor([3, 0, 2]))
    assert filled.dtype == dtype
    np.testing.assert_array_equal(ops.cast(filled, "float32"), expected_of(values, [3, 0, 2]))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_graph_of_unknown_sizes_gives_the_same(jit_compile, tf):
    graph = tf.function(
        lambda values: fill(blank, values, tf.constant([1, 4])),
        input_signature=[tf.TensorSpec((2, None, None))],
        jit_compile=jit_compile,
    )
    for shape in [(2, 3, 2), (2, 0, 3)]:
        values = np.random.default_rng(0).normal(size=shape).astype("float32")
        np.testing.assert_array_equal(graph(values), expected_of(values, [1, 4]))


def test_a_buffer_that_nothing_is_written_to_is_zeros():
    assert np.asarray(stack(blank(3, np.ones((2, 4), "float32")))).tolist() == [[[0.0] * 4] * 2] * 3
