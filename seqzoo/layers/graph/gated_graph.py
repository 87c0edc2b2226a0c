"""The gated graph network: a recurrent unit at each node."""

import keras
from keras import ops

from seqzoo.layers.cells.gru import GRUCell
from seqzoo.layers.graph.graph_layer import GraphLayer
from seqzoo.ops.affine import affine
from seqzoo.ops.gather import gather
from seqzoo.ops.graphs import sum_at_targets


@keras.saving.register_keras_serializable(package="seqzoo")
class GatedGraph(GraphLayer):
    """Lets each node update its state by what arrives along its edges, step after step.

        m_t = sum over edges s -> t of W[type] h_s + b[type]
        h_t = GRU(m_t, h_t)

    Weights are those of all steps; each type of edge has a matrix and a bias, and each direction
    its own. States begin with the vectors of the nodes and zeros behind them.

    Args:
        units: See `GraphLayer`; at least the width of the nodes.
        both_ways: See `GraphLayer`.
        steps: Positive int. So many edges away a node sees.
        type_count: Positive int, the ids of types, 0 for padding counted.

    For call arguments and results, `(B, N, units)`, see `GraphLayer`.

    Raises:
        ValueError: for sizes out of their range; when built, if nodes are wider than `units`.

    Reference: Li et al., 2016, https://arxiv.org/abs/1511.05493
    Differs from the paper: the reset gate applies after the recurrent product, as in cuDNN.

    Example:
        >>> layer = sz.layers.GatedGraph(6, steps=3, type_count=2)
        >>> tuple(layer(np.ones((1, 3, 4), "float32"), np.array([[[0, 1, 1]]])).shape)
        (1, 3, 6)
    """

    def __init__(
        self, units: int, both_ways: bool = True, steps: int = 5, type_count: int = 2, **kwargs
    ):
        super().__init__(units, both_ways, **kwargs)
        if steps < 1 or type_count < 2:
            raise ValueError(
                "`steps` must be at least 1 and `type_count` at least 2, as 0 is padding. "
                f"Received: steps={steps} and type_count={type_count}."
            )
        self.steps = steps
        self.type_count = type_count
        self.cell = GRUCell(units, dtype=self.dtype_policy, name="cell")

    @property
    def kinds(self) -> int:
        """Matrices of messages: one for each type and direction."""
        return (self.type_count - 1) * (2 if self.both_ways else 1)

    def build(self, nodes_shape):
        if nodes_shape[-1] > self.units:
            raise ValueError(
                f"`units` must be at least the width of the nodes. Received: units={self.units} "
                f"and nodes of {nodes_shape[-1]} values."
            )
        # Glorot's for each matrix by itself: the scale undoes that Keras counts all as one.
        glorot = keras.initializers.VarianceScaling(self.kinds, "fan_avg", "uniform")
        shape = (self.kinds, self.units, self.units)
        self.kernel = self.add_weight(shape, glorot, name="kernel")
        self.bias = self.add_weight((self.kinds, self.units), "zeros", name="bias")
        self.cell.build((None, self.units))

    def propagate(self, nodes, edges, training):
        cast, units = self.compute_dtype, self.units
        kernel = ops.transpose(ops.cast(self.kernel, cast), (1, 0, 2))  # (in, kinds, out)
        kernel = ops.reshape(kernel, (units, self.kinds * units))
        bias = ops.reshape(ops.cast(self.bias, cast), (self.kinds * units,))
        kinds = ops.maximum(edges.types - 1, 0)
        kinds = kinds + ops.cast(edges.reverse, "int32") * (self.type_count - 1)
        at = edges.sources * self.kinds + kinds
        state = ops.pad(nodes, [[0, 0], [0, units - nodes.shape[-1]]])
        for _ in range(self.steps):
            values = ops.reshape(affine(state, kernel, bias), (-1, units))
            state, _ = self.cell(sum_at_targets(gather(values, at), edges), [state])
        return state

    def get_config(self):
        return super().get_config() | {"steps": self.steps, "type_count": self.type_count}
