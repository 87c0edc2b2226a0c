"""The long short-term memory cell with a memory wider than its output."""

import keras

from seqzoo.layers.cells.lstm import LSTMCell


@keras.saving.register_keras_serializable(package="seqzoo")
class ProjectedLSTMCell(LSTMCell):
    """Long short-term memory whose output is a projection of what it reads from its memory.

        i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of (W x + R h + b)
        c = f * c + i * g
        h = P (o * tanh(c))

    The gates and c are `memory_units` wide, h is `units` wide, so that the recurrent product costs
    `units` instead of `memory_units` rows. Weights are those of `LSTMCell` and `projection`
    `(memory_units, units)`. States are `[h, c]`.

    Args:
        units: Positive int. Width of h.
        memory_units: Positive int. Width of c; None for 4 * units.
        projection_initializer: For the weights of the projection.

    For the other arguments see `LSTMCell`.

    Reference: Sak et al., 2014, https://arxiv.org/abs/1402.1128; without its peepholes and its
    second, non-recurrent projection.

    Example:
        >>> cell = sz.layers.ProjectedLSTMCell(3, memory_units=8)
        >>> output, (h, c) = cell(np.ones((2, 5), "float32"), cell.get_initial_state(2))
        >>> tuple(output.shape), tuple(c.shape)
        ((2, 3), (2, 8))
    """

    def __init__(
        self,
        units: int,
        memory_units: int | None = None,
        projection_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.memory_units = 4 * units if memory_units is None else memory_units
        self.projection_initializer = keras.initializers.get(projection_initializer)

    @property
    def state_size(self):
        return [self.units, self.memory_units]

    def build(self, input_shape):
        gates = 4 * self.memory_units
        self.make_kernel(input_shape[-1], gates)
        if self.memory_units < 1:
            raise ValueError(
                "`memory_units` must be at least 1, or None for 4 * units. Received: "
                f"memory_units={self.memory_units}."
            )
        self.make_recurrent_kernel(self.units, gates)
        self.make_bias((gates,))
        self.projection = self.add_weight(
            shape=(self.memory_units, self.units),
            initializer=self.projection_initializer,
            name="projection",
        )

    def projections(self):
        return super().projections() | {"projection": (self.cast(self.projection),)}

    def advance(self, projected, states, project, extra_weights):
        unprojected, c = super().advance(projected, states, project, extra_weights)
        return [project("projection", unprojected), c]

    def get_config(self):
        return super().get_config() | {
            "memory_units": self.memory_units,
            "projection_initializer": keras.initializers.serialize(self.projection_initializer),
        }
