"""The network of ES-RNN: dilated recurrent layers with residuals, over segments of a window."""

from collections.abc import Sequence

import keras
from keras import ops

from seqzoo.layers.cells import make_cell
from seqzoo.layers.recurrent.rnn import Recurrent


@keras.saving.register_keras_serializable(package="seqzoo")
class DilatedSegments(keras.layers.Layer):
    """Reads a window segment by segment, by recurrent layers that look back by several segments.

    A layer of dilation d goes on from its state d segments before. The layers form groups, and what
    a group but the first one reads is added to what it returns. The last output goes through a
    hyperbolic tangent.

    Args:
        segment: Positive int, the steps of a segment.
        units: Positive int, the width of the states.
        dilations: The segments between the steps of each layer, a list for each group.
        cell: A name in `layers.cells.CELLS`.
        dropout: From 0 to 1: the share of the hidden states that is set to 0 in training.

    Call arguments:
        values: Float tensor `(B, L, F)`, where L is fixed; segments end with the last step.
        mask: Boolean `(B, L)`; segments of padding alone are left out.
        static: `(B, S)`, put beside the values of each segment.

    Returns:
        Hidden states `(B, 1, units)`.

    Raises:
        ValueError: when built, if an argument is out of its range.

    Reference: Smyl, 2020, https://doi.org/10.1016/j.ijforecast.2019.03.017; Chang et al., 2017,
    https://arxiv.org/abs/1710.02224
    Differs from the paper: a step reads a segment, not the window before an hour.

    Example:
        >>> network = sz.layers.DilatedSegments(segment=2, units=4, dilations=((1, 2), (2, 3)))
        >>> tuple(network(np.ones((3, 8, 1), "float32")).shape)
        (3, 1, 4)
    """

    unread = ("known",)

    def __init__(
        self,
        segment: int = 24,
        units: int = 64,
        dilations: Sequence[Sequence[int]] = ((1, 2), (4, 7)),
        cell: str = "lstm",
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.segment = segment
        self.units = units
        self.dilations = [list(group) for group in dilations]
        self.cell = cell
        self.dropout = dropout
        self.supports_masking = True
        dtype = self.dtype_policy
        self.groups = [
            [
                Recurrent(
                    make_cell(cell, units, dtype=dtype),
                    return_sequences=True,
                    dtype=dtype,
                    name=f"recurrent_{i}_{j}",
                )
                for j in range(len(group))
            ]
            for i, group in enumerate(self.dilations)
        ]
        self.readout = keras.layers.Dense(units, "tanh", dtype=dtype, name="readout")
        self.drop = keras.layers.Dropout(dropout, dtype=dtype, name="dropout")

    def build(self, values_shape, static_shape=None):
        every = [each for group in self.dilations for each in group]
        if min([self.segment, self.units, *every]) < 1 or not every:
            raise ValueError(
                "`segment`, `units` and at least one dilation must be at least 1. Received: "
                f"segment={self.segment}, units={self.units}, dilations={self.dilations}."
            )
        width = self.segment * values_shape[2] + (static_shape[1] if static_shape else 0)
        for layer in [each for group in self.groups for each in group]:
            layer.build((None, None, width))
            width = self.units
        self.readout.build((None, None, self.units))
        self.built = True

    def call(self, values, mask=None, known=None, static=None, training=False):
        if mask is None:
            mask = ops.ones_like(values[..., 0], dtype="bool")
        missing = -values.shape[1] % self.segment
        count = (values.shape[1] + missing) // self.segment
        values = ops.pad(values, [[0, 0], [missing, 0], [0, 0]])
        hidden = ops.reshape(values, (-1, count, self.segment * values.shape[2]))
        mask = ops.reshape(ops.pad(mask, [[0, 0], [missing, 0]]), (-1, count, self.segment))
        mask = ops.any(mask, axis=-1)
        if static is not None:
            beside = ops.repeat(ops.cast(static, hidden.dtype)[:, None], count, axis=1)
            hidden = ops.concatenate([hidden, beside], axis=-1)
        for i, (layers, group) in enumerate(zip(self.groups, self.dilations, strict=True)):
            before = hidden
            for layer, dilation in zip(layers, group, strict=True):
                hidden = _dilated(layer, dilation, self.drop(hidden, training=training), mask)
            hidden = hidden if i == 0 else hidden + before
        return self.drop(self.readout(hidden[:, -1:]), training=training)

    def compute_mask(self, values, mask=None, **others):
        return None

    def get_config(self):
        return super().get_config() | {
            "segment": self.segment,
            "units": self.units,
            "dilations": self.dilations,
            "cell": self.cell,
            "dropout": self.dropout,
        }


def _dilated(layer, dilation: int, values, mask):
    """Runs a recurrent layer over every `dilation`-th step of `(B, T, F)`, from each of them on."""
    steps = values.shape[1]
    missing = -steps % dilation
    values = ops.pad(values, [[0, 0], [missing, 0], [0, 0]])
    mask = ops.pad(mask, [[0, 0], [missing, 0]])

    def interleave(each):
        shape = (-1, (steps + missing) // dilation, dilation, *each.shape[2:])
        parted = ops.swapaxes(ops.reshape(each, shape), 1, 2)
        return ops.reshape(parted, (-1, shape[1], *each.shape[2:]))

    outputs = layer(interleave(values), mask=interleave(mask))
    outputs = ops.reshape(outputs, (-1, dilation, *outputs.shape[1:]))
    outputs = ops.reshape(ops.swapaxes(outputs, 1, 2), (-1, steps + missing, outputs.shape[-1]))
    return outputs[:, missing:]
