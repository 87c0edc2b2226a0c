"""Cells of Keras's contract that seqzoo's layers run."""

import keras
import numpy as np
import pytest
from keras import ops
from tracing import compiled, gradients_of

from seqzoo.layers import (
    LSTM,
    Bidirectional,
    GRUCell,
    KerasCell,
    LSTMCell,
    Recurrent,
    SimpleRNNCell,
)

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6
INPUTS = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES))
MASK = np.array([[1, 1, 1, 0, 1], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], "bool")
PAIRS = {
    "lstm": (keras.layers.LSTMCell, LSTMCell),
    "gru": (keras.layers.GRUCell, GRUCell),
    "simple": (keras.layers.SimpleRNNCell, SimpleRNNCell),
}

every_pair = pytest.mark.parametrize("name", PAIRS)


class Decay(keras.layers.Layer):
    """A cell that somebody wrote: one state, given without a list around it."""

    state_size = output_size = FEATURES

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = self.add_weight((FEATURES,), "ones", name="scale")

    def call(self, inputs, states):
        state = 0.5 * states[0] + self.scale * inputs
        return state, state


def both(name, kind=Recurrent, **options):
    """The layer on Keras's cell and on ours, with the same weights."""
    layers = [
        kind(cell(UNITS, dtype="float64"), dtype="float64", **options) for cell in PAIRS[name]
    ]
    for layer in layers:
        layer.build(INPUTS.shape)
    rng = np.random.default_rng(1)
    weights = [rng.normal(scale=0.5, size=weight.shape) for weight in layers[0].weights]
    for layer in layers:
        layer.set_weights(weights)
    return layers


def derived(layer, jit_compile=False):
    """The results of a layer, and their gradients by inputs and weights."""

    def total(leaves):
        outputs = keras.tree.flatten(layer(leaves[0], mask=MASK))
        return sum(ops.sum(x**2) for x in outputs), outputs

    def run(inputs):
        outputs, gradients = gradients_of(total, [inputs], layer.trainable_variables)
        return [*outputs, *gradients]

    return compiled(run, jit_compile)(ops.convert_to_tensor(INPUTS))


@every_pair
@pytest.mark.parametrize("jit_compile", [False, True])
def test_values_and_gradients_are_those_of_our_own_cell(name, jit_compile):
    theirs, ours = both(name, return_sequences=True, return_state=True)
    for one, other in zip(derived(theirs, jit_compile), derived(ours), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@every_pair
def test_both_directions_run_too(name):
    theirs, ours = both(name, Bidirectional)
    for one, other in zip(derived(theirs), derived(ours), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_a_cell_of_ones_own_runs_and_comes_back_from_its_config():
    layer = Recurrent(Decay(), return_sequences=True)
    found = layer(INPUTS)
    expected, state = [], np.zeros((BATCH, FEATURES))
    for t in range(TIME):
        state = 0.5 * state + INPUTS[:, t]
        expected.append(state)
    np.testing.assert_allclose(found, np.stack(expected, axis=1), atol=1e-6)
    with keras.saving.custom_object_scope({"Decay": Decay}):
        copy = Recurrent.from_config(layer.get_config())
    np.testing.assert_allclose(copy(INPUTS), found)


def test_a_model_of_such_a_cell_learns():
    inputs = keras.Input((None, FEATURES))
    outputs = keras.layers.Dense(1)(Recurrent(keras.layers.GRUCell(UNITS))(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.05), "mse")
    losses = model.fit(INPUTS, INPUTS.sum((1, 2)), epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_what_cannot_run_is_refused():
    with pytest.raises(ValueError, match="A GRUCell with dropout of its own"):
        KerasCell(keras.layers.GRUCell(UNITS, dropout=0.5))
    stacked = keras.layers.StackedRNNCells([keras.layers.LSTMCell(UNITS) for _ in range(2)])
    with pytest.raises(ValueError, match=r"must be of one width each.*RecurrentStack"):
        Recurrent(stacked)
    for layer in (keras.layers.LSTM(UNITS), LSTM(UNITS)):
        with pytest.raises(TypeError, match=r"Received: LSTM\. Of a .* layer, give `layer.cell`"):
            Recurrent(layer)

    class Doubled(Decay):
        def call(self, inputs, states):
            _, state = super().call(inputs, states)
            return 2 * state, state

    with pytest.raises(ValueError, match="output of a Doubled must be its first state"):
        Recurrent(Doubled())(INPUTS)
