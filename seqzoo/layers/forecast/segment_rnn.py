"""The network of SegRNN: a recurrent cell over segments of the past, then over those to come."""

import keras
from keras import ops

from seqzoo.layers.cells import make_cell
from seqzoo.layers.recurrent.rnn import Recurrent
from seqzoo.ops.affine import affine
from seqzoo.ops.recurrence.scan import apply_projections


@keras.saving.register_keras_serializable(package="seqzoo")
class SegmentRNN(keras.layers.Layer):
    """Reads a window segment by segment, and predicts all segments of the horizon at once.

    A segment is projected and read by a recurrent cell. Each segment of the horizon is one step of
    the same cell from the last state, whose input is a learned vector of its position, beside
    what is known of the series. Since all of them begin with one state, its product is computed
    once.

    Args:
        horizon_segments: Positive int, the segments that are predicted.
        segment: Positive int, the steps of a segment, which divides the window.
        units: Positive even int, the width of the state.
        cell: A name in `layers.cells.CELLS`.
        dropout: From 0 to 1: the share of the hidden states that is set to 0 in training.

    Call arguments:
        values: Float tensor `(B, L, F)`, where L is fixed.
        mask: Boolean `(B, L)`; segments of padding alone are left out.
        static: `(B, S)`, what is known of the series; where S is not units / 2, a linear function
            leads to it. None is zeros.

    Returns:
        Hidden states `(B, horizon_segments, units)`, each of `segment` steps.

    Raises:
        ValueError: when built, if an argument is out of its range or the window is no number of
            segments.

    Reference: Lin et al., 2023, https://arxiv.org/abs/2308.11200

    Example:
        >>> network = sz.layers.SegmentRNN(horizon_segments=2, segment=3, units=4)
        >>> tuple(network(np.ones((5, 6, 1), "float32")).shape)
        (5, 2, 4)
    """

    unread = ("known",)

    def __init__(
        self,
        horizon_segments: int,
        segment: int = 24,
        units: int = 128,
        cell: str = "gru",
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.horizon_segments = horizon_segments
        self.segment = segment
        self.units = units
        self.cell = cell
        self.dropout = dropout
        self.supports_masking = True
        dtype = self.dtype_policy
        self.embedding = keras.layers.Dense(units, "relu", dtype=dtype, name="embedding")
        self.recurrent = Recurrent(
            make_cell(cell, units, dtype=dtype), return_state=True, dtype=dtype, name="recurrent"
        )
        self.drop = keras.layers.Dropout(dropout, dtype=dtype, name="dropout")
        self.describe = None

    def build(self, values_shape, static_shape=None):
        for name in ("horizon_segments", "segment"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be at least 1. Received: {name}={getattr(self, name)}."
                )
        if self.units < 2 or self.units % 2:
            raise ValueError(
                f"`units` must be even, at least 2. Received: units={self.units}. One half tells "
                "of the position, the other one of the series."
            )
        steps = values_shape[1]
        if steps is None or steps % self.segment:
            raise ValueError(
                "`segment` must divide the steps that are read. Received: "
                f"segment={self.segment} and a window of {steps} steps."
            )
        self.embedding.build((None, None, self.segment * values_shape[2]))
        self.recurrent.build((None, None, self.units))
        half = self.units // 2
        if static_shape is not None and static_shape[-1] != half:
            self.describe = keras.layers.Dense(half, dtype=self.dtype_policy, name="describe")
            self.describe.build(static_shape)
        self.position = self.add_weight(
            (self.horizon_segments, half),
            keras.initializers.RandomNormal(stddev=1.0),
            name="position",
        )
        self.built = True

    def call(self, values, mask=None, known=None, static=None, training=False):
        count, width = values.shape[1] // self.segment, self.segment * values.shape[2]
        segments = ops.reshape(values, (-1, count, width))
        if mask is not None:
            mask = ops.any(ops.reshape(mask, (-1, count, self.segment)), axis=-1)
        _, *state = self.recurrent(self.embedding(segments), mask=mask, training=training)
        cell = self.recurrent.cell
        state = [part[:, None] for part in state]  # one for all segments of the horizon
        project = apply_projections(cell.projections())
        hidden = cell.advance(self._projected(static), state, project, cell.extra_weights())[0]
        return self.drop(hidden, training=training)

    def _projected(self, static):
        """The input term of each segment of the horizon, `(B or 1, H / segment, gates * units)`."""
        kernel, *bias = self.recurrent.cell.input_projection()
        half = self.units // 2
        position = ops.cast(self.position, self.compute_dtype)
        projected = affine(position, kernel[:half], *bias)[None]
        if static is None:
            return projected
        if self.describe is not None:
            static = self.describe(static)
        return projected + affine(static, kernel[half:])[:, None]

    def compute_mask(self, values, mask=None, **others):
        return None

    def get_config(self):
        return super().get_config() | {
            "horizon_segments": self.horizon_segments,
            "segment": self.segment,
            "units": self.units,
            "cell": self.cell,
            "dropout": self.dropout,
        }
