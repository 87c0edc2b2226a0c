"""The loop over time: the general one and the kernel that TensorFlow runs."""

from functools import partial
from typing import NamedTuple

import keras
import numpy as np
import pytest
from keras import ops
from tracing import BACKEND, gradients_of

from seqzoo.ops.recurrence.plan import scan
from seqzoo.ops.recurrence.scan import apply_projections, general_scan

if BACKEND == "tensorflow":
    from seqzoo.ops.tensorflow.scan import tensorflow_scan

TIME, BATCH, UNITS, FEATURES, PLACES = 4, 3, 5, 2, 6

KINDS = [general_scan] + ([tensorflow_scan] if BACKEND == "tensorflow" else [])

both_kinds = pytest.mark.parametrize("run", KINDS)
both_ways = pytest.mark.parametrize("reverse", [False, True])


class Constants(NamedTuple):
    table: np.ndarray
    gain: np.ndarray


def normal(*shape):
    return np.random.default_rng(shape).normal(size=shape)


def problem():
    """State, inputs, projections and constants of `step`. The names are out of order on purpose."""
    rng = np.random.default_rng(0)
    state = {"z": [normal(BATCH, UNITS)], "a": normal(BATCH, FEATURES)}
    inputs = {
        "x": normal(TIME, BATCH, FEATURES),
        "place": rng.integers(0, PLACES, size=(TIME, BATCH)).astype("int32"),
        "real": rng.random((TIME, BATCH)) < 0.7,
    }
    projections = {
        "recurrent": (normal(UNITS, UNITS) / 2, normal(UNITS)),
        "inner": (normal(UNITS, FEATURES) / 2,),
        "outer": (normal(FEATURES, UNITS) / 2 + 1,),
    }
    return state, inputs, projections, Constants(normal(PLACES, UNITS), normal(BATCH, 1) + 2)


def step(inputs_t, state, constants, project):
    """Three products in a row, a look-up by a whole number and a mask."""
    (h,) = state["z"]
    looked_up = ops.take(constants.table, inputs_t["place"], axis=0)
    g = ops.tanh(project("recurrent", h) + project("outer", inputs_t["x"]) + looked_up)
    y = ops.tanh(project("inner", g * constants.gain)) + inputs_t["x"]
    real = ops.expand_dims(inputs_t["real"], 1)
    return {"z": [ops.where(real, g, h)], "a": ops.where(real, y, state["a"])}


def by_hand(state, inputs, projections, constants, reverse):
    """The same in NumPy; returns `z` and `a` after each step `(T, B, ...)`."""
    h, a = state["z"][0].copy(), state["a"].copy()
    z_after, a_after = np.zeros((TIME, *h.shape)), np.zeros((TIME, *a.shape))
    for t in reversed(range(TIME)) if reverse else range(TIME):
        for b in range(BATCH):
            if inputs["real"][t, b]:
                x = inputs["x"][t, b]
                (w, bias), (inner,), (outer,) = projections.values()
                g = np.tanh(h[b] @ w + bias + x @ outer + constants.table[inputs["place"][t, b]])
                h[b], a[b] = g, np.tanh(g * constants.gain[b] @ inner) + x
        z_after[t], a_after[t] = h, a
    return z_after, a_after


def leaves_of(nest):
    return keras.tree.flatten(nest)


def weighed_sum(leaves):
    """One number in which every element has a weight of its own."""
    total = 0.0
    for leaf in leaves:
        flat = ops.cast(ops.reshape(leaf, [-1]), "float64")
        places = ops.cast(ops.arange(ops.size(flat), dtype="int32"), "float64")
        total += ops.sum(flat * ops.cos(places))
    return total


def differentiate(run, arguments, reverse=False, step=step):
    """Returns the leaves of the result and the gradients by the float leaves of the arguments."""
    flat = [ops.convert_to_tensor(leaf) for leaf in leaves_of(arguments)]
    is_float = [keras.backend.is_float_dtype(leaf.dtype) for leaf in flat]

    def weighed(floats):
        floats = iter(floats)
        moved = [next(floats) if f else leaf for f, leaf in zip(is_float, flat, strict=True)]
        packed = keras.tree.pack_sequence_as(arguments, moved)
        leaves = leaves_of(run(step, *packed, reverse=reverse))
        return weighed_sum(leaves), leaves

    floats = [leaf for f, leaf in zip(is_float, flat, strict=True) if f]
    return gradients_of(weighed, floats)


