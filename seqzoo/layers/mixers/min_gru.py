"""The minimal gated recurrent unit as a sequence mixer."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.cells.linear import positive
from seqzoo.layers.mixers.mixer import SequenceMixer, check_sizes
from seqzoo.ops.affine import affine
from seqzoo.ops.convolution import (
    causal_convolution,
    convolution_initializer,
    convolution_step,
)
from seqzoo.ops.recurrence.linear import linear_recurrence_of_rows


class MinGRUState(NamedTuple):
    """What a minimal GRU continues from.

    Attributes:
        hidden: `(N, units)`, in float32 at least.
        window: The last inputs of the convolution, `(N, kernel_size - 1, features)`.
    """

    hidden: Any
    window: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class MinGRU(SequenceMixer):
    """A gated recurrent unit whose gates see the inputs only, so that it trains without a loop.

        u = the convolution of x over time, or x
        z = sigmoid(W u + b), g = positive(W u + b)
        h = (1 - z) * h + z * g
        y = V h + c

    positive(x) is x + 0.5 from 0 on and sigmoid(x) below. The recurrence is that of `MinGRUCell`.

    Args:
        expansion: Positive number, the width of h by that of the inputs.
        kernel_size: Positive int, the steps that the convolution sees, its own counted; 1 is no
            convolution.
        use_bias: Whether the products and the convolution add a bias.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, for sizes below 1.

    Reference: Feng et al., 2024, Were RNNs all we needed?, https://arxiv.org/abs/2410.01201, with
    the convolution of its language models. The paper computes in logarithms, as its scan divides by
    products of decays; ours never divides.

    Takes and returns `(B, T, features)`; for call arguments and results see `SequenceMixer`.

    Example:
        >>> mixer = sz.layers.MinGRU(expansion=2)
        >>> outputs, state = mixer(np.ones((1, 3, 4)))
        >>> outputs.shape, state.hidden.shape
        (TensorShape([1, 3, 4]), TensorShape([1, 8]))
    """

    def __init__(
        self, expansion: float = 1.0, kernel_size: int = 4, use_bias: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        self.expansion = expansion
        self.kernel_size = kernel_size
        self.use_bias = use_bias

    def build(self, input_shape):
        features = input_shape[-1]
        self.units = int(features * self.expansion)
        check_sizes(kernel_size=self.kernel_size, units=self.units)

        def bias(width, name):
            return self.add_weight(shape=(width,), initializer="zeros", name=name)

        self.convolution_kernel = self.add_weight(
            shape=(self.kernel_size, features),
            initializer=convolution_initializer(self.kernel_size),
            name="convolution_kernel",
        )
        self.kernel = self.add_weight(shape=(features, 2 * self.units), name="kernel")
        self.output_kernel = self.add_weight(shape=(self.units, features), name="output_kernel")
        self.convolution_bias = self.bias = self.output_bias = None
        if self.use_bias:
            self.convolution_bias = bias(features, "convolution_bias")
            self.bias = bias(2 * self.units, "bias")
            self.output_bias = bias(features, "output_bias")

    def mix(self, inputs, mask, segment_ids, state, training):
        if state is None:
            state = self.initial_state(ops.shape(inputs)[0], 0)
        hidden, window = state
        inputs, window = causal_convolution(
            inputs, *self._convolution_weights(), window=window, mask=mask, segment_ids=segment_ids
        )
        hidden, last = linear_recurrence_of_rows(
            *self._coefficients(inputs), hidden, mask, segment_ids
        )
        return self._output(hidden), MinGRUState(last, window)

    def initial_state(self, batch_size, max_length, width=1):
        rows, before = batch_size * width, self.kernel_size - 1
        return MinGRUState(
            ops.zeros((rows, self.units), dtype=self.state_dtype),
            ops.zeros((rows, before, self.convolution_kernel.shape[1]), dtype=self.compute_dtype),
        )

    def step(self, inputs, state):
        hidden, window = state
        inputs = ops.cast(inputs, self.compute_dtype)
        inputs, window = convolution_step(inputs, *self._convolution_weights(), window=window)
        decay, input_term = self._coefficients(inputs)
        hidden = decay * hidden + input_term
        return self._output(hidden), MinGRUState(hidden, window)

    def _convolution_weights(self):
        return self.cast(self.convolution_kernel, self.convolution_bias)

    def _coefficients(self, inputs):
        """Returns the decays 1 - z and the input terms z * g, `(..., units)`."""
        gates = affine(inputs, *self.cast(self.kernel, self.bias))
        z, g = ops.split(ops.cast(gates, self.state_dtype), 2, axis=-1)
        return ops.sigmoid(-z), ops.sigmoid(z) * positive(g)

    def _output(self, hidden):
        hidden = ops.cast(hidden, self.compute_dtype)
        return affine(hidden, *self.cast(self.output_kernel, self.output_bias))

    def get_config(self):
        names = ("expansion", "kernel_size", "use_bias")
        return super().get_config() | {name: getattr(self, name) for name in names}
