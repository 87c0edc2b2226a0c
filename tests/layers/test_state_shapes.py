"""Cells whose states are matrices or windows run in every layer that runs cells."""

import keras
import numpy as np
import pytest
from keras import ops

from seqzoo.layers import Bidirectional, Cell, Recurrent

BATCH, TIME, FEATURES, UNITS, KEYS = 3, 5, 4, 6, 2
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(BATCH, TIME, FEATURES)).astype("float32")
MASK = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0], [0] * TIME], "bool")


@keras.saving.register_keras_serializable(package="test_state_shapes")
class FastWeightCell(Cell):
    """A matrix that forgets, and to which each step adds an outer product: M = 0.9 M + k v^T."""

    has_recurrent_projections = False
    is_elementwise = False

    @property
    def state_size(self):
        return [self.units, (KEYS, self.units)]

    def build(self, input_shape):
        self.make_kernel(input_shape[-1], KEYS + self.units)
        self.make_bias((KEYS + self.units,))

    def projections(self):
        return {}

    def advance(self, projected, states, project, extra_weights):
        key, value = ops.split(projected, [KEYS], axis=-1)
        matrix = 0.9 * states[1] + key[:, :, None] * value[:, None, :]
        return [ops.sum(key[:, :, None] * matrix, axis=1), matrix]


def by_hand(cell, inputs, mask):
    """Outputs and the last matrix, in NumPy."""
    kernel, bias = (np.array(weight, "float64") for weight in cell.get_weights())
    matrix, outputs = np.zeros((BATCH, KEYS, UNITS)), np.zeros((BATCH, TIME, UNITS))
    output = np.zeros((BATCH, UNITS))
    for t in range(TIME):
        key, value = np.split(inputs[:, t] @ kernel + bias, [KEYS], axis=-1)
        new = 0.9 * matrix + key[:, :, None] * value[:, None, :]
        matrix = np.where(mask[:, t, None, None], new, matrix)
        read = (key[:, :, None] * new).sum(axis=1)
        output = np.where(mask[:, t, None], read, output)
        outputs[:, t] = output
    return outputs, matrix


@pytest.mark.parametrize("options", [{}, {"checkpoint_steps": 2}, {"gradient_steps": 2}])
def test_a_matrix_is_carried_from_step_to_step(options):
    layer = Recurrent(FastWeightCell(UNITS), return_sequences=True, return_state=True, **options)
    outputs, last, matrix = layer(INPUTS, mask=MASK)
    expected, expected_matrix = by_hand(layer.cell, INPUTS, MASK)
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


def test_both_directions_and_noise():
    layer = Bidirectional(FastWeightCell(UNITS), zoneout=0.2, seed=1)
    outputs, _, matrices = layer(INPUTS, mask=MASK, training=True)
    shapes = layer.compute_output_shape(INPUTS.shape)
    assert (outputs.shape, matrices.shape) == (shapes[0], shapes[2])
    assert matrices.shape == (BATCH, KEYS, 2 * UNITS)