def assert_all_close(found, expected, **tolerance):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


@both_kinds
@both_ways
def test_states_are_those_of_a_loop_and_the_final_one_is_the_last_that_ran(run, reverse):
    arguments = problem()
    states, final = run(step, *arguments, reverse=reverse)
    z, a = by_hand(*arguments, reverse)
    assert_all_close([states["z"][0], states["a"]], [z, a], atol=1e-13)
    last = 0 if reverse else -1
    assert_all_close([final["z"][0], final["a"]], [z[last], a[last]], atol=1e-13)
    keras.tree.assert_same_structure(states, arguments[0])
    keras.tree.assert_same_structure(final, arguments[0])


@both_ways
def test_both_kinds_have_the_same_gradients(reverse, tf):
    _, fast = differentiate(tensorflow_scan, problem(), reverse)
    _, general = differentiate(general_scan, problem(), reverse)
    assert len(fast) == 9
    assert_all_close(fast, general, atol=1e-12)


def test_the_kernel_is_what_runs_on_tensorflow(tf):
    assert keras.backend.backend() == "tensorflow"
    graph = tf.Graph()
    with graph.as_default():
        scan(step, *problem())
    assert "TensorListReserve" in {op.type for op in graph.get_operations()}
    found, expected = (leaves_of(run(step, *problem())) for run in (scan, tensorflow_scan))
    assert_all_close(found, expected)


@both_kinds
def test_one_step_runs_as_many(run):
    state, inputs, projections, constants = problem()
    first = keras.tree.map_structure(lambda leaf: leaf[:1], inputs)
    states, final = run(step, state, first, projections, constants)
    inputs_t = keras.tree.map_structure(lambda leaf: leaf[0], inputs)
    expected = leaves_of(step(inputs_t, state, constants, apply_projections(projections)))
    assert_all_close(leaves_of(final), expected, atol=1e-13)
    assert_all_close([leaf[0] for leaf in leaves_of(states)], expected, atol=1e-13)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_graph_of_unknown_sizes_and_xla_give_the_same(jit_compile, tf):
    state, inputs, projections, constants = problem()

    def unknown(nest, sizes):
        """Leaves of which the first sizes are unknown."""
        return keras.tree.map_structure(
            lambda leaf: tf.TensorSpec([None] * sizes + list(leaf.shape[sizes:]), leaf.dtype), nest
        )

    signature = [unknown(state, 1), unknown(inputs, 2), unknown(constants, 1)]

    @tf.function(input_signature=signature, jit_compile=jit_compile)
    def graph(state, inputs, constants):
        return differentiate(tensorflow_scan, (state, inputs, projections, constants))

    found, expected = graph(state, inputs, constants), differentiate(tensorflow_scan, problem())
    for one, other in zip(found, expected, strict=True):
        assert_all_close(one, other, atol=1e-12)


def test_a_tensor_that_is_read_twice_gets_the_sum_of_both_gradients(tf):
    x = tf.constant(normal(TIME, BATCH, UNITS))
    start, kernel = tf.constant(normal(BATCH, UNITS)), tf.constant(normal(UNITS, UNITS))

    def read_twice(inputs_t, state, constants, project):
        a, b = inputs_t
        h = ops.tanh(project("one", state[0]) * a + project("two", b) + constants[0] * constants[1])
        return [h]

    def gradients(run):
        with tf.GradientTape() as tape:
            tape.watch([x, start, kernel])
            projections = {"one": (kernel,), "two": (kernel,)}
            total = weighed_sum(
                leaves_of(run(read_twice, [start], (x, x), projections, (start, start)))
            )
        return tape.gradient(total, [x, start, kernel])

    assert_all_close(gradients(tensorflow_scan), gradients(general_scan), atol=1e-12)


def test_a_result_that_nothing_hangs_on_takes_no_part_in_the_gradient(tf):
    arguments = keras.tree.map_structure(tf.convert_to_tensor, problem())
    sources = [arguments[0]["a"], arguments[2]["inner"][0], arguments[2]["outer"][0]]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        _, final = tensorflow_scan(step, *arguments)
        total = tf.reduce_sum(final["z"][0])
    untouched, unused, used = tape.gradient(total, sources)
    assert np.all(untouched == 0)
    assert np.all(unused == 0)
    assert np.any(used != 0)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("source", ["inputs", "state", "kernel", "bias", "last kernel"])
