"""Alignments that never go back: each query reads where the one before did, or further on.

Positions are compared pair by pair, `(..., S, S)`, so that no quotient of vanishing products is
taken.
"""

from typing import Any

from keras import ops

LOWEST = -1e30  # a log-probability that adds nothing, and whose sums are finite in float32


def is_last_of(mask: Any) -> Any:
    """Returns booleans like the mask `(..., S)`, True at the last step of each row that is True.

    Example:
        >>> sz.ops.monotonic.is_last_of(np.array([[True, True, False]])).numpy().tolist()
        [[False, True, False]]
    """
    return ops.logical_and(mask, _count_from(mask) == 1)


def is_past(mask: Any) -> Any:
    """Returns booleans like the mask `(..., S)`, True where no step from there on is True.

    Example:
        >>> sz.ops.monotonic.is_past(np.array([[True, False, False]])).numpy().tolist()
        [[False, True, True]]
    """
    return _count_from(mask) == 0


def _count_from(mask):
    """Returns how many steps are True from each one on, itself counted."""
    steps = ops.cast(mask, "int32")
    return ops.sum(steps, axis=-1, keepdims=True) - ops.cumsum(steps, axis=-1) + steps


def expected_alignment(scores: Any, previous: Any, mask: Any) -> Any:
    """Returns the probability that each step is chosen, if steps are tried from left to right.

    From where the query before has stopped, each readable step is chosen with probability
    sigmoid(score), and else the next one is tried. The last readable step is always chosen, so that
    what reaches it stops there.

    Args:
        scores: Float tensor `(..., S)`.
        previous: Float tensor `(..., S)`: the probability that the query before stopped there.
        mask: Boolean `(..., S)`, True where a step may be read.

    Returns:
        Float tensor `(..., S)`, 0 where the mask is False.

    Reference: Raffel et al., 2017, section 2.3, https://arxiv.org/abs/1704.00784
    Differs from the paper: its recurrence is a quotient of cumulative products, which vanish; here
    each product between two steps is a sum of logarithms. In the paper nothing is read where no
    step is chosen.

    Example:
        >>> scores, mask = np.zeros((1, 3), "float32"), np.ones((1, 3), bool)
        >>> start = np.array([[1.0, 0.0, 0.0]], "float32")
        >>> sz.ops.monotonic.expected_alignment(scores, start, mask).numpy().tolist()
        [[0.5, 0.25, 0.25]]
    """
    is_last = is_last_of(mask)
    passes = ops.logical_and(mask, ops.logical_not(is_last))
    zeros = ops.zeros_like(scores)
    chosen = ops.where(passes, ops.sigmoid(scores), ops.cast(is_last, scores.dtype))
    log_passed = ops.where(passes, ops.log_sigmoid(-scores), zeros)
    log_reached = ops.cumsum(log_passed, axis=-1) - log_passed  # those before each step
    # (..., i, j): from step i, all of the steps from i to before j are passed.
    between = ops.expand_dims(log_reached, -2) - ops.expand_dims(log_reached, -1)
    between = ops.where(_up_to(scores), between, ops.cast(LOWEST, scores.dtype))
    reaches = ops.squeeze(ops.matmul(ops.expand_dims(previous, -2), ops.exp(between)), -2)
    return chosen * reaches


def first_chosen(scores: Any, previous: Any, mask: Any) -> Any:
    """Returns 1 at the step that is chosen and 0 elsewhere, `(..., S)`.

    It is the first readable step from that of the query before on whose score is above 0, and the
    last readable one where there is none.

    Args:
        scores: See `expected_alignment`.
        previous: See `expected_alignment`.
        mask: See `expected_alignment`.

    Example:
        >>> scores, mask = np.array([[9.0, -1.0, 2.0, 3.0]]), np.ones((1, 4), bool)
        >>> start = np.array([[0.0, 1.0, 0.0, 0.0]])
        >>> sz.ops.monotonic.first_chosen(scores, start, mask).numpy().tolist()
        [[0.0, 0.0, 1.0, 0.0]]
    """
    is_reached = ops.logical_and(ops.cumsum(previous, axis=-1) > 0.5, mask)
    stops = ops.logical_and(is_reached, ops.logical_or(scores > 0, is_last_of(mask)))
    is_first = ops.logical_and(stops, ops.cumsum(ops.cast(stops, "int32"), axis=-1) == 1)
    return ops.cast(is_first, scores.dtype)


