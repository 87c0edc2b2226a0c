"""Cells whose states are matrices or windows run in every layer that runs cells."""

import numpy as np
import pytest
from tiny_cells import KEYS, FastWeightCell

from seqzoo.decoders import RecurrentDecoder
from seqzoo.encoders import Encoded
from seqzoo.layers import Bidirectional, Recurrent
from seqzoo.layers.cells import CELLS

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(BATCH, TIME, FEATURES)).astype("float32")
MASK = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0], [0] * TIME], "bool")


def by_hand(cell, inputs, mask, zoneout=0.0):
    """Outputs and the last matrix, in NumPy."""
    kernel, bias = (np.array(weight, "float64") for weight in cell.get_weights())
    matrix, outputs = np.zeros((BATCH, KEYS, UNITS)), np.zeros((BATCH, TIME, UNITS))
    output = np.zeros((BATCH, UNITS))
    for t in range(TIME):
        key, value = np.split(inputs[:, t] @ kernel + bias, [KEYS], axis=-1)
        new = 0.9 * matrix + key[:, :, None] * value[:, None, :]
        mixed = (1 - zoneout) * new + zoneout * matrix
        matrix = np.where(mask[:, t, None, None], mixed, matrix)
        read = (key[:, :, None] * new).sum(axis=1)
        output = np.where(mask[:, t, None], (1 - zoneout) * read + zoneout * output, output)
        outputs[:, t] = output
    return outputs, matrix


@pytest.mark.parametrize(
    "options", [{}, {"checkpoint_steps": 2}, {"gradient_steps": 2}, {"zoneout": 0.25}]
)
def test_a_matrix_is_carried_from_step_to_step(options):
    layer = Recurrent(FastWeightCell(UNITS), return_sequences=True, return_state=True, **options)
    outputs, last, matrix = layer(INPUTS, mask=MASK)
    zoneout = options.get("zoneout", 0.0)
    expected, expected_matrix = by_hand(layer.cell, INPUTS, MASK, zoneout)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    np.testing.assert_allclose(matrix, expected_matrix, atol=1e-5)
    np.testing.assert_allclose(last, expected[:, -1], atol=1e-5)
    shapes = layer.compute_output_shape(INPUTS.shape)
    assert shapes == (outputs.shape, last.shape, matrix.shape)


def test_streaming_is_the_whole():
    layer = Recurrent(FastWeightCell(UNITS), return_sequences=True)
    whole, state = layer(INPUTS), layer.get_initial_state(BATCH)
    for t in range(TIME):
        output, state = layer.step(INPUTS[:, t], state)
        np.testing.assert_allclose(output, whole[:, t], atol=1e-5)


def test_a_stateful_layer_goes_on_with_its_matrix():
    layer = Recurrent(FastWeightCell(UNITS), return_sequences=True, stateful=True)
    outputs = [layer(INPUTS[:, :2]), layer(INPUTS[:, 2:])]
    expected, _ = by_hand(layer.cell, INPUTS, np.ones_like(MASK))
    np.testing.assert_allclose(np.concatenate(outputs, axis=1), expected, atol=1e-5)


def test_each_sequence_of_a_row_starts_from_zeros():
    layer = Recurrent(FastWeightCell(UNITS), return_sequences=True)
    outputs = layer(INPUTS, segment_ids=np.array([[1, 1, 2, 2, 2]] * BATCH))
    apart = [layer(INPUTS[:, :2]), layer(INPUTS[:, 2:])]
    np.testing.assert_allclose(outputs, np.concatenate(apart, axis=1), atol=1e-5)


def test_both_directions_and_noise():
    layer = Bidirectional(FastWeightCell(UNITS), zoneout=0.2, seed=1)
    outputs, _, matrices = layer(INPUTS, mask=MASK, training=True)
    shapes = layer.compute_output_shape(INPUTS.shape)
    assert (outputs.shape, matrices.shape) == (shapes[0], shapes[2])
    assert matrices.shape == (BATCH, KEYS, 2 * UNITS)


@pytest.mark.parametrize("bridge", ["dense", "copy", "zero"])
def test_a_decoder_starts_from_matrices_and_carries_them(bridge, monkeypatch):
    monkeypatch.setitem(CELLS, "fast_weight", FastWeightCell)
    states = [
        RNG.normal(size=(BATCH, *shape)).astype("float32") for shape in ((UNITS,), (KEYS, UNITS))
    ]
    encoded = Encoded(INPUTS, [states], MASK)
    decoder = RecurrentDecoder(9, FEATURES, UNITS, cell="fast_weight", bridge=bridge)
    token_ids = RNG.integers(1, 9, size=(BATCH, 4))
    whole = decoder(token_ids, encoded)
    state, memory = decoder.start(encoded, BATCH, 4)
    assert [leaf.shape for leaf in state["cells"][0]] == [(BATCH, UNITS), (BATCH, KEYS, UNITS)]
    if bridge == "copy":
        np.testing.assert_array_equal(state["cells"][0][1], states[1])
    for t in range(4):
        hidden, state = decoder.step(token_ids[:, t], state, memory)
        np.testing.assert_allclose(hidden, whole[:, t], atol=1e-5)


def test_a_copy_of_matrices_of_another_shape_is_refused(monkeypatch):
    monkeypatch.setitem(CELLS, "fast_weight", FastWeightCell)
    encoded = Encoded(INPUTS, [[INPUTS[:, 0], INPUTS[:, :KEYS]]], MASK)
    decoder = RecurrentDecoder(9, FEATURES, UNITS, cell="fast_weight", bridge="copy")
    with pytest.raises(ValueError, match=r"\[\[6, \(2, 6\)\]\].* Received: \[\[4, \(2, 4\)\]\]"):
        decoder(np.ones((BATCH, 2), "int32"), encoded)
