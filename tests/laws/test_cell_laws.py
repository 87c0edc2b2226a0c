"""What holds for every cell: equations, weights, whole sequences, gradients."""

import keras
import numpy as np
import pytest
from cell_references import REFERENCES, run
from derivatives import (
    assert_all_close,
    assert_gradients_are_finite_differences,
    differentiate,
    float_leaves,
    randomize,
)
from keras import ops
from layer_cases import BATCH, CELL_MAKERS, FEATURES, MASK, TIME, UNITS, normal

from seqzoo.layers import Bidirectional, LSTMCell, Recurrent
from seqzoo.layers.cells import CELLS, make_cell

KERAS_LAYERS = {
    "simple": keras.layers.SimpleRNN,
    "gru": keras.layers.GRU,
    "gru_reset_before": lambda units, **options: keras.layers.GRU(
        units, reset_after=False, **options
    ),
    "lstm": keras.layers.LSTM,
}
INPUTS = normal(BATCH, TIME, FEATURES)

everywhere = pytest.mark.parametrize("name", CELL_MAKERS)
of_keras = pytest.mark.parametrize("name", KERAS_LAYERS)
both_ways = pytest.mark.parametrize("reverse", [False, True])


def states_for(cell):
    """Random states to begin with, each of its own."""
    return [normal(BATCH, size) + i for i, size in enumerate(cell.state_size)]


def made(name, reverse=False):
    """A float64 layer with random weights that returns all it can."""
    layer = Recurrent(
        CELL_MAKERS[name](UNITS, dtype="float64"),
        reverse=reverse,
        return_sequences=True,
        return_state=True,
        dtype="float64",
    )
    layer(INPUTS)
    return randomize(layer)


def loop(cell, inputs, states, mask, reverse):
    """Calls a cell once for each step, and returns what `Recurrent` does."""
    outputs, time = [], inputs.shape[1]
    for t in reversed(range(time)) if reverse else range(time):
        _, new = cell(inputs[:, t], states)
        real = mask[:, t, None]
        states = [ops.where(real, a, b) for a, b in zip(new, states, strict=True)]
        outputs.append(states[0])
    outputs = outputs[::-1] if reverse else outputs
    return [ops.stack(outputs, axis=1), *states]


@pytest.mark.one_of_each
@everywhere
@both_ways
def test_a_whole_sequence_equals_a_loop_over_steps_and_the_equations(name, reverse):
    layer = made(name, reverse)
    states = states_for(layer.cell)
    found = layer(INPUTS, mask=MASK, initial_state=states)
    assert_all_close(found, loop(layer.cell, INPUTS, states, MASK, reverse), atol=1e-13)
    outputs, final = run(REFERENCES[name], layer.cell.get_weights(), INPUTS, states, MASK, reverse)
    assert_all_close(found, [outputs, *final], atol=1e-13)


@everywhere
def test_without_mask_and_state_every_step_is_real_and_states_begin_at_zero(name):
    layer = made(name)
    states = [np.zeros((BATCH, size)) for size in layer.cell.state_size]
    expected = layer(INPUTS, mask=np.ones((BATCH, TIME), "bool"), initial_state=states)
    assert_all_close(layer(INPUTS), expected, atol=1e-13)


@pytest.mark.one_of_each
@everywhere
@both_ways
def test_gradients_are_finite_differences(name, reverse):
    layer = made(name, reverse)
    arguments = {"inputs": INPUTS, "mask": MASK, "initial_state": states_for(layer.cell)}
    assert_gradients_are_finite_differences(layer, arguments, layer.trainable_variables)


@everywhere
def test_a_step_has_the_gradients_of_finite_differences(name):
    cell = made(name).cell
    arguments = {"inputs": INPUTS[:, 0], "states": states_for(cell)}
    assert_gradients_are_finite_differences(cell, arguments, cell.trainable_variables)


