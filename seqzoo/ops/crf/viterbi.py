"""The sequences of tags with the highest scores; see `ops.crf` for what a score is."""

import functools
import itertools
from typing import Any, NamedTuple

from keras import ops

from seqzoo.ops.compiling import compiled, compiled_by_xla
from seqzoo.ops.crf.sums import FORBIDDEN, finite, right_padded
from seqzoo.ops.recurrence.plan import scan

_LOWEST = -3e38  # without one, Keras takes no maximum of zero rows
_PAIRS_OF_PART, _MAX_PARTS = 500, 8
_MAX_UNROLLED = 64  # tags


class _BothWays(NamedTuple):
    """The first half of the steps forward in time and the second half backward, beside each other.

    Both have N = (T + 1) // 2 steps; where T is odd, the middle step is real in the first half.

    Attributes:
        potentials: `(N, 2, C, B)`.
        has_previous: Boolean `(N, 2, 1, B)`, True at real steps that follow another one.
        is_first: Boolean `(N, 2, 1, B)`, True at the first real step of a direction.
        moves: `(2, C, C)`, the scores of a tag (row) and the previous one (column) in a direction.
    """

    potentials: Any
    has_previous: Any
    is_first: Any
    moves: Any


def viterbi(potentials, transitions, mask) -> tuple[Any, Any]:
    """Finds the sequence of tags with the highest score.

    One loop reads the first half of the steps forward and the second half backward in time, so that
    it takes half as many steps; the best pair of tags in the middle joins the two.

    Args:
        potentials: See `crf.sequence_score`.
        transitions: See `crf.sequence_score`.
        mask: See `crf.sequence_score`.

    Returns:
        Tags `(B, T)` int32, 0 at masked steps, and their scores `(B,)`.

    Example:
        >>> potentials = np.array([[[1.0, 0.0], [0.0, 2.0], [0.0, 1.0]]])
        >>> tags, score = sz.ops.crf.viterbi(potentials, np.zeros((2, 2)), np.ones((1, 3), bool))
        >>> tags.numpy().tolist(), score.numpy().tolist()
        ([[0, 1, 1]], [4.0])
    """
    potentials, transitions = finite(potentials, transitions)
    return compiled(_viterbi, potentials, transitions, ops.cast(mask, "bool"))


def _viterbi(potentials, transitions, mask) -> tuple[Any, Any]:
    steps = _both_ways(potentials, transitions, mask)
    bests = ops.transpose(_best_sums(steps), (0, 1, 3, 2))
    both_real = ops.all(ops.any(steps.is_first[:, :, 0], axis=0), axis=0)
    middle, scores = _best_pair(bests[-1], both_real, transitions)
    tags = _best_path(bests, steps, middle)
    second = ops.flip(tags[:, 1], axis=0)  # where T is odd, the middle step is in both
    rest = second[2 * ops.shape(second)[0] - ops.shape(mask)[1] :]
    tags = ops.transpose(ops.concatenate([tags[:, 0], rest], axis=0))
    return ops.where(mask, tags, 0), scores


def _both_ways(potentials, transitions, mask) -> _BothWays:
    scores, real = ops.transpose(potentials, (1, 2, 0)), ops.transpose(mask)[:, None]
    time = ops.shape(mask)[1]
    size = (time + 1) // 2
    in_second = ops.arange(time)[:, None, None] >= size
    second = ops.logical_and(real, in_second)
    both = ops.stack([real[:size], ops.flip(second[time - size :], axis=0)], axis=1)
    real_steps = ops.cumsum(ops.cast(both, "int32"), axis=0)
    return _BothWays(
        ops.stack([scores[:size], ops.flip(scores[time - size :], axis=0)], axis=1),
        ops.logical_and(both, real_steps > 1),
        ops.logical_and(both, real_steps == 1),
        ops.stack([ops.transpose(transitions), transitions]),
    )


def _best_sums(steps: _BothWays) -> Any:
    """Returns the best score up to each tag of each step, `(N, 2, C, B)`; 0 before a real one."""
    start = ops.zeros_like(steps.potentials[0])
    best_moves, moves = _best_moves, steps.moves
    if not compiled_by_xla():
        best_moves, moves = _best_moves_by_parts, _in_parts(moves, ops.shape(start)[2])

    def step(inputs, best, moves, _):
        potentials, has_previous, is_first = inputs
        moved = ops.where(has_previous, best_moves(best, moves), ops.zeros_like(best))
        return ops.where(ops.logical_or(has_previous, is_first), moved + potentials, best)

    inputs = (steps.potentials, steps.has_previous, steps.is_first)
    return scan(step, start, inputs, {}, moves)[0]


def _best_moves(best, moves) -> Any:
    """Returns the best of moves `(2, C, C)` to each tag, from tags of scores `(2, C, B)`."""
    count = moves.shape[-1]
    if count is None or count > _MAX_UNROLLED:
        return ops.max(best[:, None] + moves[..., None], axis=2, initial=_LOWEST)
    # Compiled, one maximum after the other is faster than a maximum along an axis.
    return functools.reduce(
        ops.maximum, (best[:, None, tag] + moves[:, :, tag, None] for tag in range(count))
    )


def _best_moves_by_parts(best, parts) -> Any:
    """Does what `_best_moves` does, op by op, with moves from `_in_parts`."""
    bests = [ops.max(best[:, None] + part, axis=2, initial=_LOWEST) for part in parts]
    return ops.concatenate(bests, axis=1)


