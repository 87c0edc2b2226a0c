"""The sequences of tags with the highest scores under a conditional random field.

See `ops.crf` for what a score is; its functions of these names are those of this file.
"""

import functools
import itertools
from typing import Any, NamedTuple

from keras import ops

from seqzoo.ops.compiling import compiled, compiled_by_xla
from seqzoo.ops.crf.chain import FORBIDDEN, finite, make_chain
from seqzoo.ops.recurrence.plan import scan

_LOWEST = -3e38  # without one, Keras takes no maximum of zero rows
_PAIRS_OF_PART, _MOST_PARTS = 500, 8
_MOST_UNROLLED = 64  # tags


class _Halves(NamedTuple):
    """The first half of a batch and its second half from the end on, side by side; time first.

    Both have (T + 1) // 2 steps; where T is odd, the step in the middle is real in the first half.

    Attributes:
        potentials: `(N, 2, C, B)`.
        goes_on: Boolean `(N, 2, 1, B)`, True at real steps that another one comes before.
        begins: Boolean `(N, 2, 1, B)`, True at the first real step of a half.
        moves: `(2, C, C)`, the scores of a tag (row) and the one before it (column), on the way
            of the half.
    """

    potentials: Any
    goes_on: Any
    begins: Any
    moves: Any


def viterbi(potentials, transitions, mask) -> tuple[Any, Any]:
    """Finds the sequence of tags with the highest score.

    The first half of the steps is run through from the first on and the second half from the last
    on, in one loop of half as many turns; the best pair of tags in the middle joins the two.

    Args:
        potentials: See `crf.sequence_score`.
        transitions: See `crf.sequence_score`.
        mask: See `crf.sequence_score`.

    Returns:
        Tags `(B, T)` int32, 0 at masked steps, and their scores `(B,)`.
    """
    potentials, transitions = finite(potentials, transitions)
    return compiled(_viterbi, potentials, transitions, ops.cast(mask, "bool"))


def _viterbi(potentials, transitions, mask) -> tuple[Any, Any]:
    halves = _halves(potentials, transitions, mask)
    bests = ops.transpose(_best_sums(halves), (0, 1, 3, 2))
    both_real = ops.all(ops.any(halves.begins[:, :, 0], axis=0), axis=0)
    middle, scores = _best_pair(bests[-1], both_real, transitions)
    tags = _way_back(bests, halves, middle)
    second = ops.flip(tags[:, 1], axis=0)  # begins with the middle, where that is in both halves
    rest = second[2 * ops.shape(second)[0] - ops.shape(mask)[1] :]
    tags = ops.transpose(ops.concatenate([tags[:, 0], rest], axis=0))
    return ops.where(mask, tags, 0), scores


def _halves(potentials, transitions, mask) -> _Halves:
    steps, real = ops.transpose(potentials, (1, 2, 0)), ops.transpose(mask)[:, None]
    time = ops.shape(mask)[1]
    size = (time + 1) // 2
    in_middle = ops.arange(time)[:, None, None] < size
    second = ops.logical_and(real, ops.logical_not(in_middle))
    both = ops.stack([real[:size], ops.flip(second[time - size :], axis=0)], axis=1)
    counted = ops.cumsum(ops.cast(both, "int32"), axis=0)
    return _Halves(
        ops.stack([steps[:size], ops.flip(steps[time - size :], axis=0)], axis=1),
        ops.logical_and(both, counted > 1),
        ops.logical_and(both, counted == 1),
        ops.stack([ops.transpose(transitions), transitions]),
    )


def _best_sums(halves: _Halves) -> Any:
    """Returns the best score up to each tag of each step, `(N, 2, C, B)`; 0 before a real one."""
    start = ops.zeros_like(halves.potentials[0])
    best_moves, moves = _best_moves, halves.moves
    if not compiled_by_xla():
        best_moves, moves = _best_moves_by_parts, _in_parts(moves, ops.shape(start)[2])

    def step(inputs, best, moves, _):
        potentials, goes_on, begins = inputs
        reached = ops.where(goes_on, best_moves(best, moves), ops.zeros_like(best)) + potentials
        return ops.where(ops.logical_or(goes_on, begins), reached, best)

    inputs = (halves.potentials, halves.goes_on, halves.begins)
    return scan(step, start, inputs, {}, moves)[0]


def _best_moves(best, moves) -> Any:
    """Returns the best of moves `(2, C, C)` to each tag, from tags of scores `(2, C, B)`."""
    count = moves.shape[-1]
    if count is None or count > _MOST_UNROLLED:
        return ops.max(best[:, None] + moves[..., None], axis=2, initial=_LOWEST)
    # Compiled, one maximum after the other is faster than a maximum along an axis.
    return functools.reduce(
        ops.maximum, (best[:, None, tag] + moves[:, :, tag, None] for tag in range(count))
    )


