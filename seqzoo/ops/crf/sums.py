"""The score of a sequence of tags, and sums over the probabilities of all sequences.

See `ops.crf` for what a score is. Sums are of scaled probabilities, so that a step is one product
of matrices. They are in float64 where the backend has it: two tags of a step may then be 500 nats
apart before the lesser one is lost, and 60 in float32.

Reference: Rabiner, 1989, for the recursions forward and backward in time.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.compiling import compiled
from seqzoo.ops.gather import gather
from seqzoo.ops.masks import real_first
from seqzoo.ops.recurrence.plan import scan

FORBIDDEN = -1e9
_MAX_DISTANCE = {"float64": 500.0, "float32": 60.0}  # nats: exp(-distance) is no denormal number


class RightPadded(NamedTuple):
    """A batch of which each row has its real steps first and its padding last.

    Attributes:
        potentials: `(B, T, C)`.
        transitions: `(C, C)`.
        real: Boolean `(B, T)`.
        order: Int `(B, T)`, the index of each step in the original batch.
        ranks: Int `(B, T)`, its inverse.
    """

    potentials: Any
    transitions: Any
    real: Any
    order: Any
    ranks: Any


def finite(potentials, transitions) -> tuple[Any, Any]:
    """Returns the scores as numbers of at least float32, none of them below `FORBIDDEN`."""
    dtype = keras.backend.result_type(potentials.dtype, "float32")
    return tuple(ops.maximum(ops.cast(x, dtype), FORBIDDEN) for x in (potentials, transitions))


def right_padded(potentials, transitions, mask) -> RightPadded:
    """Moves the real steps of a batch to the front; the scores are those of `finite`."""
    potentials, transitions = finite(potentials, transitions)
    mask = ops.cast(mask, "bool")
    order, ranks = real_first(mask)
    rows, time, count = ops.shape(potentials)
    starts = ops.expand_dims(ops.arange(rows, dtype="int32") * time, 1)
    flat = ops.reshape(potentials, (rows * time, count))
    potentials = gather(flat, starts + ops.cast(order, "int32"))  # take_along_axis is far slower
    steps = ops.arange(ops.shape(mask)[1], dtype="int32")
    real = steps < ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
    return RightPadded(potentials, transitions, real, order, ranks)


def sequence_score(potentials, tags, transitions, mask) -> Any:
    """Returns the score of one sequence of tags for each row.

    Args:
        potentials: Float tensor `(B, T, C)`, the score of each tag at each step.
        tags: Int tensor `(B, T)`; any id in range at masked steps.
        transitions: Float tensor `(C, C)`, the score of a tag (row) followed by one (column).
        mask: Boolean `(B, T)`, True on real steps.

    Returns:
        `(B,)`.

    Example:
        >>> potentials = np.array([[[1.0, 0.0], [0.0, 2.0]]])
        >>> transitions = np.array([[0.0, 0.5], [0.0, 0.0]])
        >>> mask = np.ones((1, 2), bool)
        >>> score = sz.ops.crf.sequence_score(potentials, [[0, 1]], transitions, mask)
        >>> score.numpy().tolist()  # 1 + 0.5 + 2
        [3.5]
    """
    batch = right_padded(potentials, transitions, mask)
    tags = ops.take_along_axis(ops.cast(tags, "int32"), batch.order, axis=1)
    at_tags = ops.take_along_axis(batch.potentials, tags[..., None], axis=2)[..., 0]
    count = batch.potentials.shape[2]
    pairs = tags[:, :-1] * count + tags[:, 1:]
    at_pairs = ops.take(ops.reshape(batch.transitions, (-1,)), pairs, axis=0)
    return _sum_where(batch.real, at_tags) + _sum_where(batch.real[:, 1:], at_pairs)


def log_partition(potentials, transitions, mask) -> Any:
    """Returns the logarithm of the sum of exp(score) over all sequences of tags, `(B,)`.

    One loop makes the sums forward and backward in time, and the gradient comes from both: no loop
    is differentiated.

    Args:
        potentials: See `sequence_score`.
        transitions: See `sequence_score`.
        mask: See `sequence_score`.

    Example:
        >>> zeros = np.zeros((1, 3, 2))  # 2 tags at 3 steps: 8 sequences of score 0
        >>> total = sz.ops.crf.log_partition(zeros, np.zeros((2, 2)), np.ones((1, 3), bool))
        >>> float(np.exp(total[0]).round(4))
        8.0
    """
    batch = right_padded(potentials, transitions, mask)

    @ops.custom_gradient
    def run(potentials, transitions):
        sums = compiled(_sums, batch._replace(potentials=potentials, transitions=transitions))

        def gradient(*arguments, upstream=None):
            scale = arguments[-1] if upstream is None else upstream
            return compiled(_gradients, sums, batch.real, scale)

        return ops.cast(sums.log_partition, potentials.dtype), gradient

    return run(batch.potentials, batch.transitions)


def marginals(potentials, transitions, mask) -> Any:
    """Returns the probability of each tag at each step, `(B, T, C)`; zeros at masked steps.

    Args:
        potentials: See `sequence_score`.
        transitions: See `sequence_score`.
        mask: See `sequence_score`.

    Example:
        >>> potentials, transitions = np.zeros((1, 2, 4), "float32"), np.zeros((4, 4), "float32")
        >>> mask = np.array([[True, False]])
        >>> sz.ops.crf.marginals(potentials, transitions, mask).numpy().tolist()
        [[[0.25, 0.25, 0.25, 0.25], [0.0, 0.0, 0.0, 0.0]]]
    """
    batch = right_padded(potentials, transitions, mask)
    probabilities = _step_probabilities(compiled(_sums, batch), batch.real)
    probabilities = ops.cast(probabilities, batch.potentials.dtype)
    return ops.take_along_axis(probabilities, batch.ranks[..., None], axis=1)


class _Sums(NamedTuple):
    """Sums over the sequences of tags, at each step up to a factor of its own; time first.

    Attributes:
        before: `(T, B, C)` over the tags before a step, for each tag of it; ones at the first one.
        after: `(T, B, C)` over the tags after it; ones at the last real step.
        local: `(T, B, C)`, exp of the potentials, the largest of a step being 1.
        moves: `(C, C)`, exp of the transitions, the largest being 1.
        log_partition: `(B,)`.
    """

    before: Any
    after: Any
    local: Any
    moves: Any
    log_partition: Any


def _sums(batch: RightPadded) -> _Sums:
    """Sums forward and backward in time, in one loop."""
    real = ops.transpose(batch.real)[..., None]  # (T, B, 1)
    local, local_shift = _scaled(ops.transpose(batch.potentials, (1, 0, 2)), axis=-1)
    moves, moves_shift = _scaled(batch.transitions, axis=None)
    both_moves = ops.stack([moves, ops.transpose(moves)])  # (2, from, to)

    def both_ways(x):  # (T, B, …) -> (T, 2, B, …), forward and backward
        return ops.stack([x, ops.flip(x, axis=0)], axis=1)

    is_real = both_ways(real)
    real_steps = ops.cumsum(ops.cast(is_real, "int32"), axis=0)
    has_previous = ops.logical_and(is_real, real_steps > 1)
    inputs = (both_ways(local), is_real, has_previous)

    def step(inputs, state, both_moves, _):
        local, is_real, has_previous = inputs
        total, _ = state
        reached = ops.matmul(total, both_moves)
        reached = ops.where(has_previous, reached, ops.ones_like(reached))
        new = reached * local
        new = new / ops.maximum(ops.sum(new, axis=-1, keepdims=True), _tiny(new))
        return [ops.where(is_real, new, total), reached]

    zeros = ops.zeros_like(inputs[0][0])
    (_, reached), _ = scan(step, [zeros, zeros], inputs, {}, both_moves)
    before, after = reached[:, 0], ops.flip(reached[:, 1], axis=0)
    totals = ops.log(ops.maximum(ops.sum(before * local, axis=-1, keepdims=True), _tiny(local)))
    totals = totals + local_shift
    follows = ops.concatenate([ops.zeros_like(real[:1]), real[1:]], axis=0)
    totals = ops.where(real, totals, ops.zeros_like(totals))
    totals = totals + ops.where(follows, moves_shift, ops.zeros_like(totals))
    return _Sums(before, after, local, moves, ops.sum(totals, axis=0)[:, 0])


def _step_probabilities(sums: _Sums, real) -> Any:
    """Returns the probabilities of the tags of each step, `(B, T, C)`, right-padded."""
    weights = sums.before * sums.local * sums.after
    total = ops.maximum(ops.sum(weights, axis=-1, keepdims=True), _tiny(weights))
    probabilities = ops.transpose(weights / total, (1, 0, 2))
    probabilities = ops.where(real[..., None], probabilities, ops.zeros_like(probabilities))
    return probabilities


def _gradients(sums: _Sums, real, scale) -> tuple[Any, Any]:
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
    """Returns exponentials, the largest along an axis being 1, and what was subtracted before."""
    wide = ops.cast(logs, "float64")
    shift = ops.max(wide, axis=axis, keepdims=axis is not None, initial=FORBIDDEN)
    max_distance = _MAX_DISTANCE[keras.backend.standardize_dtype(wide.dtype)]
    scaled = ops.exp(ops.maximum(wide - shift, -max_distance))
    return ops.where(logs <= FORBIDDEN, ops.zeros_like(scaled), scaled), shift


def _tiny(x) -> float:
    return 1e-300 if keras.backend.standardize_dtype(x.dtype) == "float64" else 1e-35


def _sum_where(real, values) -> Any:
    return ops.sum(ops.where(real, values, ops.zeros_like(values)), axis=1)
