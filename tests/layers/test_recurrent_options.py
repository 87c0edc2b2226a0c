"""Dropout, zoneout, weight drop, cut gradients and streaming of recurrent layers."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import ops
from tracing import BACKEND, compiled, gradients_of

from seqzoo.layers import (
    GRU,
    LSTM,
    Bidirectional,
    GRUCell,
    LSTMCell,
    Recurrent,
    SimpleRNNCell,
)
from seqzoo.layers.recurrent import loop as recurrent_loop

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(BATCH, TIME, FEATURES))
MASK = np.array([[1, 1, 1, 0, 1], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], "bool")
RATES = ("dropout", "recurrent_dropout", "zoneout", "weight_drop")
CELLS = {
    "simple": SimpleRNNCell,
    "gru": GRUCell,
    "gru_reset_before": lambda units, **o: GRUCell(units, reset_after=False, **o),
    "lstm": LSTMCell,
}

every_rate = pytest.mark.parametrize("rate", RATES)
every_cell = pytest.mark.parametrize("name", CELLS)


def made(name="lstm", **options):
    """A float64 layer with random weights."""
    cell = CELLS[name](UNITS, dtype="float64")
    layer = Recurrent(cell, return_sequences=True, dtype="float64", **options)
    layer.build(INPUTS.shape)
    layer.set_weights([RNG.normal(scale=0.5, size=weight.shape) for weight in layer.weights])
    return layer


@pytest.fixture
def drawn(monkeypatch):
    """Replaces what is drawn by the same every time, and returns the last of each shape."""
    found = {}

    def kept(shape, rate, seed):
        rng = np.random.default_rng(int(sum(shape)))
        found[tuple(int(size) for size in shape)] = rng.uniform(size=shape) >= rate
        return ops.convert_to_tensor(found[tuple(int(size) for size in shape)])

    monkeypatch.setattr(recurrent_loop, "_draw_kept", kept)
    return found


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(weights, inputs, into_product=1.0, moves=None):
    """The LSTM in NumPy, `into_product` times h going into the product with R."""
    kernel, recurrent, bias = weights
    h = c = np.zeros((BATCH, UNITS))
    outputs = []
    for t in range(TIME):
        gates = inputs[:, t] @ kernel + (h * into_product) @ recurrent + bias
        i, f, g, o = np.split(gates, 4, axis=1)
        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        new_h = sigmoid(o) * np.tanh(new_c)
        h, c = (new_h, new_c) if moves is None else moves(t, (new_h, new_c), (h, c))
        outputs.append(h)
    return np.stack(outputs, axis=1)


def test_dropout_takes_the_same_inputs_from_all_steps_of_a_row(drawn):
    layer = made(dropout=0.4)
    found = layer(INPUTS, training=True)
    ((shape, kept),) = drawn.items()
    assert shape == (1, BATCH, FEATURES)
    np.testing.assert_allclose(found, lstm(layer.get_weights(), INPUTS * kept[0][:, None] / 0.6))


def test_recurrent_dropout_takes_the_same_values_from_the_state_at_every_step(drawn):
    layer = made(recurrent_dropout=0.4)
    found = layer(INPUTS, training=True)
    ((shape, kept),) = drawn.items()
    assert shape == (BATCH, UNITS)
    np.testing.assert_allclose(found, lstm(layer.get_weights(), INPUTS, kept / 0.6))


def test_weight_drop_takes_weights_for_the_whole_batch(drawn):
    layer = made(weight_drop=0.4)
    found = layer(INPUTS, training=True)
    kernel, recurrent, bias = layer.get_weights()
    ((shape, kept),) = drawn.items()
    assert shape == recurrent.shape
    np.testing.assert_allclose(found, lstm((kernel, recurrent * kept / 0.6, bias), INPUTS))


def test_zoneout_leaves_values_as_they_were(monkeypatch):
    moving = [RNG.uniform(size=(TIME, BATCH, UNITS)) >= 0.4 for _ in range(2)]
    masks = iter(moving)
    monkeypatch.setattr(recurrent_loop, "_draw_kept", lambda *_: ops.convert_to_tensor(next(masks)))
    layer = made(zoneout=0.4)

    def moves(t, new, old):
        return [np.where(m[t], a, b) for m, a, b in zip(moving, new, old, strict=True)]

    found = layer(INPUTS, training=True)
    np.testing.assert_allclose(found, lstm(layer.get_weights(), INPUTS, moves=moves))


def test_outside_of_training_zoneout_moves_as_far_as_is_expected():
    layer = made(zoneout=0.4)

    def moves(t, new, old):
        return [0.6 * a + 0.4 * b for a, b in zip(new, old, strict=True)]

    np.testing.assert_allclose(layer(INPUTS), lstm(layer.get_weights(), INPUTS, moves=moves))


@every_cell
@every_rate
def test_noise_is_of_training_only_and_new_for_each_batch(name, rate):
    layer = made(name, **{rate: 0.5})
    plain = layer(INPUTS)
    np.testing.assert_array_equal(layer(INPUTS), plain)
    noisy = layer(INPUTS, training=True)
    assert np.any(noisy != plain)
    assert np.any(noisy != layer(INPUTS, training=True))


@every_rate
def test_rows_are_dropped_apart_but_for_weights(rate):
    same = np.repeat(INPUTS[:1], BATCH, axis=0)
    found = made(seed=1, **{rate: 0.5})(same, training=True)
    found = ops.convert_to_numpy(found)
    assert np.allclose(found, found[:1]) == (rate == "weight_drop")


@every_rate
def test_padding_changes_nothing_under_noise(rate, drawn):
    layer = made(**{rate: 0.5})
    mask = np.tile(MASK[0], (BATCH, 1))
    changed = np.where(mask[..., None], INPUTS, 9.0)
    one, other = (layer(x, mask=mask, training=True) for x in (INPUTS, changed))
    np.testing.assert_array_equal(one, other)


@every_rate
def test_the_same_seed_draws_the_same(rate):
    one, other = made(seed=3, **{rate: 0.5}), made(seed=3, **{rate: 0.5})
    other.set_weights(one.get_weights())
    np.testing.assert_array_equal(one(INPUTS, training=True), other(INPUTS, training=True))


@every_rate
def test_noise_works_in_a_compiled_bidirectional_step(rate):
    layer = Bidirectional(GRUCell(UNITS), **{rate: 0.5})
    layer.build(INPUTS.shape)

    def summed(leaves):
        outputs = layer(leaves[0], mask=MASK, training=True)[0]
        return ops.sum(outputs), outputs

    def step(inputs):
        return gradients_of(summed, [inputs], layer.trainable_variables)

    inputs = ops.convert_to_tensor(INPUTS, "float32")
    with_xla = rate == "recurrent_dropout"  # which compiles for seconds; all draw in one way
    outputs, gradients = compiled(step, with_xla)(inputs)
    # On JAX the test's own pure function keeps no state of a random generator between calls.
    again = compiled(step, with_xla) if BACKEND == "tensorflow" else partial(layer, mask=MASK)
    assert np.any(outputs != again(inputs)[0])
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


@every_cell
def test_a_gradient_goes_back_no_further_than_it_may(name):
    layer, steps = made(name, gradient_steps=2), 2
    pieces = [INPUTS[:, first : first + steps] for first in range(0, TIME, steps)]
    whole = Recurrent(layer.cell, return_sequences=True, return_state=True, dtype="float64")
    upstream = RNG.normal(size=(BATCH, TIME, UNITS))

    def gradients(outputs):
        def weighed(leaves):
            found = outputs(leaves[0])
            return ops.sum(found * upstream), found

        inputs = ops.convert_to_tensor(INPUTS)
        found, gradients = gradients_of(weighed, [inputs], layer.trainable_variables)
        return [found, *gradients]

    def in_chunks(inputs):
        state, outputs = None, []
        for first in range(0, TIME, steps):
            found, *state = whole(inputs[:, first : first + steps], initial_state=state)
            state = [ops.stop_gradient(each) for each in state]
            outputs.append(found)
        return ops.concatenate(outputs, axis=1)

    assert len(pieces) == 3
    for one, other in zip(gradients(layer), gradients(in_chunks), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_cut_leaves_the_gradient_of_the_state_that_is_given(reverse):
    layer = made("lstm", gradient_steps=2, reverse=reverse)
    whole = Recurrent(layer.cell, return_sequences=True, dtype="float64", reverse=reverse)
    state = [ops.convert_to_tensor(RNG.normal(size=(BATCH, UNITS))) for _ in range(2)]
    first_steps = slice(-2, None) if reverse else slice(2)

    def gradient(layer, inputs):
        def total(leaves):
            found = ops.sum(layer(inputs, initial_state=leaves))
            return found, found

        return gradients_of(total, state, [])[1:]

    given, within_reach = gradient(layer, INPUTS), gradient(whole, INPUTS[:, first_steps])
    assert np.abs(given[0]).max() > 0
    for one, other in zip(given, within_reach, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@every_cell
def test_a_stream_of_steps_is_the_whole_sequence(name):
    layer = made(name, zoneout=0.3)
    state, outputs = layer.get_initial_state(BATCH), []
    for t in range(TIME):
        output, state = layer.step(INPUTS[:, t], state)
        outputs.append(output)
    np.testing.assert_allclose(np.stack(outputs, axis=1), layer(INPUTS), atol=1e-13)


@pytest.mark.parametrize("make", [LSTM, GRU])
def test_the_layers_of_keras_name_take_them_too(make):
    for rate in RATES:
        layer = make(UNITS, **{rate: 0.5})
        assert np.any(layer(INPUTS, training=True) != layer(INPUTS))
    output, state = layer.step(INPUTS[:, 0], layer.get_initial_state(BATCH))
    np.testing.assert_array_equal(output, state[0])


@every_rate
@pytest.mark.parametrize("value", [-0.1, 1.0])
def test_a_rate_out_of_range_is_refused(rate, value):
    with pytest.raises(ValueError, match=f"`{rate}` must be at least 0 and below 1"):
        made(**{rate: value})


def test_a_gradient_of_no_step_is_refused():
    with pytest.raises(ValueError, match=r"`gradient_steps` must be at least 1"):
        made(gradient_steps=0)


def test_options_come_back_from_a_config():
    options = {"dropout": 0.1, "recurrent_dropout": 0.2, "zoneout": 0.3, "weight_drop": 0.4}
    layer = made(gradient_steps=7, seed=5, **options)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert copy.get_config() == layer.get_config()
    assert copy.gradient_steps == 7