def _in_parts(moves, rows) -> list:
    """Returns moves `(2, C, C, rows)` in parts along the first C.

    The sums of a part then stay in the cache of a core; all at once are three times as slow.
    """
    count = ops.shape(moves)[-1]
    moves = ops.broadcast_to(moves[..., None], (2, count, count, rows))
    if not isinstance(count, int):
        return [moves]
    parts = max(1, min(_MAX_PARTS, count * count // _PAIRS_OF_PART))
    ends = [count * part // parts for part in range(parts + 1)]
    return [moves[:, first:end] for first, end in itertools.pairwise(ends)]


def _best_pair(last, both_real, transitions) -> tuple[Any, Any]:
    """Returns the best tags on either side of the middle `(2, B)`, and their score `(B,)`.

    Args:
        last: `(2, B, C)`, the best scores up to the last step of each direction.
        both_real: Boolean `(B,)`, whether both directions have a real step. Where one has none, its
            scores are 0, and those of the other count alone.
        transitions: `(C, C)`.
    """
    first, second = last[0], last[1]
    both_real = ops.expand_dims(both_real, 1)
    onward = ops.max(transitions + second[:, None], axis=-1, initial=_LOWEST)  # (B, from)
    alone = ops.max(second, axis=-1, keepdims=True, initial=_LOWEST)
    scores = first + ops.where(both_real, onward, alone)
    before = ops.cast(ops.argmax(scores, axis=-1), "int32")
    moves = ops.take(transitions, before, axis=0)
    after = ops.argmax(second + ops.where(both_real, moves, ops.zeros_like(moves)), axis=-1)
    middle = ops.stack([before, ops.cast(after, "int32")])
    return middle, ops.max(scores, axis=-1, initial=_LOWEST)


def _best_path(bests, steps, middle) -> Any:
    """Returns the tags of the best path `(N, 2, B)`, from the middle to both ends.

    The previous tag is computed here, for one tag a step, and not in the loop before, for all.

    Args:
        bests: `(N, 2, B, C)`.
        steps: See `_BothWays`.
        middle: Int `(2, B)`.
    """
    count = ops.shape(steps.moves)[-1]
    offsets = ops.expand_dims(ops.stack([0, count]), 1)

    def step(inputs, tags, into, _):
        best, has_previous = inputs
        rows = ops.take(into, tags + offsets, axis=0)
        before = ops.cast(ops.argmax(best + rows, axis=-1), "int32")
        return ops.where(has_previous, before, tags)

    into = ops.reshape(steps.moves, (2 * count, count))
    inputs = (bests[:-1], steps.has_previous[1:, :, 0])
    earlier, _ = scan(step, middle, inputs, {}, into, reverse=True)
    return ops.concatenate([earlier, middle[None]], axis=0)


def viterbi_n_best(potentials, transitions, mask, n: int) -> tuple[Any, Any]:
    """Finds the `n` sequences of tags with the highest scores.

    Args:
        potentials: See `crf.sequence_score`.
        transitions: See `crf.sequence_score`.
        mask: See `crf.sequence_score`.
        n: Positive int.

    Returns:
        Tags `(B, n, T)` int32, 0 at masked steps, and scores `(B, n)`, best first. Where a row has
        fewer sequences of tags that are not forbidden, the rest have scores below -1e8.

    Example:
        >>> potentials = np.array([[[1.0, 0.0], [0.0, 2.0]]])
        >>> mask = np.ones((1, 2), bool)
        >>> tags, scores = sz.ops.crf.viterbi_n_best(potentials, np.zeros((2, 2)), mask, n=2)
        >>> tags.numpy().tolist(), scores.numpy().tolist()
        ([[[0, 1], [1, 1]]], [[3.0, 2.0]])
    """
    batch = right_padded(potentials, transitions, mask)
    scores, real = ops.transpose(batch.potentials, (1, 0, 2)), ops.transpose(batch.real)
    count, into = batch.potentials.shape[2], ops.transpose(batch.transitions)

    def forward(inputs, state, into, _):
        best, _ = state  # (B, C, n), the best paths that end in a tag
        potential, is_real = inputs
        paths = best[:, None] + into[None, :, :, None]  # (B, to, from, n)
        paths = ops.reshape(paths, (-1, count, count * n))
        reached, indices = ops.top_k(paths, n)
        reached = ops.maximum(reached + potential[..., None], 2 * FORBIDDEN)
        is_real = is_real[:, None, None]
        indices = ops.where(is_real, ops.cast(indices, "int32"), -1)
        return [ops.where(is_real, reached, best), indices]

    first = ops.where(real[0][:, None], scores[0], ops.zeros_like(scores[0]))
    others = ops.full_like(ops.repeat(first[..., None], n, axis=-1)[..., 1:], 2 * FORBIDDEN)
    start = ops.concatenate([first[..., None], others], axis=-1)
    no_indices = ops.cast(ops.zeros_like(start), "int32")
    (_, indices), (final, _) = scan(forward, [start, no_indices], (scores[1:], real[1:]), {}, into)

    def backward(indices, path, *_):  # `path` is tag * n + rank, (B, n)
        before = ops.take_along_axis(ops.reshape(indices, (-1, count * n)), path, axis=1)
        return ops.where(before < 0, path, before)

    scores, last = ops.top_k(ops.reshape(final, (-1, count * n)), n)
    last = ops.cast(last, "int32")
    earlier, _ = scan(backward, last, indices, {}, reverse=True)
    tags = ops.concatenate([earlier, last[None]], axis=0) // n  # (T, B, n)
    tags = ops.take_along_axis(ops.transpose(tags, (1, 2, 0)), batch.ranks[:, None], axis=2)
    tags = ops.where(ops.cast(mask, "bool")[:, None], tags, 0)
    empty = ops.logical_not(batch.real[:, :1])  # has one sequence, of no tags
    rest = ops.concatenate([ops.zeros((1,)), ops.full((n - 1,), 2 * FORBIDDEN)])
    return tags, ops.where(empty, ops.cast(rest, scores.dtype), scores)
