"""Networks of forecasters against their papers, and what holds for all."""

import keras
import numpy as np
import pytest

from seqzoo.decoders import RecurrentDecoder
from seqzoo.encoders import RecurrentEncoder
from seqzoo.layers import (
    FORECAST_NETWORKS,
    DecodedHorizon,
    DilatedSegments,
    EncodedWindow,
    FedBackNetwork,
    ForecastNetwork,
    Patches,
    PooledConvolutions,
    SegmentRNN,
    WindowSteps,
)

B, L, F = 3, 6, 1
RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(B, L, F)).astype("float32")


def goes_on(width=F, **options):
    decoder = RecurrentDecoder(
        None, width, units=4, attention=None, bridge="zero", readout="none", **options
    )
    return DecodedHorizon(decoder)


def reads_and_writes(width=F, attention=None, **options):
    readout = "none" if attention is None else "tanh"
    encoder = RecurrentEncoder(None, width, units=4, direction="forward")
    decoder = RecurrentDecoder(
        None, width, units=4, attention=attention, bridge="copy", readout=readout
    )
    return DecodedHorizon(decoder, encoder, **options)


ROWS = {
    "decoded_horizon": goes_on,
    "dilated_segments": lambda: DilatedSegments(segment=2, units=4),
    "encoded_window": lambda: EncodedWindow(RecurrentEncoder(None, F, units=4)),
    "segment_rnn": lambda: SegmentRNN(horizon_segments=2, segment=3, units=4),
    "window_steps": lambda: WindowSteps(trend=3),
}
everywhere = pytest.mark.parametrize("name", FORECAST_NETWORKS)


def test_every_network_of_the_registry_is_tested_here():
    assert ROWS.keys() == FORECAST_NETWORKS.keys()


@everywhere
def test_it_is_a_network_whose_config_makes_it_again(name):
    network = ROWS[name]()
    assert isinstance(network, ForecastNetwork)
    again = type(network).from_config(network.get_config())
    assert again.get_config() == network.get_config()
    hidden = network(VALUES)
    assert hidden.shape[0] == B
    assert len(hidden.shape) == 3


@everywhere
def test_rows_do_not_affect_each_other(name):
    network = ROWS[name]()
    whole = np.asarray(network(VALUES))
    np.testing.assert_allclose(np.asarray(network(VALUES[1:2])), whole[1:2], atol=1e-6)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_segments_of_the_horizon_are_steps_of_the_cell_from_the_last_state(cell):
    network = SegmentRNN(horizon_segments=2, segment=3, units=4, cell=cell)
    static = RNG.normal(size=(B, 2)).astype("float32")
    found = np.asarray(network(VALUES, static=static))
    kernel, bias = network.embedding.get_weights()
    embedded = np.maximum(VALUES.reshape(B, 2, 3) @ kernel + bias, 0)
    of_keras = {"gru": keras.layers.GRUCell, "lstm": keras.layers.LSTMCell}[cell](4)
    of_keras.build((None, 4))
    of_keras.set_weights(network.recurrent.cell.get_weights())
    states = [np.zeros((B, 4), "float32")] * (2 if cell == "lstm" else 1)
    for t in range(2):
        _, states = of_keras(embedded[:, t], states)
    for segment in range(2):
        position = np.tile(np.asarray(network.position)[segment], (B, 1))
        want, _ = of_keras(np.concatenate([position, static], axis=1), states)
        np.testing.assert_allclose(found[:, segment], want, atol=1e-6)


def test_the_trend_is_the_moving_mean_that_goes_on_with_the_ends():
    hidden = np.asarray(WindowSteps(trend=3)(VALUES))[:, 0]
    padded = np.concatenate([VALUES[:, :1], VALUES, VALUES[:, -1:]], axis=1)[..., 0]
    trend = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
    np.testing.assert_allclose(hidden[:, :L], trend, atol=1e-6)
    np.testing.assert_allclose(hidden[:, L:], VALUES[..., 0] - trend, atol=1e-6)


