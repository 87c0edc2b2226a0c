"""Linear recurrences: the general way and the kernel that TensorFlow runs."""

import keras
import numpy as np
import pytest
from keras import ops
from tracing import BACKEND, gradients_of

from seqzoo.ops.recurrence.linear import general_linear_recurrence, linear_recurrence

if BACKEND == "tensorflow":
    from seqzoo.ops.tensorflow.linear_recurrence import tensorflow_linear_recurrence

BATCH, WIDTH = 3, 2

KINDS = [general_linear_recurrence]
KINDS += [tensorflow_linear_recurrence] if BACKEND == "tensorflow" else []

both_kinds = pytest.mark.parametrize("run", KINDS)
both_ways = pytest.mark.parametrize("reverse", [False, True])
real_and_complex = pytest.mark.parametrize("parts", [1, 2])


def problem(time, parts, batch=BATCH):
    """Decays, some of them 0 and some above 1, drives, first states and slopes of all states."""
    rng = np.random.default_rng((time, parts))
    decay, drive, slopes = rng.normal(scale=0.6, size=(3, parts, time, batch, WIDTH))
    decay[:, ::5, :1] = 0.0
    initial = rng.normal(size=(parts, batch, WIDTH))
    return {"decay": list(decay), "input_term": list(drive), "initial": list(initial)}, list(slopes)


def number(parts):
    """The number that has these parts."""
    return parts[0] + 1j * parts[1] if len(parts) > 1 else parts[0]


def numbers(results):
    return [number([np.asarray(part) for part in parts]) for parts in results]


def by_hand(arguments, slopes, reverse):
    """Returns the states, and the gradients of the arguments if the states get `slopes`, as a
    flat list of numbers.
    """
    decay, drive, first = (number(parts) for parts in arguments.values())
    slopes = number(slopes)
    order = list(range(len(decay)))[:: -1 if reverse else 1]
    states, before, d_decay, d_drive = (np.zeros_like(drive) for _ in range(4))
    h, d_h = first, np.zeros_like(first)
    for t in order:
        before[t], h = h, decay[t] * h + drive[t]
        states[t] = h
    for t in reversed(order):
        d_drive[t] = d_h = slopes[t] + d_h
        d_decay[t], d_h = np.conj(before[t]) * d_h, np.conj(decay[t]) * d_h
    return [states, d_decay, d_drive, d_h]


def differentiate(run, arguments, slopes, reverse):
    def weighed(flat):
        states = run(**keras.tree.pack_sequence_as(arguments, flat), reverse=reverse)
        return sum(ops.sum(x * y) for x, y in zip(states, slopes, strict=True)), states

    flat = [ops.convert_to_tensor(leaf) for leaf in keras.tree.flatten(arguments)]
    states, gradients = gradients_of(weighed, flat)
    return [states, *keras.tree.pack_sequence_as(arguments, gradients).values()]


def assert_same(found, expected, atol=1e-12):
    for one, other in zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=atol)


@pytest.mark.one_of_each
@both_kinds
@both_ways
@real_and_complex
@pytest.mark.parametrize("time", [0, 1, 2, 7, 64, 130])
def test_states_and_gradients_are_those_of_a_loop(run, time, parts, reverse):
    arguments, slopes = problem(time, parts)
    found = differentiate(run, arguments, slopes, reverse)
    assert_same(numbers(found), by_hand(arguments, slopes, reverse))


@both_ways
@real_and_complex
def test_second_derivatives_are_those_of_the_general_way(parts, reverse, tf):
    arguments, slopes = problem(7, parts)

    def bend(run):
        flat = [tf.constant(x) for x in keras.tree.flatten(arguments)]
        with tf.GradientTape() as outer:
            outer.watch(flat)
            packed = keras.tree.pack_sequence_as(arguments, flat)
            with tf.GradientTape() as inner:
                inner.watch(flat)
                states = run(**packed, reverse=reverse)
                total = tf.add_n(
                    [tf.reduce_sum(x**2 * y) for x, y in zip(states, slopes, strict=True)]
                )
            first = inner.gradient(total, flat)
            total = tf.add_n([tf.reduce_sum(tf.sin(x)) for x in first])
        return outer.gradient(total, flat)

    assert_same(bend(tensorflow_linear_recurrence), bend(general_linear_recurrence))


@pytest.mark.one_of_each
@both_ways
@real_and_complex
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("time", [1, 130])
def test_a_graph_of_unknown_sizes_and_xla_give_the_same(parts, reverse, jit_compile, time, tf):
    def derived(arguments, slopes):
        return differentiate(tensorflow_linear_recurrence, arguments, slopes, reverse)

    def unknown(leaf):
        return tf.TensorSpec([None] * leaf.ndim, leaf.dtype)

    arguments = problem(time, parts)
    signature = None if jit_compile else keras.tree.map_structure(unknown, arguments)
    graph = tf.function(derived, input_signature=signature, jit_compile=jit_compile)
    arguments = keras.tree.map_structure(tf.constant, arguments)
    assert_same(graph(*arguments), derived(*arguments))
    if not jit_compile:
        for time, batch in ((0, BATCH), (64, 0)):
            arguments = problem(time, parts, batch)
            assert_same(numbers(graph(*arguments)), by_hand(*arguments, reverse))


@both_kinds
def test_decays_of_almost_0_and_of_1_lose_nothing_over_many_steps(run):
    time = 3000
    decay = np.ones((time, 1, 2), "float32")
    decay[:, :, 0] = 1e-30
    ones = np.ones((time, 1, 2), "float32")
    (found,) = run((decay,), (ones,), (ones[0],))
    np.testing.assert_array_equal(found[:, 0, 0], ones[:, 0, 0])
    np.testing.assert_array_equal(found[:, 0, 1], np.arange(2, time + 2, dtype="float32"))


def test_on_tensorflow_the_kernel_runs(monkeypatch, tf):
    kernel = "seqzoo.ops.tensorflow.linear_recurrence.tensorflow_linear_recurrence"
    monkeypatch.setattr(kernel, lambda *arguments: arguments)
    assert linear_recurrence("a", "b", "c") == ("a", "b", "c", False)
