"""A cell with a matrix for a state, which the tests share."""

import keras
from keras import ops

from seqzoo.layers import Cell

KEYS = 2


@keras.saving.register_keras_serializable(package="tiny_cells")
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