def test_known_covariates_stand_beside_their_steps_and_those_of_the_horizon_behind_them():
    encoder = RecurrentEncoder(None, F + 2, units=4, direction="forward")
    network = EncodedWindow(encoder)
    known = RNG.normal(size=(B, L + 2, 2)).astype("float32")
    hidden = np.asarray(network(VALUES, known=known))
    assert hidden.shape == (B, 1, 4 + 2 * 2)
    np.testing.assert_array_equal(hidden[:, 0, 4:], known[:, L:].reshape(B, -1))
    inputs = np.concatenate([VALUES, known[:, :L]], axis=-1)
    np.testing.assert_allclose(hidden[:, 0, :4], encoder(inputs)[0][:, -1], atol=1e-6)


@pytest.mark.parametrize("read", ["mean", "flat", "every", "last"])
def test_padding_before_a_window_changes_nothing_but_where_all_steps_are_read(read):
    network = EncodedWindow(RecurrentEncoder(None, F, units=4, direction="forward"), read)
    padded = np.concatenate([np.full((B, 2, F), 9.0, "float32"), VALUES], axis=1)
    mask = np.arange(L + 2)[None].repeat(B, 0) >= 2
    whole, short = np.asarray(network(padded, mask=mask)), np.asarray(network(VALUES))
    if read == "flat":
        whole = whole.reshape(B, L + 2, 4)
        np.testing.assert_allclose(whole[:, 2:].reshape(B, 1, -1), short, atol=1e-6)
        assert not whole[:, :2].any()
    else:
        np.testing.assert_allclose(whole[:, -short.shape[1] :], short, atol=1e-6)


def test_patches_are_runs_of_steps_that_go_on_with_the_last_value():
    stem = Patches(units=5, patch=3, stride=2)
    mask = np.array([[True] * L, [False] * 3 + [True] * 3, [False] * L])
    patches, real = (np.asarray(each) for each in stem(VALUES, mask=mask))
    kernel, bias = stem.get_weights()
    window = np.float64(np.where(mask[..., None], VALUES, 0))[..., 0]
    longer = np.concatenate([window, window[:, -1:], window[:, -1:]], axis=1)  # 8 steps
    want = [longer[:, start : start + 3] @ kernel + bias for start in (1, 3, 5)]
    np.testing.assert_allclose(patches, np.stack(want, axis=1), atol=1e-6)
    assert real.tolist() == [[True] * 3, [True] * 3, [False] * 3]
    late = np.arange(L) >= np.full((B, 1), 4)
    assert np.asarray(stem(VALUES, mask=late)[1])[0].tolist() == [False, True, True]


def test_convolutions_read_the_past_and_the_largest_of_each_few_steps_is_taken():
    stem = PooledConvolutions(filters=(2, 4), kernel=2, pool=4)
    mask = np.arange(L)[None] >= np.array([[0], [3], [L]])
    features, real = (np.asarray(each) for each in stem(VALUES, mask=mask))
    weights, hidden = stem.get_weights(), np.float64(np.where(mask[..., None], VALUES, 0))
    for kernel, bias in (weights[:2], weights[2:]):
        before = np.concatenate([np.zeros_like(hidden[:, :1]), hidden[:, :-1]], axis=1)
        hidden = np.maximum(before @ kernel[0] + hidden @ kernel[1] + bias, 0) * mask[..., None]
    want = np.stack([hidden[:, :2].max(axis=1), hidden[:, 2:].max(axis=1)], axis=1)
    np.testing.assert_allclose(features, want, atol=1e-6)
    assert real.tolist() == [[True, True], [False, True], [False, False]]
    assert stem(VALUES[:0])[0].shape == (0, 2, 4)


