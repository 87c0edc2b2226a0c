"""The graph convolution of Kipf and Welling."""

import keras
from keras import ops

from seqzoo.layers.graph.graph_layer import GraphLayer
from seqzoo.ops.affine import affine
from seqzoo.ops.gather import gather
from seqzoo.ops.graphs import sum_at_targets


@keras.saving.register_keras_serializable(package="seqzoo")
class GraphConvolution(GraphLayer):
    """Adds up what a node and its neighbours say, each by the square roots of their degrees.

        y_t = f(sum over edges s -> t of W x_s / sqrt(d_s d_t)  +  W x_t / d_t  +  b)

    d_t is one more than the edges that end at t. Types of edges make no difference.

    Args:
        units: See `GraphLayer`.
        both_ways: See `GraphLayer`.
        activation: f, as in Keras; None is none.

    For call arguments and results, `(B, N, units)`, see `GraphLayer`.

    Reference: Kipf and Welling, 2017, https://arxiv.org/abs/1609.02907

    Example:
        >>> layer = sz.layers.GraphConvolution(2, activation="relu")
        >>> tuple(layer(np.ones((1, 3, 4), "float32"), np.array([[[0, 1, 1]]])).shape)
        (1, 3, 2)
    """

    def __init__(self, units: int, both_ways: bool = True, activation=None, **kwargs):
        super().__init__(units, both_ways, **kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, nodes_shape):
        self.kernel = self.add_weight((nodes_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def propagate(self, nodes, edges, training):
        cast = self.compute_dtype
        # Degrees in float32: half precision has no number between 256 and 258.
        ones = ops.ones_like(edges.sources, keras.backend.result_type(cast, "float32"))
        degrees = sum_at_targets(ones, edges) + 1
        roots = ops.rsqrt(degrees)
        weights = ops.cast(gather(roots, edges.sources) * gather(roots, edges.targets), cast)
        values = affine(nodes, ops.cast(self.kernel, cast))
        messages = gather(values, edges.sources) * weights[:, None]
        own = values * ops.cast(1 / degrees, cast)[:, None]
        sums = sum_at_targets(messages, edges) + own + ops.cast(self.bias, cast)
        return self.activation(sums)

    def get_config(self):
        return super().get_config() | {"activation": keras.activations.serialize(self.activation)}
