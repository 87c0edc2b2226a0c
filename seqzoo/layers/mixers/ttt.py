"""Test-time training: a memory that is a small network, trained as it reads."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from seqzoo.layers.mixers.matrix_heads import merge_heads, split_heads, split_widths
from seqzoo.layers.mixers.mixer import SequenceMixer, check_heads, check_sizes
from seqzoo.ops.affine import affine
from seqzoo.ops.convolution import causal_convolution, convolution_initializer, convolution_step
from seqzoo.ops.layer_norm import layer_norm
from seqzoo.ops.recurrence.mini_batches import lay_out_mini_batches
from seqzoo.ops.recurrence.trained_memory import (
    EPSILON,
    InnerNetwork,
    trained_memory,
    trained_memory_step,
)


class TTTState(NamedTuple):
    """What test-time training continues from, float32 at least but for the window.

    Attributes:
        changes: By layer of the inner network, what the mini-batches before have changed its
            weights by, `(N, heads, D + 1, E)`; the last row is that of the bias.
        sums: Likewise, the sum of the gradients of this mini-batch, each times its learning rate.
        position: Int `(N,)`, steps of this mini-batch that have been read.
        window: `(N, kernel_size - 1, features)`, the last inputs of the convolutions.
    """

    changes: Any
    sums: Any
    position: Any
    window: Any


class TTT(SequenceMixer):
    """Trains a small network for each head on each step, and reads by what it then answers.

        x, v, z = W inputs; q, k = convolution(x), each by a kernel of its own
        f(u) = u + norm(network(u)), loss = 1/2 |f(k) - v|^2
        network_i = network - eta_i * sum over the steps j <= i of the mini-batch of
                    lr_j * (gradient of loss_j by network)
        output = W (norm(f_i(q)) * gelu(z))

    where `network` is what it was as the mini-batch began, lr = base * sigmoid(W x + b) / D is one
    number a head, and eta_i = max(1 / i + c_i, 0) for step i = 1, 2 … of a mini-batch, c learned.
    Learned are also what a network begins as, and gain and bias of the inner norm. A mini-batch
    is steps of one sequence without padding; a call may end in the middle of it.

    Args:
        num_heads: Positive int.
        mini_batch: Positive int, steps of a mini-batch.
        kernel_size: Positive int, steps that the convolutions see.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, where the heads do not fit or a size is below 1.

    Reference: Sun et al., 2024, Learning to (learn at test time), https://arxiv.org/abs/2407.04620
    Differs from the authors' code: q and k are not turned by their positions in the mini-batch.
    Where XLA compiles a call with `segment_ids`, each step has slots for a mini-batch of its own,
    which costs time: how many mini-batches there are must be known ahead.
    """

    base_learning_rate: float

    def __init__(self, num_heads: int = 4, mini_batch: int = 16, kernel_size: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.mini_batch = mini_batch
        self.kernel_size = kernel_size

    def inner_widths(self, units: int) -> list[int]:
        """Returns the widths before, between and after the layers of the inner network."""
        raise NotImplementedError

    def build(self, input_shape):
        features, heads = input_shape[-1], self.num_heads
        check_heads(features, num_heads=heads)
        check_sizes(mini_batch=self.mini_batch, kernel_size=self.kernel_size)
        self.features, self.units = features, features // heads

        def weight(name, *shape, initializer: Any = "glorot_uniform"):
            return self.add_weight(shape=shape, initializer=initializer, name=name)

        self.kernel = weight("kernel", features, 3 * features + heads)
        taps = convolution_initializer(self.kernel_size)
        size = self.kernel_size, features
        self.query_kernel = weight("query_kernel", *size, initializer=taps)
        self.query_bias = weight("query_bias", features, initializer="zeros")
        self.key_kernel = weight("key_kernel", *size, initializer=taps)
        self.key_bias = weight("key_bias", features, initializer="zeros")
        self.rate_bias = weight("rate_bias", heads, initializer="zeros")
        self.step_offsets = weight("step_offsets", self.mini_batch, initializer="zeros")
        widths = self.inner_widths(self.units)
        small = keras.initializers.RandomNormal(stddev=0.02)
        self.inner_weights = [
            weight(f"inner_{i}", heads, widths[i] + 1, widths[i + 1], initializer=small)
            for i in range(len(widths) - 1)
        ]
        self.inner_gain = weight("inner_gain", heads, self.units, initializer="ones")
        self.inner_bias = weight("inner_bias", heads, self.units, initializer="zeros")
        self.gain = weight("gain", features, initializer="ones")
        self.bias = weight("bias", features, initializer="zeros")
        self.output_kernel = weight("output_kernel", features, features)

    def mix(self, inputs, mask, segment_ids, state, training):
        batch, steps = ops.shape(inputs)[:2]
        start = self.initial_state(batch, 0) if state is None else TTTState(*state)
        x, value, gate, rate = self.project(inputs)
        query_weights, key_weights = self.convolution_weights()
        query, after = causal_convolution(
            x, *query_weights, window=start.window, mask=mask, segment_ids=segment_ids
        )
        key, _ = causal_convolution(
            x, *key_weights, window=start.window, mask=mask, segment_ids=segment_ids
        )
        first = None if state is None else start.position
        layout = lay_out_mini_batches(batch, steps, self.mini_batch, first, mask, segment_ids)
        query, key, value, rate = (
            layout.split(self.heads(part)) for part in (query, key, value, rate)
        )
        changes = [ops.cast(leaf, self.state_dtype) for leaf in start.changes]
        sums = None if state is None else [ops.cast(leaf, self.state_dtype) for leaf in start.sums]
        outputs, changes, sums = trained_memory(
            query,
            key,
            value,
            rate,
            self.inner(),
            self.step_sizes(),
            layout,
            changes,
            sums,
            training,
        )
        state = TTTState(changes, sums, layout.position, after)
        return self.finish(layout.join(outputs, steps), gate), state

    def initial_state(self, batch_size, max_length, width=1):
        rows = batch_size * width
        sizes = [(rows, *weight.shape) for weight in self.inner_weights]
        changes, sums = ([ops.zeros(size, self.state_dtype) for size in sizes] for _ in range(2))
        window = ops.zeros((rows, self.kernel_size - 1, self.features), self.compute_dtype)
        return TTTState(changes, sums, ops.zeros((rows,), "int32"), window)

    def step(self, inputs, state):
        changes, sums, position, window = state
        x, value, gate, rate = self.project(inputs)
        query_weights, key_weights = self.convolution_weights()
        query, after = convolution_step(x, *query_weights, window=window)
        key, _ = convolution_step(x, *key_weights, window=window)
        query, key, value, rate = (
            self.heads(part)[:, :, None] for part in (query, key, value, rate)
        )  # (N, heads, 1, D)
        outputs, changes, sums, position = trained_memory_step(
            query, key, value, rate, self.inner(), self.step_sizes(), changes, sums, position
        )
        return self.finish(outputs[:, :, 0], gate), TTTState(changes, sums, position, after)

    def project(self, inputs):
        """Returns x, v, z and the learning rates of inputs `(..., features)`."""
        projected = affine(ops.cast(inputs, self.compute_dtype), *self.cast(self.kernel))
        x, value, gate, rate = split_widths(projected, *[self.features] * 3, self.num_heads)
        rate = ops.cast(rate, self.state_dtype) + ops.cast(self.rate_bias, self.state_dtype)
        return x, value, gate, self.base_learning_rate / self.units * ops.sigmoid(rate)

    def convolution_weights(self):
        """Returns kernel and bias of the convolution of queries, and of that of keys."""
        query = self.cast(self.query_kernel, self.query_bias)
        return query, self.cast(self.key_kernel, self.key_bias)

    def heads(self, x):
        return split_heads(ops.cast(x, self.state_dtype), self.num_heads)

    def inner(self) -> InnerNetwork:
        weights = [ops.cast(weight, self.state_dtype) for weight in self.inner_weights]
        norm = (ops.cast(w, self.state_dtype)[:, None] for w in (self.inner_gain, self.inner_bias))
        return InnerNetwork(weights, *norm)

    def step_sizes(self):
        """Returns eta of each step of a mini-batch."""
        steps = 1 / np.arange(1, self.mini_batch + 1)
        return ops.relu(
            ops.cast(self.step_offsets, self.state_dtype) + ops.cast(steps, self.state_dtype)
        )

    def finish(self, read, gate):
        """Returns the outputs of what was read, `(..., heads, D)`."""
        gain, bias, kernel = self.cast(self.gain, self.bias, self.output_kernel)
        read = ops.cast(merge_heads(read), self.compute_dtype)
        return affine(layer_norm(read, gain, bias, EPSILON) * ops.gelu(gate), kernel)

    def get_config(self):
        names = ("num_heads", "mini_batch", "kernel_size")
        return super().get_config() | {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="seqzoo")
class TTTLinear(TTT):
    __doc__ = f"""{TTT.__doc__}
    The inner network is one affine map, and the base of its learning rates 1.

    Takes and returns `(B, T, features)`; for call arguments and results see `SequenceMixer`.

    Example:
        >>> mixer = sz.layers.TTTLinear(num_heads=2)
        >>> outputs, state = mixer(np.ones((1, 3, 8)))
        >>> output, state = mixer.step(np.ones((1, 8)), state)
        >>> tuple(output.shape), [tuple(x.shape) for x in state.changes]
        ((1, 8), [(1, 2, 5, 4)])
    """

    base_learning_rate = 1.0

    def inner_widths(self, units):
        return [units, units]


@keras.saving.register_keras_serializable(package="seqzoo")
class TTTMLP(TTT):
    __doc__ = f"""{TTT.__doc__}
    The inner network has a hidden layer of 4 D values with gelu, and the base of its learning
    rates is 0.1.

    Takes and returns `(B, T, features)`; for call arguments and results see `SequenceMixer`.

    Example:
        >>> mixer = sz.layers.TTTMLP(num_heads=2)
        >>> outputs, state = mixer(np.ones((1, 3, 8)))
        >>> output, state = mixer.step(np.ones((1, 8)), state)
        >>> tuple(output.shape), [tuple(x.shape) for x in state.changes]
        ((1, 8), [(1, 2, 5, 16), (1, 2, 17, 4)])
    """

    base_learning_rate = 0.1

    def inner_widths(self, units):
        return [units, 4 * units, units]
