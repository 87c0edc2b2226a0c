"""A memory that is a small network for each head, trained on each step that it reads.

A step looks for values at keys: the network f shall answer a key with the value. Its loss is
1/2 |f(key) - value|^2, f(u) = u + norm(network(u)). In a mini-batch of steps all gradients are
those at the weights that the network had as it began, so that they need no loop, and a step reads
by weights that have moved along the gradients of its mini-batch up to its own (the dual form).
"""

import math
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from seqzoo.ops.recurrence.mini_batches import MiniBatches
from seqzoo.ops.recurrence.plan import scan

EPSILON = 1e-6
"""Added to variances."""


class InnerNetwork(NamedTuple):
    """What the network of each head begins as, and its norm.

    Between two layers stands gelu.

    Attributes:
        weights: By layer, `(heads, D + 1, E)`; the last row is that of the bias.
        gain: `(heads, 1, D)`, of the norm.
        bias: Likewise.
    """

    weights: list
    gain: Any
    bias: Any


def trained_memory(
    query: Any,
    key: Any,
    value: Any,
    rate: Any,
    network: InnerNetwork,
    step_sizes: Any,
    layout: MiniBatches,
    changes: list,
    sums: list | None,
    training: bool = False,
) -> tuple[Any, list, list]:
    """Trains the networks on all steps, and reads after each.

    Args:
        query: `(M, B, heads, L, D)`, as `layout.split` makes it.
        key: Likewise.
        value: Likewise.
        rate: `(M, B, heads, L, 1)`, what the gradient of each step is multiplied by.
        network: What the networks began as.
        step_sizes: `(L,)`, what the sum of gradients is multiplied by as each step reads; that of
            the last step is what the network keeps.
        layout: Where the steps stand.
        changes: By layer, what the weights have changed by before, `(B, heads, D + 1, E)`.
        sums: By layer, the gradients of the first mini-batch so far times their rates, likewise;
            None where there are none.
        training: Whether a gradient is sure to be asked for.

    Returns:
        The outputs `(M, B, heads, L, D)`, and the changes and sums after the last step.

    Reference: Sun et al., 2024, section 2.5 and appendix A, https://arxiv.org/abs/2407.04620
    """
    taken = ops.cast(layout.taken, query.dtype)[:, :, None, :, None]
    rate = rate * taken
    whole = taken[:, :, :, -1:]
    begins, first_weights, goes_on = (), (), ()
    if layout.begins is not None:
        begins, first_weights = layout.begins[:, :, None, None, None], network.weights
        if sums is not None:
            sums = [ops.where(begins[0], ops.zeros_like(total), total) for total in sums]
    if sums is not None:
        number = ops.arange(layout.count, dtype="int32")[:, None, None, None, None]
        goes_on = ops.cast(number == 0, query.dtype)
    inputs = (query, key, value, rate, whole * step_sizes[-1], begins, goes_on)
    constants = (first_weights, network.gain, network.bias, step_sizes, sums or ())
    weights = [w + change for w, change in zip(network.weights, changes, strict=True)]
    state = [*weights, ops.zeros_like(query[0])]
    # Weights are not wanted after each mini-batch, where they would be copied together.
    requested = [False] * len(weights) + [True]
    states, final = scan(
        _train_and_read, state, inputs, {}, constants, requested=requested, training=training
    )
    weights = final[:-1]
    changes = [after - w for after, w in zip(weights, network.weights, strict=True)]
    # What is left is of a mini-batch that is not whole and that none of its row follows: the
    # weights are still those it began with.
    follows = ops.concatenate([taken[1:], ops.zeros_like(taken[:1])], axis=0)[:, :, :, :1]
    left = (1 - whole) * (1 - follows)
    key, value, rate = (ops.sum(left * x, axis=0) for x in (key, value, rate))
    seen, slopes = _gradients(key, value, weights, network)
    totals = _sums(seen, slopes, rate)
    if sums is not None:
        totals = [total + left[0] * old for total, old in zip(totals, sums, strict=True)]
    return states[-1], changes, totals


