"""`LSTM`, `GRU` and `SimpleRNN` stand where Keras's own stood."""

import inspect

import keras
import numpy as np
import pytest

import seqzoo as sz

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6
INPUTS = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES))
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], "bool")
NAMES = ["LSTM", "GRU", "SimpleRNN"]
OPTIONS = {
    "the last output": {},
    "every output": {"return_sequences": True},
    "states": {"return_state": True},
    "backwards": {"return_sequences": True, "return_state": True, "go_backwards": True},
    "no bias": {"use_bias": False, "return_sequences": True},
    "other activations": {"activation": "relu", "return_sequences": True},
    "unrolled": {"unroll": True},
}

every_layer = pytest.mark.parametrize("name", NAMES)


def both(name, **options):
    """Our layer and Keras's, with the same random weights."""
    ours, theirs = (
        getattr(home, name)(UNITS, dtype="float64", **options) for home in (sz.layers, keras.layers)
    )
    rng = np.random.default_rng(1)
    for layer in (ours, theirs):
        layer.build(INPUTS.shape)
    weights = [rng.normal(scale=0.5, size=weight.shape) for weight in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def assert_same(found, expected):
    for one, other in zip(keras.tree.flatten(found), keras.tree.flatten(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)


@every_layer
@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_outputs_are_those_of_keras(name, options, mask):
    ours, theirs = both(name, **options)
    assert_same(ours(INPUTS, mask=mask), theirs(INPUTS, mask=mask))


@every_layer
def test_an_initial_state_is_taken_as_keras_takes_it(name):
    ours, theirs = both(name, return_state=True)
    states = [np.ones((BATCH, UNITS)), np.full((BATCH, UNITS), -0.5)][: 2 if name == "LSTM" else 1]
    given = states if len(states) > 1 else states[0]
    assert_same(ours(INPUTS, initial_state=given), theirs(INPUTS, initial_state=given))


def test_a_gru_can_reset_before_the_product():
    ours, theirs = both("GRU", reset_after=False)
    assert_same(ours(INPUTS), theirs(INPUTS))


@every_layer
def test_every_argument_of_keras_is_taken_at_its_position(name):
    ours, theirs = (
        list(inspect.signature(getattr(home, name)).parameters)
        for home in (sz.layers, keras.layers)
    )
    assert ours[: len(theirs) - 1] == theirs[:-1]  # the last of them is **kwargs


@every_layer
def test_a_layer_comes_back_from_its_config(name):
    layer = getattr(sz.layers, name)(
        UNITS,
        activation="relu",
        use_bias=False,
        recurrent_regularizer="l2",
        kernel_constraint="max_norm",
        dropout=0.25,
        recurrent_dropout=0.125,
        go_backwards=True,
        seed=7,
    )
    config = layer.get_config()
    copy = type(layer).from_config(config)
    assert copy.get_config() == config
    arguments = set(inspect.signature(type(layer)).parameters) - {"kwargs"}
    assert arguments <= set(config)


@every_layer
def test_weights_are_punished_and_constrained_as_in_keras(name):
    options = {
        "kernel_regularizer": "l2",
        "recurrent_regularizer": "l1",
        "bias_regularizer": "l2",
        "kernel_constraint": "non_neg",
    }
    if name != "SimpleRNN":  # Keras's takes it and leaves it unused
        options["activity_regularizer"] = "l2"
    ours, theirs = both(name, **options)
    losses = []
    for layer in (ours, theirs):
        layer(INPUTS)
        losses.append(float(sum(layer.losses)))
        kernel, recurrent_kernel, _ = layer.weights
        assert isinstance(kernel.constraint, keras.constraints.NonNeg)
        assert recurrent_kernel.constraint is None
    np.testing.assert_allclose(*losses)


@every_layer
@pytest.mark.parametrize("merge_mode", ["concat", "sum"])
def test_the_bidirectional_layer_of_keras_takes_them(name, merge_mode):
    ours, theirs = (
        keras.layers.Bidirectional(layer, merge_mode=merge_mode, dtype="float64")
        for layer in both(name, return_sequences=True)
    )
    theirs(INPUTS)
    ours(INPUTS)
    ours.set_weights(theirs.get_weights())
    found, expected = ours(INPUTS, mask=MASK), theirs(INPUTS, mask=MASK)
    np.testing.assert_allclose(found[MASK], expected[MASK], atol=1e-13)


@every_layer
def test_a_model_of_them_trains_and_comes_back_from_its_file(name, tmp_path):
    model = keras.Sequential(
        [
            keras.Input((None, FEATURES)),
            getattr(sz.layers, name)(UNITS, return_sequences=True, dropout=0.2),
            getattr(sz.layers, name)(UNITS + 1, recurrent_dropout=0.2),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", jit_compile=False)
    losses = model.fit(INPUTS, INPUTS.sum((1, 2)), epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again(INPUTS), model(INPUTS), atol=1e-6)


@every_layer
def test_a_stateful_layer_goes_on_where_it_ended(name):
    ours, theirs = (
        getattr(home, name)(UNITS, stateful=True, return_sequences=True, dtype="float64")
        for home in (sz.layers, keras.layers)
    )
    ours(INPUTS), theirs(INPUTS)
    ours.set_weights(theirs.get_weights())
    for layer in (ours, theirs):
        layer.reset_state()
    for _ in range(3):
        assert_same(ours(INPUTS), theirs(INPUTS))
    ours.reset_state()
    theirs.reset_state()
    assert_same(ours(INPUTS), theirs(INPUTS))


def test_a_stateful_layer_asks_for_a_fixed_batch_size():
    with pytest.raises(ValueError, match=r"fixed batch size\. Received: inputs of batch size None"):
        sz.layers.LSTM(UNITS, stateful=True)(keras.Input((None, FEATURES)))