@everywhere
def test_second_derivatives_are_finite_differences_of_first_ones(name):
    layer = made(name)

    def slopes(inputs):
        return differentiate(layer, {"inputs": inputs, "mask": MASK})[1]

    assert_gradients_are_finite_differences(slopes, {"inputs": INPUTS}, [])


@of_keras
@both_ways
def test_weights_and_outputs_are_those_of_keras(name, reverse):
    theirs = KERAS_LAYERS[name](
        UNITS, return_sequences=True, return_state=True, go_backwards=reverse, dtype="float64"
    )
    theirs(INPUTS)
    randomize(theirs)
    ours = made(name, reverse)
    ours.set_weights(theirs.get_weights())
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    states = states_for(ours.cell)
    states_of_theirs = states if len(states) > 1 else states[0]
    their_outputs, *their_final = theirs(INPUTS, mask=MASK, initial_state=states_of_theirs)
    their_outputs = their_outputs[:, ::-1] if reverse else their_outputs
    outputs, *final = ours(INPUTS, mask=MASK, initial_state=states)
    # Before the first real step Keras puts out zeros, and not what the state is.
    assert_all_close([outputs[MASK]], [their_outputs[MASK]], atol=1e-13)
    assert_all_close(final, their_final, atol=1e-13)


@everywhere
def test_a_cell_stands_in_the_loop_of_keras(name):
    layer = made(name)
    theirs = keras.layers.RNN(layer.cell, return_sequences=True, return_state=True, dtype="float64")
    assert_all_close(theirs(INPUTS), layer(INPUTS), atol=1e-13)


@of_keras
def test_a_fresh_cell_begins_as_that_of_keras(name):
    theirs, ours = KERAS_LAYERS[name](UNITS), CELL_MAKERS[name](UNITS)
    theirs.build((None, None, FEATURES))
    ours.build((None, FEATURES))
    np.testing.assert_array_equal(ours.bias, theirs.cell.bias)
    limit = np.sqrt(6 / sum(ours.kernel.shape))
    for cell in (ours, theirs.cell):
        rows = np.asarray(cell.recurrent_kernel)
        np.testing.assert_allclose(rows @ rows.T, np.eye(UNITS), atol=1e-5)
        assert 0.5 * limit < np.abs(cell.kernel).max() <= limit


def test_the_forget_gate_begins_open_only_where_it_is_requested():
    for is_open, first in [(True, 1.0), (False, 0.25)]:
        quarter = keras.initializers.Constant(0.25)
        cell = LSTMCell(2, unit_forget_bias=is_open, bias_initializer=quarter)
        cell.build((None, FEATURES))
        expected = [0.25, 0.25, first, first, 0.25, 0.25, 0.25, 0.25]
        np.testing.assert_array_equal(cell.bias, expected)


@everywhere
def test_a_layer_of_another_dtype_than_its_cell_computes_in_the_cells(name):
    cell = CELL_MAKERS[name](UNITS, dtype="float64")
    states = states_for(cell)
    for layer in (Recurrent(cell), Bidirectional(CELL_MAKERS[name](UNITS, dtype="float64"))):
        assert {leaf.dtype.name for leaf in float_leaves(layer(INPUTS))} == {"float64"}
    assert Recurrent(cell)(INPUTS, initial_state=states).dtype.name == "float64"


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_without_units_is_refused(name):
    with pytest.raises(ValueError, match=r"`units` must be at least 1. Received: units=0"):
        make_cell(name, 0).build((None, FEATURES))


def test_an_unknown_cell_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"Unknown `cell` 'lstmm'. Did you mean 'lstm'\?"):
        make_cell("lstmm", UNITS)


def test_states_of_a_wrong_number_are_refused():
    with pytest.raises(ValueError, match=r"must hold 2 tensors for a LSTMCell\. Received: 1"):
        Recurrent(LSTMCell(UNITS))(INPUTS, initial_state=[normal(BATCH, UNITS)])
