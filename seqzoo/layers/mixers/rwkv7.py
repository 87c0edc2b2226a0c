"""RWKV-7: a delta rule whose decays, keys and rates are vectors."""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.mixers.matrix_heads import (
    merge_heads,
    split_heads,
    unit_vectors,
)
from seqzoo.layers.mixers.mixer import SequenceMixer, check_heads, check_sizes
from seqzoo.ops.affine import affine
from seqzoo.ops.convolution import causal_convolution
from seqzoo.ops.layer_norm import layer_norm
from seqzoo.ops.recurrence.chunked import MatrixTerms, chunked_recurrence, matrix_step

LEAST_LOG_DECAY = -math.exp(-0.5)
"""What the logarithm of a decay is above."""

CHUNK_LENGTH = 32
"""Steps over which no decay leaves the range of float32."""

MIXED = ("receptance", "key", "value", "decay", "rate", "gate")
"""What is made of a step and the one before it, each in shares of its own."""


class RWKV7State(NamedTuple):
    """What RWKV-7 continues from.

    Attributes:
        memory: `(N, heads, D, D)`, from keys to values, float32 at least.
        window: `(N, 1, features)`, the last inputs.
    """

    memory: Any
    window: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class RWKV7(SequenceMixer):
    """Removes from a matrix what stands at one key, as each value asks, and adds at another.

        x_i = x + (x of the step before - x) * m_i, i one of r, k, v, w, a, g
        r, k, v = W x_r, W x_k, W x_v;  g = W sigmoid(U x_g)
        w = exp(-exp(-1/2) * sigmoid(W tanh(U x_w) + b));  a = sigmoid(W U x_a + b)
        e = k * c divided by its length;  k = k * (1 + (a - 1) * s)
        S = (diag(w) - (a * e) e^T) S + k v^T
        output = W ((norm(S^T r) + (r · (p * k)) v) * g)

    S is `(D, D)` for each head, and so is the norm's mean and deviation; it has a gain and a bias.

    Args:
        num_heads: Positive int.
        rank: Positive int, width of U x_w and U x_a; U x_g is twice as wide.
        chunk_length: Positive int, steps that are computed at once: see
            `ops.recurrence.chunked_recurrence`.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, where the heads do not fit or a size is below 1.

    Reference: Peng et al., 2025, RWKV-7 "Goose", section 4, https://arxiv.org/abs/2503.14456
    Differs from the paper: values are not mixed with those of the first block of a stack.

    Example:
        >>> mixer = sz.layers.RWKV7(num_heads=2)
        >>> outputs, state = mixer(np.ones((1, 3, 8)))
        >>> output, state = mixer.step(np.ones((1, 8)), state)
        >>> tuple(output.shape), tuple(state.memory.shape)
        ((1, 8), (1, 2, 4, 4))
    """

    def __init__(
        self, num_heads: int = 4, rank: int = 32, chunk_length: int = CHUNK_LENGTH, **kwargs
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.rank = rank
        self.chunk_length = chunk_length

    def build(self, input_shape):
        features, heads, rank = input_shape[-1], self.num_heads, self.rank
        check_heads(features, num_heads=heads)
        check_sizes(rank=rank, chunk_length=self.chunk_length)
        self.features, self.units = features, features // heads

        def vector(name, initializer: Any, *leading):
            return self.add_weight(shape=(*leading, features), initializer=initializer, name=name)

        def matrix(name, before, after):
            return self.add_weight(shape=(before, after), name=name)

        self.shares = vector("shares", keras.initializers.RandomUniform(0.0, 1.0), len(MIXED))
        self.receptance_kernel = matrix("receptance_kernel", features, features)
        self.key_kernel = matrix("key_kernel", features, features)
        self.value_kernel = matrix("value_kernel", features, features)
        self.decay_kernels = [
            matrix("decay_down", features, rank),
            matrix("decay_up", rank, features),
        ]
        self.decay_bias = vector("decay_bias", keras.initializers.RandomUniform(-6.0, 0.0))
        self.rate_kernels = [matrix("rate_down", features, rank), matrix("rate_up", rank, features)]
        self.rate_bias = vector("rate_bias", "zeros")
        self.gate_kernels = [
            matrix("gate_down", features, 2 * rank),
            matrix("gate_up", 2 * rank, features),
        ]
        self.removal_scale = vector("removal_scale", keras.initializers.Constant(0.85))
        self.rate_share = vector("rate_share", "ones")
        self.bonus = vector("bonus", "zeros")
        self.gain = vector("gain", "ones")
        self.bias = vector("bias", "zeros")
        self.output_kernel = matrix("output_kernel", features, features)

    def mix(self, inputs, mask, segment_ids, state, training):
        state = self.initial_state(ops.shape(inputs)[0], 0) if state is None else state
        memory, window = ops.cast(state[0], self.state_dtype), state[1]
        before, window = causal_convolution(
            inputs, self.shift_kernel(), None, window, mask, segment_ids
        )
        terms, gate = self.project(inputs, before)
        read, memory = chunked_recurrence(
            terms, memory, mask, segment_ids, self.chunk_length, LEAST_LOG_DECAY, training
        )
        return self.finish(read, terms, gate), RWKV7State(memory, window)

    def initial_state(self, batch_size, max_length, width=1):
        rows = batch_size * width
        memory = ops.zeros((rows, self.num_heads, self.units, self.units), self.state_dtype)
        return RWKV7State(memory, ops.zeros((rows, 1, self.features), self.compute_dtype))

    def step(self, inputs, state):
        memory, window = state
        inputs = ops.cast(inputs, self.compute_dtype)
        terms, gate = self.project(inputs, window[:, 0])
        read, memory = matrix_step(terms, memory)
        return self.finish(read, terms, gate), RWKV7State(memory, inputs[:, None])

    def shift_kernel(self):
        """Returns the kernel of a convolution that gives the inputs of the step before."""
        one = ops.ones((1, self.features), self.compute_dtype)
        return ops.concatenate([one, ops.zeros_like(one)], axis=0)

    def project(self, inputs, before) -> tuple[MatrixTerms, Any]:
        """Returns the terms and the gate of the output.

        Args:
            inputs: `(..., features)`.
            before: Likewise, those of the step before.
        """
        change = before - inputs
        (shares,) = self.cast(self.shares)
        of_r, of_k, of_v, of_w, of_a, of_g = (
            inputs + change * shares[i] for i in range(len(MIXED))
        )
        kernels = self.cast(self.receptance_kernel, self.key_kernel, self.value_kernel)
        pairs = zip((of_r, of_k, of_v), kernels, strict=True)
        r, k, v = (ops.cast(affine(x, kernel), self.state_dtype) for x, kernel in pairs)
        down, up = self.cast(*self.gate_kernels)
        gate = affine(ops.sigmoid(affine(of_g, down)), up)
        down, up, bias = self.cast(*self.decay_kernels, self.decay_bias)
        w = ops.cast(affine(ops.tanh(affine(of_w, down)), up, bias), self.state_dtype)
        down, up, bias = self.cast(*self.rate_kernels, self.rate_bias)
        a = ops.sigmoid(ops.cast(affine(affine(of_a, down), up, bias), self.state_dtype))
        scale, share = (
            ops.cast(weight, self.state_dtype) for weight in (self.removal_scale, self.rate_share)
        )
        removed = unit_vectors(split_heads(k * scale, self.num_heads))
        k = k * (1 + (a - 1) * share)
        r, k, v, w, a = (split_heads(x, self.num_heads) for x in (r, k, v, w, a))
        log_decay = LEAST_LOG_DECAY * ops.sigmoid(w)
        return MatrixTerms(r, k, v, log_decay, removed, -a * removed), gate

    def finish(self, read, terms: MatrixTerms, gate):
        """Returns the outputs of what was read, `(..., heads, D)`."""
        gain, bias, kernel = self.cast(self.gain, self.bias, self.output_kernel)
        bonus = split_heads(ops.cast(self.bonus, self.state_dtype), self.num_heads)
        own = ops.sum(terms.query * bonus * terms.key, axis=-1, keepdims=True) * terms.value
        read = layer_norm(read, epsilon=self.units * 1e-5)
        read, own = (ops.cast(merge_heads(x), self.compute_dtype) for x in (read, own))
        return affine((read * gain + bias + own) * gate, kernel)

    def get_config(self):
        names = ("num_heads", "rank", "chunk_length")
        return super().get_config() | {name: getattr(self, name) for name in names}