def _best_moves_by_parts(best, parts) -> Any:
    """Does what `_best_moves` does, op by op, with moves from `_in_parts`."""
    of_parts = [ops.max(best[:, None] + part, axis=2, initial=_LOWEST) for part in parts]
    return ops.concatenate(of_parts, axis=1)


def _in_parts(moves, rows) -> list:
    """Returns moves `(2, C, C, rows)` in parts along the first C.

    What a step adds up for a part stays in the cache of a core then; for all at once, it is three
    times as slow.
    """
    count = ops.shape(moves)[-1]
    moves = ops.broadcast_to(moves[..., None], (2, count, count, rows))
    if not isinstance(count, int):
        return [moves]
    parts = max(1, min(_MOST_PARTS, count * count // _PAIRS_OF_PART))
    ends = [count * part // parts for part in range(parts + 1)]
    return [moves[:, first:end] for first, end in itertools.pairwise(ends)]


def _best_pair(last, both_real, transitions) -> tuple[Any, Any]:
    """Returns the best tags on either side of the middle `(2, B)`, and their score `(B,)`.

    Args:
        last: `(2, B, C)`, the best scores up to the last step of each half.
        both_real: Boolean `(B,)`, whether each half has a real step. Where one has none, its
            scores are 0, and that of the other stands alone.
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


def _way_back(bests, halves, middle) -> Any:
    """Returns the tags of the best path `(N, 2, B)`, from those in the middle on.

    Which tag came before is looked for here, where only one tag counts.

    Args:
        bests: `(N, 2, B, C)`.
        halves: See `_Halves`.
        middle: Int `(2, B)`.
    """
    count = ops.shape(halves.moves)[-1]
    sides = ops.expand_dims(ops.stack([0, count]), 1)

    def step(inputs, tags, into, _):
        best, goes_on = inputs
        rows = ops.take(into, tags + sides, axis=0)
        before = ops.cast(ops.argmax(best + rows, axis=-1), "int32")
        return ops.where(goes_on, before, tags)

    into = ops.reshape(halves.moves, (2 * count, count))
    steps = (bests[:-1], halves.goes_on[1:, :, 0])
    earlier, _ = scan(step, middle, steps, {}, into, reverse=True)
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
    """
    chain = make_chain(potentials, transitions, mask)
    steps, real = ops.transpose(chain.potentials, (1, 0, 2)), ops.transpose(chain.real)
    count, into = chain.potentials.shape[2], ops.transpose(chain.transitions)

    def forward(inputs, state, into, _):
        best, _ = state  # (B, C, n), the best paths that end in a tag
        potential, is_real = inputs
        paths = best[:, None] + into[None, :, :, None]  # (B, to, from, n)
        paths = ops.reshape(paths, (-1, count, count * n))
        reached, places = ops.top_k(paths, n)
        reached = ops.maximum(reached + potential[..., None], 2 * FORBIDDEN)
        is_real = is_real[:, None, None]
        places = ops.where(is_real, ops.cast(places, "int32"), -1)
        return [ops.where(is_real, reached, best), places]

    first = ops.where(real[0][:, None], steps[0], ops.zeros_like(steps[0]))
    others = ops.full_like(ops.repeat(first[..., None], n, axis=-1)[..., 1:], 2 * FORBIDDEN)
    start = ops.concatenate([first[..., None], others], axis=-1)
    nothing = ops.cast(ops.zeros_like(start), "int32")
    (_, places), (final, _) = scan(forward, [start, nothing], (steps[1:], real[1:]), {}, into)

    def backward(places, path, *_):  # `path` is tag * n + rank, (B, n)
        before = ops.take_along_axis(ops.reshape(places, (-1, count * n)), path, axis=1)
        return ops.where(before < 0, path, before)

    scores, last = ops.top_k(ops.reshape(final, (-1, count * n)), n)
    last = ops.cast(last, "int32")
    earlier, _ = scan(backward, last, places, {}, reverse=True)
    tags = ops.concatenate([earlier, last[None]], axis=0) // n  # (T, B, n)
    tags = ops.take_along_axis(ops.transpose(tags, (1, 2, 0)), chain.ranks[:, None], axis=2)
    tags = ops.where(ops.cast(mask, "bool")[:, None], tags, 0)
    empty = ops.logical_not(chain.real[:, :1])  # has one sequence of tags, that without any
    rest = ops.concatenate([ops.zeros((1,)), ops.full((n - 1,), 2 * FORBIDDEN)])
    return tags, ops.where(empty, ops.cast(rest, scores.dtype), scores)