@pytest.mark.parametrize("stem", [Patches(4, 3, 2), PooledConvolutions((2, 4), 2, 2)])
def test_a_stem_makes_fewer_steps_for_the_encoder_and_its_config_makes_it_again(stem):
    network = EncodedWindow(RecurrentEncoder(None, 4, units=5, direction="forward"), stem=stem)
    hidden = np.asarray(network(VALUES))
    again = EncodedWindow.from_config(network.get_config())
    again(VALUES)
    again.set_weights(network.get_weights())
    assert again.get_config() == network.get_config()
    np.testing.assert_allclose(np.asarray(again(VALUES)), hidden, atol=1e-6)
    values, mask = stem(VALUES)
    np.testing.assert_allclose(hidden, network.encoder(values, mask=mask)[0][:, -1:], atol=1e-6)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="patch=9, stride=2 and a window of 6 steps"):
        Patches(4, patch=9, stride=2)(VALUES)
    with pytest.raises(ValueError, match=r"numbers of at least 1, .* filters=\[3, 0\]"):
        PooledConvolutions(filters=(3, 0))(VALUES)
    with pytest.raises(ValueError, match="a stem of Patches"):
        EncodedWindow(RecurrentEncoder(None, 4, units=5), "every", stem=Patches(4))
    with pytest.raises(ValueError, match=r"`segment` must divide .* segment=4 and a window of 6"):
        SegmentRNN(2, segment=4, units=4)(VALUES)
    with pytest.raises(ValueError, match="`units` must be even"):
        SegmentRNN(2, segment=3, units=5)(VALUES)
    with pytest.raises(ValueError, match="`trend` must be at least 1"):
        WindowSteps(trend=0)


G, K, S, H = 3, 2, 2, 4
FOLLOWING = RNG.normal(size=(B, G, F)).astype("float32")
KNOWN = RNG.normal(size=(B, L + H, K)).astype("float32")
STATIC = RNG.normal(size=(B, S)).astype("float32")
both_kinds = pytest.mark.parametrize("make", [goes_on, reads_and_writes])


def keras_steps(layer, inputs, states):
    """The outputs of Keras's LSTM cell with the weights of a layer, and its last states."""
    cell, outputs = keras.layers.LSTMCell(4), []
    cell.build((None, inputs.shape[-1]))
    cell.set_weights(layer.get_weights())
    for t in range(inputs.shape[1]):
        _, states = cell(inputs[:, t], states)
        outputs.append(np.asarray(states[0]))
    return np.stack(outputs, axis=1), states


def test_a_network_without_an_encoder_goes_on_from_the_window_with_the_same_cell():
    network = goes_on(F + K + S)
    found = network(VALUES, known=KNOWN, static=STATIC, following=FOLLOWING)
    fed = np.concatenate([VALUES, FOLLOWING], axis=1)
    static = np.repeat(STATIC[:, None], L + G, axis=1)
    inputs = np.concatenate([fed, KNOWN[:, 1:], static], axis=-1)  # of the step that is predicted
    want, _ = keras_steps(network.decoder.cells[0], inputs, [np.zeros((B, 4), "float32")] * 2)
    np.testing.assert_allclose(found, want, atol=1e-6)


def test_a_network_with_an_encoder_writes_from_its_last_state_and_the_last_value():
    network = reads_and_writes(F + K)
    found = network(VALUES, known=KNOWN, following=FOLLOWING)
    zeros = [np.zeros((B, 4), "float32")] * 2
    inputs = np.concatenate([VALUES, KNOWN[:, :L]], axis=-1)
    layer = network.encoder.stack.layers[0]
    _, states = keras_steps(layer, inputs, zeros)
    fed = np.concatenate([VALUES[:, -1:], FOLLOWING], axis=1)
    inputs = np.concatenate([fed, KNOWN[:, L:]], axis=-1)
    want, _ = keras_steps(network.decoder.cells[0], inputs, states)
    np.testing.assert_allclose(found, want, atol=1e-6)


