"""A graph convolution over series that are observed together."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from seqzoo.ops.affine import affine


@keras.saving.register_keras_serializable(package="seqzoo")
class SeriesGraph(keras.layers.Layer):
    """Lets each series of a window see its neighbours in a given graph, such as roads or pipes.

    Each series is a node. What it is at a step are its last `steps` values, of which all series
    make `units` values by the same weights; then comes a graph convolution:

        y_t = f(sum over edges s -> t of W x_s / sqrt(d_s d_t)  +  W x_t / d_t  +  b)

    d_t is one more than the edges that end at t. It is a stem of `EncodedWindow` in a forecaster
    with `channels="joint"`; series beyond those of the edges, such as covariates, see themselves.

    Args:
        edges: Pairs of a source and a target, indices of series.
        units: Positive int, the values that are made of each series.
        steps: Positive int, the last values that a series is known by.
        both_ways: Whether edges also go against their direction.
        activation: f, as in Keras; None is none.

    Call arguments:
        values: Float tensor `(B, L, F)`, F series side by side.
        mask: Boolean `(B, L)`, True on real steps; None where all are.

    Returns:
        Values `(B, L, F * units)`, those of each series side by side, and the mask.

    Raises:
        ValueError: for sizes below 1; when built, for an edge of a series that is not there.

    Reference: Yu et al., 2018, https://arxiv.org/abs/1709.04875, whose block has another
    convolution over time behind that of the graph; here the encoder stands there.

    Example:
        >>> stem = sz.layers.SeriesGraph([(0, 1), (1, 2)], units=4)
        >>> encoder = sz.encoders.RecurrentEncoder(None, 3 * 4, units=5, direction="forward")
        >>> network = sz.layers.EncodedWindow(encoder, stem=stem)
        >>> tuple(network(np.ones((2, 6, 3), "float32")).shape)
        (2, 1, 5)
    """

    def __init__(
        self,
        edges: Sequence[tuple[int, int]],
        units: int = 8,
        steps: int = 3,
        both_ways: bool = True,
        activation="relu",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if min(units, steps) < 1:
            raise ValueError(
                "`units` and `steps` must be at least 1. Received: "
                f"units={units} and steps={steps}."
            )
        self.edges = [(source, target) for source, target in edges]
        self.units = units
        self.steps = steps
        self.both_ways = both_ways
        self.activation = keras.activations.get(activation)
        self.supports_masking = True

    def build(self, values_shape):
        self._shares = _normalized(self.edges, values_shape[-1], self.both_ways)
        self.kernel = self.add_weight((self.steps, self.units), name="kernel")
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def call(self, values, mask=None):
        cast = self.compute_dtype
        if mask is None:
            mask = ops.ones_like(values[..., 0], dtype="bool")
        values = ops.where(mask[..., None], values, ops.zeros_like(values))
        rows, length = ops.shape(values)[:2]
        padded = ops.pad(values, [[0, 0], [self.steps - 1, 0], [0, 0]])
        last = [padded[:, i : i + length] for i in range(self.steps)]
        shares = ops.convert_to_tensor(self._shares, cast)
        # The neighbours first, as that is linear too: (B, L, F, steps) is narrower than the units.
        seen = ops.stack([affine(each, shares) for each in last], axis=-1)
        hidden = affine(seen, ops.cast(self.kernel, cast), ops.cast(self.bias, cast))
        hidden = self.activation(hidden)
        return ops.reshape(hidden, (rows, length, values.shape[-1] * self.units)), mask

    def compute_mask(self, values, mask=None):
        return None

    def get_config(self):
        names = ("units", "steps", "both_ways")
        own = {name: getattr(self, name) for name in names}
        own["edges"] = [list(edge) for edge in self.edges]
        own["activation"] = keras.activations.serialize(self.activation)
        return super().get_config() | own


def _normalized(edges: Sequence[tuple[int, int]], series: int, both_ways: bool) -> np.ndarray:
    """Returns the share `(F, F)` that each series, by rows, has in each one."""
    matrix = np.eye(series)
    for source, target in edges:
        if not (0 <= source < series and 0 <= target < series):
            raise ValueError(
                f"`edges` are pairs of indices of the {series} series, from 0 on. Received: "
                f"({source}, {target}). Correct it."
            )
        matrix[source, target] += 1
        if both_ways and source != target:
            matrix[target, source] += 1
    roots = np.sqrt(matrix.sum(axis=0))
    return matrix / roots[:, None] / roots
