"""A cell of Keras's contract, made into one of seqzoo's."""

import keras

from seqzoo.layers.cells.cell import Cell


@keras.saving.register_keras_serializable(package="seqzoo")
class KerasCell(Cell):
    """Runs any cell that `keras.layers.RNN` runs, so that it gets masks, noise and streaming here.

    The cell does all its work inside the loop over time, and the gradients of its weights are
    added up step by step, as in Keras. `Recurrent` and `Bidirectional` make one of what they are
    given where that is no `Cell`.

    Args:
        cell: A layer with `state_size`, an int or a list of them, that is called on
            `(inputs, states)` and returns `(output, states)`, the output being the first state.

    Raises:
        ValueError: if one of its states is no vector, if it has dropout of its own, which draws
            anew at every step here, or, when called, if its output is not its first state.

    Takes what the cell takes: inputs `(B, features)` and states `(B, size)`.

    Example:
        >>> layer = sz.layers.Recurrent(sz.layers.KerasCell(keras.layers.GRUCell(5)))
        >>> tuple(layer(np.ones((2, 4, 3), "float32")).shape)
        (2, 5)
    """

    has_recurrent_projections = False
    is_elementwise = False

    def __init__(self, cell: keras.layers.Layer, **kwargs):
        super().__init__(_widths(cell)[0], **({"dtype": cell.dtype_policy} | kwargs))
        self.cell = cell
        if getattr(cell, "dropout", 0) or getattr(cell, "recurrent_dropout", 0):
            raise ValueError(
                f"A {type(cell).__name__} with dropout of its own cannot run here. Set its rates "
                "to 0 and give `dropout` or `zoneout` to the layer."
            )

    @property
    def state_size(self):
        return _widths(self.cell)

    def build(self, input_shape):
        if not self.cell.built:
            self.cell.build(tuple(input_shape))

    def projections(self):
        return {}

    def extra_weights(self):
        return {str(i): weight.value for i, weight in enumerate(self.cell.weights)}

    def input_bias(self):
        return ()

    def input_projection(self):
        return ()

    def project_inputs(self, inputs, input_projection=None):
        return self.cast(inputs)

    def advance(self, projected, states, project, extra_weights):
        values = [extra_weights[str(i)] for i in range(len(self.cell.weights))]
        given = zip(self.cell.weights, values, strict=True)
        # With its weights as arguments the step is a pure function, as a loop needs it.
        with keras.StatelessScope(state_mapping=list(given)):
            output, new = self.cell(projected, list(states))
        new = list(new) if isinstance(new, (list, tuple)) else [new]
        if output is not new[0]:
            raise ValueError(
                f"The output of a {type(self.cell).__name__} must be its first state. Received: "
                "another tensor. Return it as the first state too."
            )
        return new

    def get_config(self):
        base = keras.layers.Layer.get_config(self)
        return base | {"cell": keras.saving.serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config):
        cell = keras.saving.deserialize_keras_object(config["cell"])
        return cls(**config | {"cell": cell})


def as_cell(cell: keras.layers.Layer) -> Cell:
    """Returns a `Cell` that does what this cell does."""
    if isinstance(cell, keras.layers.RNN) or not hasattr(cell, "state_size"):
        raise TypeError(
            "`cell` must be a recurrent cell, such as cells.LSTMCell(64). Received: "
            f"{type(cell).__name__}. Of a recurrent layer, give `layer.cell`."
        )
    return cell if isinstance(cell, Cell) else KerasCell(cell)


def _widths(cell: keras.layers.Layer) -> list[int]:
    sizes = cell.state_size
    sizes = list(sizes) if isinstance(sizes, (list, tuple)) else [sizes]
    if not all(isinstance(size, int) for size in sizes):
        raise ValueError(
            f"The states of a cell must be of one width each. Received: {type(cell).__name__} with "
            f"state_size={cell.state_size}. Put cells on top of each other by `RecurrentStack`."
        )
    return sizes