def test_second_derivatives_are_finite_differences_of_first_ones(source, training, tf):
    state, inputs, projections, constants = problem()

    def slope(value):
        moved = {
            "inputs": (state, inputs | {"x": value}, projections, constants),
            "state": (state | {"z": [value]}, inputs, projections, constants),
            "kernel": (state, inputs, projections | {"recurrent": (value, BIAS)}, constants),
            "bias": (state, inputs, projections | {"recurrent": (KERNEL, value)}, constants),
            "last kernel": (state, inputs, projections | {"inner": (value,)}, constants),
        }
        run = partial(tensorflow_scan, training=training)
        return weighed_sum(differentiate(run, moved[source])[1])

    KERNEL, BIAS = projections["recurrent"]
    values = {
        "inputs": inputs["x"],
        "state": state["z"][0],
        "kernel": KERNEL,
        "bias": BIAS,
        "last kernel": projections["inner"][0],
    }
    x = tf.constant(values[source])
    direction = normal(2, *x.shape)[1]
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = slope(x)
    found = np.sum(tape.gradient(total, x) * direction)
    expected = (slope(x + 1e-6 * direction) - slope(x - 1e-6 * direction)) / 2e-6
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@both_kinds
@both_ways
def test_zero_rows_give_zero_rows_and_gradients_of_zero(run, reverse):
    state, inputs, projections, constants = problem()
    state = keras.tree.map_structure(lambda leaf: leaf[:0], state)
    inputs = keras.tree.map_structure(lambda leaf: leaf[:, :0], inputs)
    constants = constants._replace(gain=constants.gain[:0])
    leaves, gradients = differentiate(run, (state, inputs, projections, constants), reverse)
    assert [leaf.shape for leaf in leaves[:2]] == [(TIME, 0, FEATURES), (TIME, 0, UNITS)]
    assert all(np.all(gradient == 0) for gradient in gradients)


@both_kinds
def test_zero_steps_leave_the_first_state_and_its_gradient(run):
    state, inputs, projections, constants = problem()
    inputs = keras.tree.map_structure(lambda leaf: leaf[:0], inputs)
    leaves, gradients = differentiate(run, (state, inputs, projections, constants))
    assert [leaf.shape[0] for leaf in leaves[:2]] == [0, 0]
    assert_all_close(leaves[2:], leaves_of(state))
    expected = [np.cos(np.arange(leaf.size)) for leaf in leaves_of(state)]
    assert_all_close([np.reshape(g, -1) for g in gradients[:2]], expected, atol=1e-12)
    assert all(np.all(gradient == 0) for gradient in gradients[2:])


@pytest.mark.parametrize("training", [False, True])
def test_zero_steps_compile(training, tf):
    state, inputs, projections, constants = problem()
    inputs = keras.tree.map_structure(lambda leaf: leaf[:0], inputs)

    @tf.function(jit_compile=True)
    def run():
        return tensorflow_scan(step, state, inputs, projections, constants, training=training)

    states, final = run()
    assert [leaf.shape[0] for leaf in leaves_of(states)] == [0, 0]
    assert_all_close(leaves_of(final), leaves_of(state))


def test_known_sizes_stay_known(tf):
    state, inputs, projections, constants = problem()

    @tf.function
    def graph():
        states, final = tensorflow_scan(step, state, inputs, projections, constants)
        shapes.extend(leaf.shape.as_list() for leaf in leaves_of(states) + leaves_of(final))

    shapes = []
    graph()
    rows = [[BATCH, FEATURES], [BATCH, UNITS]]
    assert shapes == [[TIME, *row] for row in rows] + rows


@pytest.mark.parametrize(
    ("uses", "applied"),
    [([], r"\[\]"), (["map", "map"], r"\['map', 'map'\]")],
)
def test_a_map_that_is_not_applied_just_once_is_refused(uses, applied, tf):
    def careless(inputs_t, state, constants, project):
        for name in uses:
            state = [state[0] + project(name, inputs_t)]
        return state

    projections = {"map": (normal(UNITS, UNITS),)}
    message = rf"apply each of its projections once\. Projections: \['map'\]\. Applied: {applied}"
    with pytest.raises(ValueError, match=message):
        tensorflow_scan(careless, [normal(BATCH, UNITS)], normal(TIME, BATCH, UNITS), projections)