def trained_memory_step(
    query: Any,
    key: Any,
    value: Any,
    rate: Any,
    network: InnerNetwork,
    step_sizes: Any,
    changes: list,
    sums: list,
    position: Any,
) -> tuple[Any, list, list, Any]:
    """Trains the networks on one step, and reads after it.

    Args:
        query: `(N, heads, 1, D)`.
        key: Likewise.
        value: Likewise.
        rate: `(N, heads, 1, 1)`.
        network: See `trained_memory`.
        step_sizes: Likewise.
        changes: Likewise.
        sums: Likewise.
        position: Int `(N,)`, the steps of this mini-batch that were read before.

    Returns:
        The outputs `(N, heads, 1, D)`, and the next changes, sums and position.
    """
    weights = [w + change for w, change in zip(network.weights, changes, strict=True)]
    seen, slopes = _gradients(key, value, weights, network)
    pairs = zip(sums, _sums(seen, slopes, rate), strict=True)
    sums = [old + new for old, new in pairs]
    size = ops.take(step_sizes, position)[:, None, None, None]
    moves = [-size * total for total in sums]
    answer = query
    for i, (w, move) in enumerate(zip(weights, moves, strict=True)):
        answer = ops.matmul(_with_one(_gelu(answer)[0] if i else answer), w + move)
    outputs = query + _norm(answer, network)[2]
    ends = position == step_sizes.shape[0] - 1
    ended = ops.cast(ends, query.dtype)[:, None, None, None]
    changes = [change + ended * move for change, move in zip(changes, moves, strict=True)]
    sums = [(1 - ended) * total for total in sums]
    return outputs, changes, sums, ops.where(ends, ops.zeros_like(position), position + 1)


def _train_and_read(inputs, state, constants, project):
    """Returns the weights after a mini-batch, and its outputs; `scan` calls it."""
    query, key, value, rate, size, begins, goes_on = inputs
    first_weights, gain, bias, step_sizes, sums = constants
    network = InnerNetwork(first_weights, gain, bias)
    *weights, _ = state
    if not isinstance(begins, tuple):
        pairs = zip(first_weights, weights, strict=True)
        weights = [ops.where(begins, first, w) for first, w in pairs]
    seen, slopes = _gradients(key, value, weights, network)
    slopes = [rate * slope for slope in slopes]
    sizes = step_sizes[:, None]
    earlier = ops.cast(np.tri(step_sizes.shape[0]), query.dtype) * sizes
    answer = query
    for i, w in enumerate(weights):
        u = _with_one(_gelu(answer)[0] if i else answer)
        pairs = ops.matmul(u, ops.swapaxes(seen[i], 2, 3)) * earlier
        answer = ops.matmul(u, w) - ops.matmul(pairs, slopes[i])
        if sums:
            answer = answer - sizes * goes_on * ops.matmul(u, sums[i])
    output = query + _norm(answer, network)[2]
    moves = _sums(seen, slopes, size)
    if sums:
        moves = [move + size * goes_on * old for move, old in zip(moves, sums, strict=True)]
    return [*(w - move for w, move in zip(weights, moves, strict=True)), output]


def _sums(seen, slopes, rate):
    """Returns, by layer, the sum over the steps of the gradients by its weights times `rate`."""
    pairs = zip(seen, slopes, strict=True)
    return [ops.matmul(ops.swapaxes(u, 2, 3), rate * slope) for u, slope in pairs]


def _gradients(key, value, weights, network: InnerNetwork):
    """Returns, by layer, its inputs with a 1 behind, and the loss's gradients by its results."""
    seen, gelus = [_with_one(key)], []
    result = ops.matmul(seen[0], weights[0])
    for w in weights[1:]:
        gelus.append(_gelu(result))
        seen.append(_with_one(gelus[-1][0]))
        result = ops.matmul(seen[-1], w)
    scale, normal, answer = _norm(result, network)
    slope = (key + answer - value) * network.gain
    mean = ops.mean(slope, axis=-1, keepdims=True)
    along = ops.mean(slope * normal, axis=-1, keepdims=True)
    slopes = [scale * (slope - mean - normal * along)]
    for w, (_, gelu_slope) in zip(weights[:0:-1], gelus[::-1], strict=True):
        back = ops.matmul(slopes[0], ops.swapaxes(w[..., :-1, :], -1, -2))
        slopes.insert(0, back * gelu_slope)
    return seen, slopes


def _norm(z, network: InnerNetwork):
    """Returns what z is multiplied by, z without mean and deviation, and that by gain and bias."""
    centered = z - ops.mean(z, axis=-1, keepdims=True)
    scale = ops.rsqrt(ops.mean(ops.square(centered), axis=-1, keepdims=True) + EPSILON)
    normal = centered * scale
    return scale, normal, normal * network.gain + network.bias


def _gelu(z):
    """Returns z / 2 * (1 + tanh(c (z + 0.044715 z^3))), c the root of 2 / pi, and its slope."""
    c, cubic, square = math.sqrt(2 / math.pi), 0.044715, ops.square(z)
    tanh = ops.tanh(c * z * (1 + cubic * square))
    slope = 1 + tanh + z * (1 - ops.square(tanh)) * c * (1 + 3 * cubic * square)
    return z * (1 + tanh) / 2, slope / 2


def _with_one(u):
    """Returns vectors with a 1 behind, for the row of a bias."""
    return ops.concatenate([u, ops.ones_like(u[..., :1])], axis=-1)
