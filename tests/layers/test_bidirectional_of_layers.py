"""`Bidirectional` around layers, as Keras users write it, against Keras's own."""

import keras
import numpy as np
import pytest

from seqzoo import layers

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6
INPUTS = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES)).astype("float32")
RIGHT_PADDED = np.arange(TIME) < np.array([[5], [3], [1]])
KINDS = ("LSTM", "GRU", "SimpleRNN")


def both(kind, merge_mode="concat", inner=layers, **options):
    """One of ours and Keras's, with the same weights."""
    ours = layers.Bidirectional(getattr(inner, kind)(UNITS, **options), merge_mode=merge_mode)
    theirs = keras.layers.Bidirectional(
        getattr(keras.layers, kind)(UNITS, **options), merge_mode=merge_mode
    )
    ours.build(INPUTS.shape)
    theirs.build(INPUTS.shape)
    ours.set_weights(theirs.get_weights())
    return ours, theirs


def assert_same(one, other):
    for a, b in zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("inner", [layers, keras.layers], ids=["ours", "keras"])
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("return_state", [False, True])
def test_results_are_those_of_keras(kind, inner, return_sequences, return_state):
    options = {"return_sequences": return_sequences, "return_state": return_state}
    ours, theirs = both(kind, inner=inner, **options)
    assert_same(ours(INPUTS), theirs(INPUTS))
    shapes = keras.tree.flatten(
        keras.tree.map_structure(lambda x: tuple(x.shape), list(ours(INPUTS)))
        if return_state
        else [tuple(ours(INPUTS).shape)]
    )
    computed = ours.compute_output_shape(INPUTS.shape)
    assert keras.tree.flatten(list(computed) if return_state else [computed]) == shapes


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave"])
def test_merge_modes_are_those_of_keras(merge_mode):
    ours, theirs = both("GRU", merge_mode)
    assert_same(ours(INPUTS), theirs(INPUTS))


def test_padding_is_left_out():
    ours, theirs = both("LSTM")
    expected = theirs(INPUTS, mask=RIGHT_PADDED)
    assert_same(ours(INPUTS, mask=RIGHT_PADDED), expected)


def test_initial_states_are_forward_ones_then_backward_ones():
    ours, theirs = both("LSTM", return_sequences=True)
    rng = np.random.default_rng(1)
    state = [rng.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(4)]
    assert_same(ours(INPUTS, initial_state=state), theirs(INPUTS, initial_state=state))


def test_the_options_of_the_layer_hold_and_are_saved(tmp_path):
    layer = layers.Bidirectional(
        layers.LSTM(UNITS, return_sequences=True, dropout=0.3, zoneout=0.1, seed=4)
    )
    assert (layer.dropout, layer.zoneout, layer.seed) == (0.3, 0.1, 4)
    model = keras.Sequential([keras.Input((TIME, FEATURES)), layer])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.layers[-1].dropout == 0.3
    assert_same(again(INPUTS), model(INPUTS))
    moved = np.abs(np.array(model(INPUTS, training=True)) - np.array(model(INPUTS))).max()
    assert moved > 0.01  # dropout acts in training


def test_the_layer_also_gives_its_type_its_penalty_and_its_kernel():
    penalty = keras.regularizers.L2(0.1)
    inner = layers.LSTM(UNITS, activity_regularizer=penalty, use_cudnn=False, dtype="float64")
    layer = layers.Bidirectional(inner)
    outputs = np.array(layer(INPUTS))
    assert (outputs.dtype, layer.use_cudnn) == ("float64", False)
    # Keras divides a penalty of outputs by the number of rows.
    expected = 0.1 * np.sum(outputs**2) / BATCH
    np.testing.assert_allclose(sum(map(float, layer.losses)), expected, rtol=1e-5)


@pytest.mark.parametrize("return_state", [False, True])
def test_the_mask_of_sequences_alone_is_passed_on(return_state):
    for return_sequences, expected in ((True, RIGHT_PADDED), (False, None)):
        inner = layers.GRU(UNITS, return_sequences=return_sequences, return_state=return_state)
        mask = layers.Bidirectional(inner).compute_mask(INPUTS, RIGHT_PADDED)
        assert mask[1:] == [None, None] if return_state else True
        assert (mask[0] if return_state else mask) is expected


def test_a_general_layer_of_keras_is_one_too():
    ours, theirs = (
        kind(
            keras.layers.RNN(keras.layers.GRUCell(UNITS), return_sequences=True, return_state=True)
        )
        for kind in (layers.Bidirectional, keras.layers.Bidirectional)
    )
    expected = theirs(INPUTS)
    ours.build(INPUTS.shape)
    ours.set_weights(theirs.get_weights())
    assert_same(ours(INPUTS), expected)


def built_layer():
    layer = keras.layers.LSTM(3)
    layer.build(INPUTS.shape)
    return layer


def test_a_functional_model_gets_the_mask_of_the_embedding():
    ids = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(9, FEATURES, mask_zero=True)(ids)
    model = keras.Model(ids, layers.Bidirectional(layers.LSTM(UNITS))(embedded))
    tokens = np.array([[3, 4, 0, 0], [5, 1, 2, 0]])
    assert_same(model(tokens), model(np.pad(tokens, [[0, 0], [0, 3]])))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Bidirectional(layers.LSTM(3, stateful=True)), "stateful"),
        (lambda: layers.Bidirectional(layers.LSTM(3, go_backwards=True)), "must run forward"),
        (lambda: layers.Bidirectional(layers.LSTM(3), dropout=0.1), "Give them to the layer"),
        (lambda: layers.Bidirectional(built_layer()), "is built already"),
        (
            lambda: layers.Bidirectional(keras.layers.LSTM(3, zero_output_for_mask=True)),
            "`zero_output_for_mask` is not known",
        ),
        (lambda: layers.Bidirectional(layers.LSTM(3), merge_mode="avg"), "Did you mean 'ave'"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
