"""The arithmetic of a step in one kernel: the same values, gradients and second derivatives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.layers import Bidirectional, Recurrent
from seqzoo.layers.cells import CELLS, LinearCell, make_cell
from seqzoo.ops.recurrence.plan import fused
from seqzoo.ops.tensorflow import fused as tensorflow_fused
from seqzoo.ops.tensorflow import xla

ROWS, TIME, FEATURES, UNITS = 4, 5, 3, 4
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(ROWS, TIME, FEATURES))
MASK = np.arange(TIME) < np.array([5, 3, 4, 1])[:, None]
SEGMENTS = np.array([[1, 1, 2, 2, 2], [1, 2, 3, 0, 0], [1, 1, 1, 2, 0], [1, 0, 0, 0, 0]])
LOOPING = [name for name, kind in CELLS.items() if not issubclass(kind, LinearCell)]


@pytest.fixture
def kernels(monkeypatch):
    """Counts steps that become kernels, and lets `kernels.allow(False)` leave them as they are."""

    class Kernels:
        steps = 0

        def allow(self, allowed):
            monkeypatch.setattr(tensorflow_fused, "MIN_VALUES", 1 if allowed else 10**9)

    found, run = Kernels(), tensorflow_fused._run

    def counting(*arguments):
        found.steps += 1
        return run(*arguments)

    monkeypatch.setattr(tensorflow_fused, "_run", counting)
    found.allow(True)
    return found


def differentiate(layer, twice=False, traced=True):
    """Returns outputs and gradients; `twice`, the gradients of the gradients' squares as well."""
    inputs = tf.constant(INPUTS, layer.compute_dtype)
    layer.build(inputs.shape)
    weights = [weight.value for weight in layer.trainable_weights]

    def run(inputs):
        with tf.GradientTape() as outer:
            outer.watch(inputs)
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = layer(inputs, mask=MASK, segment_ids=SEGMENTS, training=True)
                outputs = outputs[0] if isinstance(outputs, tuple) else outputs
                total = tf.reduce_sum(tf.sin(outputs))
            first = tape.gradient(total, [inputs, *weights])
            if not twice:
                return [outputs, *first]
            squares = tf.add_n(
                [tf.reduce_sum(tf.cast(gradient, tf.float64) ** 2) for gradient in first]
            )
        return [outputs, *first, *outer.gradient(squares, [inputs, *weights])]

    run = tf.function(run) if traced else run
    return [found.numpy().astype("float64") for found in run(inputs)]


def make(name, dtype="float64", around=Recurrent, **options):
    keras.utils.set_random_seed(1)
    if around is Recurrent:
        options |= {"return_sequences": True}
    return around(make_cell(name, UNITS, dtype=dtype), seed=3, dtype=dtype, **options)


OPTIONS = {
    "reverse": {"reverse": True},
    "noise": {"dropout": 0.3, "recurrent_dropout": 0.3, "zoneout": 0.2, "weight_drop": 0.2},
    "cut": {"gradient_steps": 2},
    "chunks": {"checkpoint_steps": 2},
}


def assert_kernels_change_nothing(make_layer, kernels, twice=False):
    """Eager loops have no kernels, and need not be traced."""
    results = differentiate(make_layer(), twice)
    steps = kernels.steps
    expected = differentiate(make_layer(), twice, traced=False)
    assert kernels.steps == steps > 0
    for one, other in zip(results, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-11)


ROWS_OF_THE_LAW = [(name, "plain") for name in LOOPING]
ROWS_OF_THE_LAW += [("lstm", option) for option in OPTIONS]
ROWS_OF_THE_LAW += [pytest.param("gru", option, marks=pytest.mark.slow) for option in OPTIONS]
COMPILED = ("lstm", "plain")


@pytest.mark.parametrize(("name", "option"), ROWS_OF_THE_LAW)
def test_kernels_change_nothing(name, option, kernels, monkeypatch):
    """One row compiles its kernels, and the others run the same functions op by op."""
    if (name, option) != COMPILED:
        monkeypatch.setattr(xla, "compiled", tf.function)
    assert_kernels_change_nothing(lambda: make(name, **OPTIONS.get(option, {})), kernels)


@pytest.mark.parametrize(
    "option", ["plain", *(pytest.param(o, marks=pytest.mark.slow) for o in OPTIONS)]
)
def test_second_derivatives(option, kernels, monkeypatch):
    monkeypatch.setattr(xla, "compiled", tf.function)
    options = OPTIONS.get(option, {})
    assert_kernels_change_nothing(lambda: make("lstm", **options), kernels, twice=True)


def test_both_directions(kernels, monkeypatch):
    monkeypatch.setattr(xla, "compiled", tf.function)
    assert_kernels_change_nothing(lambda: make("lstm", around=Bidirectional), kernels)


def test_steps_of_16_bits_are_as_near_the_truth_as_without_kernels(kernels):
    exact = differentiate(make("lstm"))
    fine = differentiate(make("lstm", "mixed_bfloat16"))
    assert kernels.steps
    kernels.allow(False)
    plain = differentiate(make("lstm", "mixed_bfloat16"))
    errors = [
        [np.abs(a - b).mean() for a, b in zip(each, exact, strict=True)] for each in (fine, plain)
    ]
    assert np.mean(errors[0]) < 1.1 * np.mean(errors[1])


def test_a_gradient_that_two_arguments_share_is_one_tensor(kernels):
    def step(inputs_t, state, constants, project):
        return [tf.tanh(inputs_t + project("recurrent", state[0]))]

    @tf.function
    def shared(x, h):
        z = h @ tf.eye(UNITS)
        with tf.GradientTape() as tape:
            tape.watch([x, z])
            (new,) = fused(step)(x, [h], (), lambda name, u: z)
        by_x, by_z = tape.gradient(new, [x, z])
        assert by_x is by_z
        return by_x

    shared(tf.ones((ROWS, UNITS)), tf.ones((ROWS, UNITS)))
    assert kernels.steps


def test_rows_of_unknown_number_and_eager_loops_have_no_kernels(kernels):
    layer = make("lstm")
    layer(INPUTS, training=True)
    dynamic = tf.function(
        lambda x: layer(x, training=True),
        input_signature=[tf.TensorSpec((None, TIME, FEATURES), "float64")],
    )
    dynamic(INPUTS)
    layer(INPUTS)
    assert kernels.steps == 0


def test_a_cell_that_multiplies_inside_its_step_has_no_kernel(kernels):
    layer = Recurrent(keras.layers.LSTMCell(UNITS, dtype="float64"), dtype="float64")
    tf.function(lambda x: layer(x, training=True))(tf.constant(INPUTS))
    assert kernels.steps == 0
