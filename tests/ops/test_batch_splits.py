"""Two loops side by side, and loops whose gradient reads the arrays of the way forward."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.ops.recurrence.plan import scan
from seqzoo.ops.recurrence.scan import Constants, Loop
from seqzoo.ops.tensorflow.batch_splits import run_in_splits, splitting_pays
from seqzoo.ops.tensorflow.scan import tensorflow_scan

TIME, ROWS, UNITS = 4, 9, 5
RNG = np.random.default_rng(0)
STATE = [RNG.normal(size=(ROWS, UNITS)), RNG.normal(size=(ROWS, UNITS))]
INPUTS = {
    "x": RNG.normal(size=(TIME, ROWS, UNITS)),
    "real": RNG.random((TIME, ROWS)) < 0.7,
    "scale": RNG.normal(size=TIME),  # the same for all rows
}
MAPS = {"recurrent": (RNG.normal(size=(UNITS, UNITS)), RNG.normal(size=UNITS))}
CONSTANTS = Constants(
    rows={"dropped": RNG.normal(size=(ROWS, UNITS))}, weights=[RNG.normal(size=UNITS)]
)
ARGUMENTS = (STATE, INPUTS, MAPS, CONSTANTS)

both_ways = pytest.mark.parametrize("reverse", [False, True])


def step(inputs_t, state, constants, project):
    h, c = state
    z = project("recurrent", h * constants.rows["dropped"]) + inputs_t["x"]
    c = constants.weights[0] * c + inputs_t["scale"] * tf.sigmoid(z)
    new = [tf.tanh(c) * tf.sigmoid(z), c]
    return [tf.where(inputs_t["real"][:, None], a, b) for a, b in zip(new, state, strict=True)]


def differentiate(run, arguments=ARGUMENTS, reverse=False):
    """Returns outputs, final state, and the gradients of a number that hangs on all of them."""
    arguments = keras.tree.map_structure(tf.convert_to_tensor, arguments)
    floats = [x for x in keras.tree.flatten(arguments) if x.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floats)
        states, final = run(step, *arguments, reverse)
        leaves = [states[0], *final]
        total = tf.add_n([tf.reduce_sum(tf.sin(x + k)) for k, x in enumerate(leaves)])
    return leaves, tape.gradient(total, floats)


def assert_same(results, expected):
    for one, other in zip(
        keras.tree.flatten(list(results)), keras.tree.flatten(list(expected)), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-12)


@both_ways
@pytest.mark.parametrize("rows", [0, 1, 2, ROWS])
def test_two_loops_have_the_values_and_gradients_of_one(reverse, rows):
    def of_rows(nest, axis):
        return keras.tree.map_structure(
            lambda x: x if x.ndim <= axis else np.take(x, range(rows), axis), nest
        )

    dropped = CONSTANTS._replace(rows=of_rows(CONSTANTS.rows, 0))
    arguments = (of_rows(STATE, 0), of_rows(INPUTS, 1), MAPS, dropped)

    def in_splits(*arguments):
        return run_in_splits(lambda loop: tensorflow_scan(*loop[:6]), Loop(*arguments))

    assert_same(
        differentiate(in_splits, arguments, reverse),
        differentiate(tensorflow_scan, arguments, reverse),
    )


@both_ways
@pytest.mark.parametrize("requested", [None, [True, False]])
def test_a_gradient_that_reads_arrays_is_that_of_whole_tensors(reverse, requested):
    in_training = partial(tensorflow_scan, requested=requested, training=True)
    expected = differentiate(tensorflow_scan, reverse=reverse)
    assert_same(differentiate(in_training, reverse=reverse), expected)
    graph = tf.function(lambda: differentiate(in_training, reverse=reverse))
    assert_same(graph(), expected)


def test_a_state_that_is_not_requested_is_left_out():
    states, _ = scan(step, *ARGUMENTS, requested=[True, False])
    assert states[1] is None
    assert states[0].shape == (TIME, ROWS, UNITS)


def test_a_number_of_rows_that_the_graph_does_not_know_is_split_too():
    @tf.function(input_signature=[tf.TensorSpec((None, UNITS), "float64")])
    def graph(h):
        n = tf.shape(h)[0]
        inputs = INPUTS | {k: tf.constant(INPUTS[k])[:, :n] for k in ("x", "real")}
        dropped = CONSTANTS._replace(rows={"dropped": tf.constant(CONSTANTS.rows["dropped"])[:n]})
        states, final = scan(
            step, [h, h], inputs, MAPS, dropped, training=True, independent_rows=True
        )
        return states, final

    arguments = ([STATE[0], STATE[0]], INPUTS, MAPS, CONSTANTS)
    assert_same(graph(STATE[0]), tensorflow_scan(step, *arguments))


@pytest.mark.parametrize(
    ("rows", "units", "expected"), [(32, 512, True), (32, 1024, False), (4, 256, False)]
)
def test_two_loops_are_for_enough_rows_and_weights_that_fit_into_a_cache(rows, units, expected):
    projections = {"recurrent": (tf.zeros((units, 4 * units)),)}
    assert splitting_pays([tf.zeros((rows, units))], (), projections, training=True) is expected


@pytest.mark.parametrize(
    ("rows", "features", "expected"),
    [(64, 9, True), (2, 9, False), (None, 9, False), (64, 512, False)],
)
def test_a_prediction_is_split_for_many_rows_of_narrow_inputs(rows, features, expected):
    @tf.function(input_signature=[tf.TensorSpec((rows, 128)), tf.TensorSpec((3, rows, features))])
    def graph(state, inputs):
        projections = {"joint": (tf.zeros((features + 128, 512)),)}
        found.append(splitting_pays([state], [inputs], projections, training=False))

    found = []
    graph.get_concrete_function()
    assert found == [expected]
