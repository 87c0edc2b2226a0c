"""The base of all cells."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from seqzoo.layers.cells.chrono import ChronoInitializer
from seqzoo.ops.affine import affine
from seqzoo.ops.recurrence.scan import CudnnCall, Project, Projections, apply_projections

Regularizer = Callable[[Any], Any] | str | dict | None
Constraint = Callable[[Any], Any] | str | dict | None


class Cell(keras.layers.Layer):
    """One step of a recurrence, in Keras's cell contract.

    A cell is written in two parts, so that a loop over time does as little as it can:
    `project_inputs` is the product of the inputs with the kernel, which needs no state and is
    computed for all steps at once; `advance` is the rest. It names its products by weights as
    `projections`, and gets its other weights (vectors of gains, of decays …) as `extra_weights`,
    so that it is a pure function that `ops.recurrence.plan.scan` can run.

    Args:
        units: Positive int. Width of the output.
        use_bias: Whether the gates have a bias.
        kernel_initializer: For the weights of the inputs.
        recurrent_initializer: For the weights of the state.
        bias_initializer: For the bias.
        kernel_regularizer: Adds a loss of the weights of the inputs.
        recurrent_regularizer: Likewise of the weights of the state.
        bias_regularizer: Likewise of the bias.
        kernel_constraint: Keeps the weights of the inputs in a set after each update.
        recurrent_constraint: Likewise the weights of the state.
        bias_constraint: Likewise the bias.

    Call arguments:
        inputs: Float tensor `(B, features)`.
        states: List of float tensors `(B, *shape)`, one for each of `state_size`.

    Returns:
        `(output, states)`; the output is the first state.

    Example:
        >>> cell = sz.layers.LSTMCell(5)
        >>> states = cell.get_initial_state(batch_size=2)
        >>> for inputs in np.ones((2, 2, 3), "float32"):  # two steps
        ...     output, states = cell(inputs, states)
        >>> tuple(output.shape), len(states)
        ((2, 5), 2)
    """

    def __init__(
        self,
        units: int,
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer: Regularizer = None,
        recurrent_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        recurrent_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    has_recurrent_projections = True
    """Whether `projections` are products by recurrent weights, so that dropout may act on them."""

    is_elementwise = True
    """Whether `advance`, but for `projections`, is arithmetic that one kernel can do: no products
    of matrices."""

    memory_signs: tuple[int, ...] = ()
    """For each gate, in the order of `bias`: 1 if a large value keeps the memory, -1 if it lets
    new values in, else 0; () for a cell without such gates."""

    @property
    def state_size(self) -> list[int | tuple[int, ...]]:
        """Of each state its width, or its shape without the rows where it is no vector."""
        return [self.units]

    @property
    def state_shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the states, without the rows."""
        return [size if isinstance(size, tuple) else (size,) for size in self.state_size]

    @property
    def output_size(self) -> int:
        """Width of the output."""
        return self.units

    def make_weights(self, features: int, gates: int, bias_shape: tuple[int, ...]):
        """Makes `kernel`, `recurrent_kernel` and `bias` as Keras lays them out."""
        self.make_kernel(features, gates * self.units)
        self.make_recurrent_kernel(self.units, gates * self.units)
        self.make_bias(bias_shape)

    def make_kernel(self, features: int, width: int):
        """Makes `kernel` `(features, width)`."""
        if self.units < 1:
            raise ValueError(f"`units` must be at least 1. Received: units={self.units}.")
        self.kernel = self.add_weight(
            shape=(features, width),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )

    def make_recurrent_kernel(self, *shape: int):
        """Makes `recurrent_kernel`."""
        self.recurrent_kernel = self.add_weight(
            shape=shape,
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )

    def make_bias(self, shape: tuple[int, ...]):
        """Makes `bias`, or sets it to None without `use_bias`."""
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                shape=shape,
                initializer=self.first_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def first_bias(self, shape, dtype=None):
        """Returns the bias to begin with."""
        initializer = self.bias_initializer
        if not isinstance(initializer, ChronoInitializer):
            return initializer(shape, dtype=dtype)
        if not self.memory_signs:
            raise ValueError(
                "`ChronoInitializer` is for cells whose gates keep a memory, and a "
                f"{type(self).__name__} has none. Use another `bias_initializer`."
            )
        return initializer(shape, dtype, self.memory_signs)

    def cast(self, value):
        """Returns a weight or a tensor as a tensor of the compute dtype."""
        return ops.cast(value, self.compute_dtype)

    def projections(self) -> Projections:
        """The named projections that `advance` applies, each to rows of a state."""
        return {"recurrent": (self.cast(self.recurrent_kernel),)}

    def extra_weights(self) -> dict:
        """The weights that `advance` takes and that are no named projection, by name."""
        return {}

    def input_bias(self) -> tuple:
        """The bias that `project_inputs` adds, `(gates * units,)`, alone in a tuple, or ()."""
        return () if self.bias is None else (self.cast(self.bias),)

    def input_projection(self) -> tuple:
        """What `project_inputs` multiplies by and adds: `(kernel,)` or `(kernel, bias)`."""
        return (self.cast(self.kernel), *self.input_bias())

    def project_inputs(self, inputs, input_projection: tuple | None = None):
        """Returns the share of `inputs` `(..., features)` in the gates, `(..., gates * units)`.

        With `input_projection`, what `input_projection()` returned, it is a pure function of its
        arguments.
        """
        return affine(
            inputs, *(self.input_projection() if input_projection is None else input_projection)
        )

    def advance(self, projected, states, project: Project, extra_weights: dict) -> list:
        """Returns the states after one step.

        Args:
            projected: `project_inputs(inputs)`, `(B, gates * units)`.
            states: As in `call`.
            project: Applies one of `projections()` by its name; each is applied once.
            extra_weights: `extra_weights()`.
        """
        raise NotImplementedError

    parallel: Callable | None = None
    """For a cell that needs no loop over time: `parallel(inputs, state, projections, constants,
    reverse)`, which returns what a loop over the prepared inputs would; see `Loop`."""

    def joint_kernel(self, input_projection: tuple, projections: Projections) -> Any | None:
        """Returns the kernel by which a step can multiply inputs, a 1 and the first state at once.

        Args:
            input_projection: `input_projection()`.
            projections: `projections()`.

        Returns:
            `(features + 1 + units, width)`, or None where the step has no such form.
        """
        return None

    def advance_joint(self, product: Any, states: list, extra_weights: dict) -> list:
        """Returns the states after one step, from the product by `joint_kernel`, `(B, width)`."""
        raise NotImplementedError

    def cudnn_call(self, inputs, mask, state) -> CudnnCall | None:
        """Returns how cuDNN runs the cell over inputs `(B, T, features)`, None if it cannot."""
        return None

    def call(self, inputs, states, training=False):
        projected, project = self.project_inputs(inputs), apply_projections(self.projections())
        states = self.advance(projected, states, project, self.extra_weights())
        return states[0], states

    def get_initial_state(self, batch_size=None) -> list:
        """Returns states of zeros, `(batch_size, *shape)` each."""
        return [
            ops.zeros((batch_size, *shape), dtype=self.compute_dtype) for shape in self.state_shapes
        ]

    def get_config(self):
        config = super().get_config() | {"units": self.units, "use_bias": self.use_bias}
        for kind in ("kernel", "recurrent", "bias"):
            for what in (keras.initializers, keras.regularizers, keras.constraints):
                name = f"{kind}_{what.__name__.rsplit('.', 1)[-1][:-1]}"
                config[name] = what.serialize(getattr(self, name))
        return config