@pytest.mark.parametrize(
    "network",
    [goes_on(F + K + S), reads_and_writes(F + K + S), reads_and_writes(F + K + S, "additive")],
    ids=["goes on", "reads and writes", "attends"],
)
@pytest.mark.parametrize("width", [1, 2])
def test_a_full_call_is_the_steps_one_by_one(network, width):
    covariates = {"known": KNOWN, "static": STATIC, "mask": np.arange(L)[None].repeat(B, 0) > 1}
    whole = np.asarray(network(VALUES, **covariates, following=FOLLOWING))[:, -(G + 1) :]
    value, state, memory = network.start(VALUES, H, **covariates, width=width)
    np.testing.assert_array_equal(value, np.repeat(VALUES[:, -1], width, axis=0))
    step = network.stepper()
    for t in range(G + 1):
        hidden, state = step(value, state, memory)
        np.testing.assert_allclose(hidden, np.repeat(whole[:, t], width, axis=0), atol=1e-6)
        value = np.repeat(FOLLOWING[:, min(t, G - 1)], width, axis=0)


@both_kinds
def test_it_may_be_fed_back(make):
    assert isinstance(make(), FedBackNetwork)


@both_kinds
def test_padding_before_a_window_does_not_change_what_follows(make):
    network = make()
    padded = np.concatenate([np.full((B, 2, F), 9.0, "float32"), VALUES], axis=1)
    mask = np.arange(L + 2)[None].repeat(B, 0) >= 2
    whole = np.asarray(network(padded, mask=mask, following=FOLLOWING))[:, -(G + 1) :]
    short = np.asarray(network(VALUES, following=FOLLOWING))[:, -(G + 1) :]
    np.testing.assert_allclose(whole, short, atol=1e-6)


def test_past_covariates_want_an_encoder():
    values = np.concatenate([VALUES, VALUES], axis=-1)
    with pytest.raises(ValueError, match=r"Received: 2 values of each step for 1 targets"):
        goes_on()(values)
    encoder = RecurrentEncoder(None, 2 * F, units=4, direction="forward")
    network = reads_and_writes()
    network = DecodedHorizon(network.decoder, encoder)
    assert network(values, following=FOLLOWING).shape == (B, 1 + G, 4)


@pytest.mark.parametrize("length", [12, 9])
def test_dilated_layers_go_on_from_several_segments_before(length):
    network = DilatedSegments(segment=2, units=4, dilations=((1, 2), (3,)), cell="lstm")
    values = RNG.normal(size=(B, length, F)).astype("float32")
    static = RNG.normal(size=(B, 3)).astype("float32")
    found = np.asarray(network(values, static=static))
    padded = np.pad(values, [(0, 0), (length % 2, 0), (0, 0)])
    count = padded.shape[1] // 2
    hidden = np.concatenate([padded.reshape(B, count, 2), static[:, None].repeat(count, 1)], axis=2)
    for i, (layers, dilations) in enumerate(zip(network.groups, network.dilations, strict=True)):
        before = hidden
        for layer, dilation in zip(layers, dilations, strict=True):
            cell = keras.layers.LSTMCell(4)
            cell.build((None, hidden.shape[2]))
            cell.set_weights(layer.cell.get_weights())
            states = [[np.zeros((B, 4), "float32")] * 2 for _ in range(dilation)]
            outputs = []
            for t in range(count):
                output, after = cell(hidden[:, t], states[t % dilation])
                states[t % dilation] = after
                outputs.append(np.asarray(output))
            hidden = np.stack(outputs, axis=1)
        hidden = hidden + before if i else hidden
    kernel, bias = network.readout.get_weights()
    want = np.tanh(hidden[:, -1:] @ kernel + bias)
    np.testing.assert_allclose(found, want, atol=1e-6)


def test_padding_before_whole_segments_changes_nothing_of_dilated_layers():
    network = DilatedSegments(segment=2, units=4, dilations=((1, 2), (3,)))
    padded = np.concatenate([np.full((B, 4, F), 9.0, "float32"), VALUES], axis=1)
    mask = np.arange(L + 4)[None].repeat(B, 0) >= 4
    np.testing.assert_allclose(network(padded, mask=mask), network(VALUES), atol=1e-6)
    with pytest.raises(ValueError, match=r"at least 1\. Received: segment=0, units=4"):
        DilatedSegments(segment=0, units=4)(VALUES)