def chunk_weights(alignment: Any, scores: Any, mask: Any, width: int) -> Any:
    """Spreads the probability of each chosen step over the `width` steps that end there.

    The share of each is the softmax of their scores.

    Args:
        alignment: Float tensor `(..., S)`, 0 where the mask is False.
        scores: Float tensor `(..., S)`.
        mask: Boolean `(..., S)`, True where a step may be read.
        width: Positive int.

    Returns:
        Float tensor `(..., S)`, of the sum of `alignment`.

    Reference: Chiu and Raffel, 2018, section 2.2, https://arxiv.org/abs/1712.05382

    Example:
        >>> alignment, scores = np.array([[0.0, 1.0, 0.0]]), np.zeros((1, 3))
        >>> mask = np.ones((1, 3), bool)
        >>> sz.ops.monotonic.chunk_weights(alignment, scores, mask, width=2).numpy().tolist()
        [[0.5, 0.5, 0.0]]
    """
    scores = ops.where(mask, scores, ops.cast(LOWEST, scores.dtype))
    before = ops.stack([_moved(scores, offset, LOWEST) for offset in range(width)], axis=-1)
    shares = ops.exp(ops.log_softmax(before, axis=-1))  # of the step so far before each
    spread = [_moved(alignment * shares[..., offset], -offset) for offset in range(width)]
    return sum(spread[1:], spread[0])


def _moved(steps, offset: int, filled: float = 0.0):
    """Returns steps `(..., S)` moved to the right by `offset`, or to the left."""
    count = ops.shape(steps)[-1]
    sides = [[0, 0]] * (len(steps.shape) - 1) + [[max(offset, 0), max(-offset, 0)]]
    padded = ops.pad(steps, sides, constant_values=filled)
    return padded[..., :count] if offset >= 0 else padded[..., -offset:]


def next_log_weights(scores: Any, log_weights: Any, mask: Any) -> Any:
    """Returns the log-probabilities of the next steps of a Markov chain that never goes back.

    From step i it goes to step j with the probability exp(score_j) / (sum over k >= i of
    exp(score_k)), and never to one before i.

    Args:
        scores: Float tensor `(N, S)`.
        log_weights: Float tensor `(N, S)`, the log-probabilities of the steps before, of which
            those of an impossible one are about -1e30.
        mask: Boolean `(N, S)`, True where a step may be taken.

    Returns:
        Float tensor `(N, S)`, of rows whose exponentials sum to 1.

    Reference: Wu and Cotterell, 2019, section 3, https://arxiv.org/abs/1905.06319

    Example:
        >>> scores, mask = np.zeros((1, 3)), np.ones((1, 3), bool)
        >>> before = np.log(np.array([[0.5, 0.5, 1e-30]]))
        >>> after = sz.ops.monotonic.next_log_weights(scores, before, mask)
        >>> keras.ops.exp(after).numpy().round(3).tolist()  # 1/6, 1/6 + 1/4, 1/6 + 1/4
        [[0.167, 0.417, 0.417]]
    """
    lowest = ops.cast(LOWEST, scores.dtype)
    scores = ops.where(mask, scores, lowest)
    onward = _up_to(scores)  # (i, j): j is not before i
    each = ops.where(onward, ops.expand_dims(scores, -2), lowest)  # (N, i, j)
    log_moves = ops.log_softmax(each, axis=-1)
    moved = ops.logsumexp(ops.expand_dims(log_weights, -1) + log_moves, axis=-2)
    return ops.log_softmax(ops.where(mask, moved, lowest), axis=-1)


def _up_to(scores):
    """Returns booleans `(S, S)`, True at (i, j) where i is not after j."""
    positions = ops.arange(ops.shape(scores)[-1], dtype="int32")
    return ops.expand_dims(positions, 1) <= positions
