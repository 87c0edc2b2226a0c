"""Linear-chain conditional random fields: a score for every sequence of tags, and sums over all.

The score of tags y is the sum of `potentials[t, y_t]` over the real steps t, and of
`transitions[y_s, y_t]` over neighbouring real steps s and t. Masked steps are left out wherever
they stand, on either side or between; a row with no real step has one sequence, of score 0. What
is -1e9 or less, -inf too, is forbidden.

Sums are of scaled probabilities, so that a step is one product of matrices. They are in float64
where the backend has it: two tags of a step may then be 500 nats apart before the lesser one is
lost, and 60 in float32.

Reference: Lafferty et al., 2001, Conditional random fields; Rabiner, 1989, for the recursions.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.compiling import compiled
from seqzoo.ops.crf.chain import FORBIDDEN, Chain, make_chain
from seqzoo.ops.recurrence.plan import scan

_FARTHEST = {"float64": 500.0, "float32": 60.0}  # nats: exp of its negative is no denormal number


class _Sums(NamedTuple):
    """Sums over the paths of a chain, each step's up to a factor of its own; time first.

    Attributes:
        before: `(T, B, C)` over what can stand before a step in a tag; ones at the first step.
        after: `(T, B, C)` over what can follow it; ones at the last real step.
        local: `(T, B, C)`, exp of the potentials, the largest of a step being 1.
        moves: `(C, C)`, exp of the transitions, the largest being 1.
        log_partition: `(B,)`.
    """

    before: Any
    after: Any
    local: Any
    moves: Any
    log_partition: Any


def sequence_score(potentials, tags, transitions, mask) -> Any:
    """Returns the score of one sequence of tags for each row.

    Args:
        potentials: Float tensor `(B, T, C)`, the score of each tag at each step.
        tags: Int tensor `(B, T)`; any id in range at masked steps.
        transitions: Float tensor `(C, C)`, the score of a tag (row) followed by one (column).
        mask: Boolean `(B, T)`, True on real steps.

    Returns:
        `(B,)`.
    """
    chain = make_chain(potentials, transitions, mask)
    tags = ops.take_along_axis(ops.cast(tags, "int32"), chain.order, axis=1)
    at_tags = ops.take_along_axis(chain.potentials, tags[..., None], axis=2)[..., 0]
    count = chain.potentials.shape[2]
    pairs = tags[:, :-1] * count + tags[:, 1:]
    at_pairs = ops.take(ops.reshape(chain.transitions, (-1,)), pairs, axis=0)
    return _sum_where(chain.real, at_tags) + _sum_where(chain.real[:, 1:], at_pairs)


def log_partition(potentials, transitions, mask) -> Any:
    """Returns the logarithm of the sum of exp(score) over all sequences of tags, `(B,)`.

    The gradient is that of sums both ways over the steps, which are made in one loop; nothing is
    differentiated step by step.

    Args:
        potentials: See `sequence_score`.
        transitions: See `sequence_score`.
        mask: See `sequence_score`.
    """
    chain = make_chain(potentials, transitions, mask)

    @ops.custom_gradient
    def run(potentials, transitions):
        sums = compiled(_sums, chain._replace(potentials=potentials, transitions=transitions))

        def gradient(*arguments, upstream=None):
            scale = arguments[-1] if upstream is None else upstream
            return compiled(_slopes, sums, chain.real, scale)

        return ops.cast(sums.log_partition, potentials.dtype), gradient

    return run(chain.potentials, chain.transitions)


def marginals(potentials, transitions, mask) -> Any:
    """Returns the probability of each tag at each step, `(B, T, C)`; zeros at masked steps.

    Args:
        potentials: See `sequence_score`.
        transitions: See `sequence_score`.
        mask: See `sequence_score`.
    """
    chain = make_chain(potentials, transitions, mask)
    probabilities = _step_probabilities(compiled(_sums, chain), chain.real)
    probabilities = ops.cast(probabilities, chain.potentials.dtype)
    return ops.take_along_axis(probabilities, chain.ranks[..., None], axis=1)


def _sums(chain: Chain) -> _Sums:
    """Runs over the steps both ways in one loop."""
    real = ops.transpose(chain.real)[..., None]  # (T, B, 1)
    local, local_shift = _scaled(ops.transpose(chain.potentials, (1, 0, 2)), axis=-1)
    moves, moves_shift = _scaled(chain.transitions, axis=None)
    both_moves = ops.stack([moves, ops.transpose(moves)])  # (2, from, to)

    def turned(x):  # (T, B, …) -> (T, 2, B, …)
        return ops.stack([x, ops.flip(x, axis=0)], axis=1)

    # The first real step of the way back is that before which no real one was seen.
    seen = ops.cumsum(ops.cast(turned(real), "int32"), axis=0) - ops.cast(turned(real), "int32") > 0
    inputs = (turned(local), turned(real), ops.logical_and(turned(real), seen))

    def step(inputs, state, both_moves, _):
        local, is_real, goes_on = inputs
        total, _ = state
        reached = ops.matmul(total, both_moves)
        reached = ops.where(goes_on, reached, ops.ones_like(reached))
        new = reached * local
        new = new / ops.maximum(ops.sum(new, axis=-1, keepdims=True), _tiny(new))
        return [ops.where(is_real, new, total), reached]

    nothing = ops.zeros_like(inputs[0][0])
    (_, reached), _ = scan(step, [nothing, nothing], inputs, {}, both_moves)
    before, after = reached[:, 0], ops.flip(reached[:, 1], axis=0)
    totals = ops.log(ops.maximum(ops.sum(before * local, axis=-1, keepdims=True), _tiny(local)))
    totals = totals + local_shift
    follows = ops.concatenate([ops.zeros_like(real[:1]), real[1:]], axis=0)
    totals = ops.where(real, totals, ops.zeros_like(totals))
    totals = totals + ops.where(follows, moves_shift, ops.zeros_like(totals))
    return _Sums(before, after, local, moves, ops.sum(totals, axis=0)[:, 0])


def _step_probabilities(sums: _Sums, real) -> Any:
    """Returns `(B, T, C)` in the order of the chain."""
    weights = sums.before * sums.local * sums.after
    total = ops.maximum(ops.sum(weights, axis=-1, keepdims=True), _tiny(weights))
    probabilities = ops.transpose(weights / total, (1, 0, 2))
    probabilities = ops.where(real[..., None], probabilities, ops.zeros_like(probabilities))
    return probabilities


def _slopes(sums: _Sums, real, scale) -> tuple[Any, Any]:
    """Returns the gradients of potentials and transitions, from those of the rows `(B,)`."""
    of_steps = ops.cast(_step_probabilities(sums, real), scale.dtype)
    of_pairs = ops.cast(_pair_sums(sums, real, scale), scale.dtype)
    return of_steps * scale[:, None, None], of_pairs


def _pair_sums(sums: _Sums, real, scale) -> Any:
    """Returns the expected number `(C, C)` of each transition, rows weighted by `scale` `(B,)`."""
    up_to = sums.before[:-1] * sums.local[:-1]  # (T - 1, B, from)
    up_to = up_to / ops.maximum(ops.sum(up_to, axis=-1, keepdims=True), _tiny(up_to))
    onward = sums.local[1:] * sums.after[1:]
    total = ops.sum(ops.matmul(up_to, sums.moves) * onward, axis=-1, keepdims=True)
    weight = ops.transpose(ops.where(real[:, 1:], ops.cast(scale, total.dtype)[:, None], 0))
    onward = onward * (weight[..., None] / ops.maximum(total, _tiny(total)))
    count = sums.local.shape[2]
    up_to, onward = (ops.reshape(x, (-1, count)) for x in (up_to, onward))
    return ops.matmul(ops.transpose(up_to), onward) * sums.moves


def _scaled(logs, axis) -> tuple[Any, Any]:
    """Returns exponentials of which the largest along an axis is 1, and what was taken away."""
    wide = ops.cast(logs, "float64")
    shift = ops.max(wide, axis=axis, keepdims=axis is not None, initial=FORBIDDEN)
    farthest = _FARTHEST[keras.backend.standardize_dtype(wide.dtype)]
    scaled = ops.exp(ops.maximum(wide - shift, -farthest))
    return ops.where(logs <= FORBIDDEN, ops.zeros_like(scaled), scaled), shift


def _tiny(x) -> float:
    return 1e-300 if keras.backend.standardize_dtype(x.dtype) == "float64" else 1e-35


def _sum_where(real, values) -> Any:
    return ops.sum(ops.where(real, values, ops.zeros_like(values)), axis=1)
