"""Recurrences whose state is a matrix, computed for many steps at once."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from seqzoo.ops.positions import runs_of_real_steps
from seqzoo.ops.recurrence.plan import scan
from seqzoo.ops.recurrence.scan import Step, apply_projections

CHUNK_LENGTH = 64
"""Steps of a chunk, unless told otherwise."""

FORGOTTEN = -1e30
"""Stands for the logarithm of 0: its exponential is 0, and so is the slope."""

MAX_EXPONENT = 80.0
"""exp of it is finite in float32."""


class MatrixTerms(NamedTuple):
    """What each step does to a state S `(B, H, K, V)`, and how it is read after.

        S = exp(log_decay) * S + key value^T + write (S^T read)^T
        output = S^T query

    where all S on the right are the state before the step. One step has leaves `(B, ...)`, a
    sequence `(B, T, ...)`. Without `read` a step adds what it knows; with it, it first looks up
    what the state holds, as the delta rule does, which removes that before it adds.

    Attributes:
        query: `(..., H, K)`, or `(..., 1, K)` for all heads alike.
        key: Likewise.
        value: `(..., H, V)`.
        log_decay: At most 0, `(..., H, 1)` for a decay of the head or `(..., H, K)` for one of
            each row of the state.
        read: `(..., H, K)`, or None.
        write: Likewise; None with `read` is `key`.
    """

    query: Any
    key: Any
    value: Any
    log_decay: Any
    read: Any = None
    write: Any = None

    def each(self, function: Callable[[Any], Any]) -> "MatrixTerms":
        """Returns the terms with every tensor replaced by `function(tensor)`."""
        return MatrixTerms(*(None if x is None else function(x) for x in self))


def matrix_step(terms: MatrixTerms, state: Any) -> tuple[Any, Any]:
    """Does one step; see `MatrixTerms`.

    Args:
        terms: Leaves `(N, ...)`.
        state: `(N, H, K, V)`, float32 at least.

    Returns:
        The output `(N, H, V)` and the state after the step, in the dtype of the state.
    """
    terms = terms.each(lambda x: ops.cast(x, state.dtype))
    value, decayed = terms.value, ops.exp(terms.log_decay)[..., None] * state
    if terms.read is not None:
        found = ops.matmul(terms.read[..., None, :], state)[..., 0, :]
        if terms.write is None:
            value = value + found
        else:
            decayed = decayed + terms.write[..., None] * found[..., None, :]
    state = decayed + terms.key[..., None] * value[..., None, :]
    return ops.matmul(terms.query[..., None, :], state)[..., 0, :], state


def chunked_recurrence(
    terms: MatrixTerms,
    initial: Any,
    mask=None,
    segment_ids=None,
    chunk_length: int = CHUNK_LENGTH,
    least_log_decay: float | None = None,
    training: bool = False,
) -> tuple[Any, Any]:
    """Does all steps of sequences; see `MatrixTerms`.

    Time is cut into chunks. Within one, all pairs of steps meet in products of matrices; between
    chunks the state is carried by a loop with one product a turn. Steps that look up the state
    before they change it are the solution of one triangular system for each chunk (the WY form).

    Args:
        terms: Leaves `(B, T, ...)`.
        initial: Float `(B, H, K, V)`, the state before the first step, float32 at least; all is
            computed in its dtype.
        mask: Boolean `(B, T)`, True on steps that are done; None where all are.
        segment_ids: Int `(B, T)` where a row holds several sequences, each of which but the first
            begins with zeros.
        chunk_length: Positive int.
        least_log_decay: A bound from below on decays of each row of the state. Where it shows
            that no decay over a chunk leaves the range of float32, pairs of steps need no tensor
            with a value for each row of the state.
        training: Whether a gradient is sure to be asked for.

    Returns:
        The outputs `(B, T, H, V)`, and the state after the last step that was done.

    References: Yang et al., 2024, Gated linear attention, section 4,
    https://arxiv.org/abs/2312.06635; Yang et al., 2024, DeltaNet, section 3,
    https://arxiv.org/abs/2406.06484
    """
    terms = terms.each(lambda x: ops.cast(x, initial.dtype))
    if mask is not None:
        mask = ops.cast(mask, "bool")[:, :, None, None]

        def of_real(x):
            return None if x is None else ops.where(mask, x, ops.zeros_like(x))

        terms = terms._replace(
            key=of_real(terms.key), write=of_real(terms.write), log_decay=of_real(terms.log_decay)
        )
        mask = mask[:, :, 0, 0]
    steps = ops.shape(terms.value)[1]
    count, length = cut_into_chunks(steps, chunk_length)
    missing = count * length - steps
    chunks = terms.each(lambda x: _chunked(x, count, length, missing))
    reach = _Reach(length, _chunked_runs(mask, segment_ids, count, length, missing))
    factored = least_log_decay is not None and -least_log_decay * length <= MAX_EXPONENT
    outputs, final = _run_chunks(chunks, initial, reach, factored, training)
    outputs = ops.transpose(outputs, (1, 0, 3, 2, 4))  # (n, B, H, C, V) -> (B, n, C, H, V)
    batch, _, _, heads, width = ops.shape(outputs)
    return ops.reshape(outputs, (batch, count * length, heads, width))[:, :steps], final


def decayed_maximum(
    log_decay: Any,
    values: Any,
    initial: Any,
    segment_ids=None,
    mask=None,
    chunk_length: int = CHUNK_LENGTH,
) -> Any:
    """Computes m_t = max(log_decay_t + m_(t-1), values_t) for all steps, without a gradient.

    Args:
        log_decay: At most 0, `(B, T, H)`.
        values: `(B, T, H)`.
        initial: `(B, H)`, m before the first step.
        segment_ids: Int `(B, T)`, or None; a sequence but the first begins without an m.
        mask: Boolean `(B, T)`, or None: which steps count as those of a sequence.
        chunk_length: Positive int.

    Returns:
        m after each step, `(B, T, H)`.
    """
    log_decay, values, initial = map(ops.stop_gradient, (log_decay, values, initial))
    steps = ops.shape(values)[1]
    count, length = cut_into_chunks(steps, chunk_length)
    missing = count * length - steps
    reach = _Reach(length, _chunked_runs(mask, segment_ids, count, length, missing))
    parts = (_chunked(x[..., None], count, length, missing) for x in (log_decay, values))
    total, values = (x[..., 0] for x in parts)  # (n, B, H, C)
    total = ops.cumsum(total, axis=3)
    nothing = ops.cast(FORGOTTEN, total.dtype)
    pairs = total[..., :, None] - total[..., None, :] + values[..., None, :]
    # `initial` is for no rows, of which Keras refuses to take the largest.
    inside = ops.max(ops.where(reach.earlier, pairs, nothing), axis=-1, initial=FORGOTTEN)
    begin, throughout = total, total[..., -1:]
    if segment_ids is not None:
        begin = ops.where(reach.from_begin[..., 0], begin, nothing)
        throughout = ops.where(reach.throughout[..., 0], throughout, nothing)

    inputs = throughout, inside[..., -1:]
    before, _ = _carry(_decay_or_exceed, inputs, initial[..., None])
    result = ops.transpose(ops.maximum(inside, begin + before), (1, 0, 3, 2))  # (B, n, C, H)
    batch, heads = ops.shape(initial)
    return ops.reshape(result, (batch, count * length, heads))[:, :steps]


def _decay_or_exceed(inputs, state, constants, project):
    decay, largest = inputs
    return [ops.maximum(decay + state[0], largest)]


def cut_into_chunks(steps: Any, chunk_length: int) -> tuple[Any, int]:
    """Returns how many chunks of how many steps cover a time, with as few to fill up as can be."""
    if not isinstance(steps, int):
        return (steps + chunk_length - 1) // chunk_length, chunk_length
    count = max(-(-steps // chunk_length), 1)
    return count, max(-(-steps // count), 1)


def _chunked(x, count, length, missing):
    """Fills `(B, T, H, D)` up with zeros and makes it `(n, B, H, C, D)`."""
    if not (isinstance(missing, int) and missing == 0):
        x = ops.pad(x, [[0, 0], [0, missing], [0, 0], [0, 0]])
    batch, _, heads, width = ops.shape(x)
    return ops.transpose(ops.reshape(x, (batch, count, length, heads, width)), (1, 0, 3, 2, 4))


def _chunked_runs(mask, segment_ids, count, length, missing):
    """Returns the number of the sequence that the state is of after each step, `(n, B, 1, C)`."""
    if segment_ids is None:
        return None
    runs = runs_of_real_steps(segment_ids, mask)
    batch = ops.shape(runs)[0]
    if not (isinstance(missing, int) and missing == 0):
        rest = ops.broadcast_to(runs[:, -1:], (batch, missing))
        runs = ops.concatenate([runs, rest], axis=1)
    return ops.transpose(ops.reshape(runs, (batch, count, length)), (1, 0, 2))[:, :, None]


class _Reach:
    """What is still there of what: between steps of a chunk, from its begin and until its end."""

    def __init__(self, length: int, runs: Any):
        self.earlier = np.tri(length, dtype="bool")[None, None, None]  # row i, column j <= i
        self.before = np.tri(length, k=-1, dtype="bool")[None, None, None]
        self.from_begin: Any = None
        self.until_end: Any = None
        self.throughout: Any = None
        if runs is None:
            return
        same = runs[..., :, None] == runs[..., None, :]
        self.earlier = ops.logical_and(same, self.earlier)
        self.before = ops.logical_and(same, self.before)
        last = runs[..., -1:]
        begin = ops.concatenate([ops.zeros_like(last[:1]), last[:-1]], axis=0)
        self.from_begin = (runs == begin)[..., None]
        self.until_end = (runs == last)[..., None]
        self.throughout = (last == begin)[..., None]


def _remaining(log_decay, reach=None):
    """Returns exp(log_decay) where something is within reach, else 0."""
    if reach is not None:
        log_decay = ops.where(reach, log_decay, ops.cast(FORGOTTEN, log_decay.dtype))
    return ops.exp(log_decay)


def _run_chunks(terms: MatrixTerms, initial, reach: _Reach, factored: bool, training: bool):
    """`chunked_recurrence` on terms `(n, B, H, C, ...)`; outputs `(n, B, H, C, V)`."""
    query, key, value, log_decay, read, write = terms
    length = value.shape[3]
    total = ops.cumsum(log_decay, axis=3)  # from the begin of the chunk, this step's own counted
    # Rows: what looks at the state, queries after a step and reads before it. Columns: what was
    # added to it.
    rows, row_totals, allowed, begins = query, total, reach.earlier, reach.from_begin
    columns, column_totals = key, total
    if read is not None:
        rows = ops.concatenate([query, read], axis=3)
        row_totals = ops.concatenate([total, total - log_decay], axis=3)
        allowed = ops.concatenate([reach.earlier, reach.before], axis=3)
        begins = None if begins is None else ops.concatenate([begins, begins], axis=3)
        if write is not None:
            columns = ops.concatenate([key, write], axis=3)
            column_totals = ops.concatenate([total, total], axis=3)
            allowed = ops.concatenate([allowed, allowed], axis=4)
    pairs = _pairs(rows, columns, row_totals, column_totals, allowed, factored)
    rows = rows * _remaining(row_totals, begins)
    end = total[..., -1:, :]
    until_end = _remaining(end - total, reach.until_end)
    throughout = _remaining(end, reach.throughout)[..., 0, :, None]  # (n, B, H, K or 1, 1)
    added = ops.swapaxes(key * until_end, 3, 4)  # (n, B, H, K, C)
    if read is None:
        inputs = (throughout, ops.matmul(added, value))
        states, final = _carry(_decay_and_add, inputs, initial, training)
        return ops.matmul(pairs, value) + ops.matmul(rows, states), final
    # What the reads find is (I - lower)^-1 (known + reads S), S the state at the begin.
    reads = rows[..., length:, :]
    if write is None:
        lower, known, written = pairs[..., length:, :], value, added
    else:
        lower = pairs[..., length:, length:]
        known = ops.matmul(pairs[..., length:, :length], value)
        written = ops.swapaxes(write * until_end, 3, 4)
    identity = ops.eye(length, dtype=lower.dtype)
    solved = ops.solve_triangular(
        identity - lower, ops.concatenate([known, reads], axis=4), lower=True
    )
    known, of_state = solved[..., : value.shape[-1]], solved[..., value.shape[-1] :]
    transition = ops.matmul(written, of_state)
    transition = transition + throughout * ops.eye(key.shape[-1], dtype=lower.dtype)
    addition = ops.matmul(written, known)
    if write is not None:
        addition = addition + ops.matmul(added, value)
    inputs = transition, addition
    states, final = _carry(_multiply_and_add, inputs, initial, training)
    found = known + ops.matmul(of_state, states)
    outputs = ops.matmul(rows[..., :length, :], states)
    if write is None:
        return outputs + ops.matmul(pairs[..., :length, :], found), final
    both = ops.concatenate([value, found], axis=3)
    return outputs + ops.matmul(pairs[..., :length, :], both), final


def _pairs(rows, columns, row_totals, column_totals, allowed, factored):
    """Returns rows_i · (exp(row_totals_i - column_totals_j) * columns_j) where allowed, else 0."""
    if row_totals.shape[-1] == 1:
        decay = _remaining(row_totals - ops.swapaxes(column_totals, 3, 4), allowed)
        return ops.matmul(rows, ops.swapaxes(columns, 3, 4)) * decay
    if factored:
        middle = column_totals[..., column_totals.shape[3] // 2, None, :]
        rows = rows * ops.exp(row_totals - middle)
        columns = columns * ops.exp(middle - column_totals)
        products = ops.matmul(rows, ops.swapaxes(columns, 3, 4))
        return ops.where(allowed, products, ops.zeros_like(products))
    decay = _remaining(
        row_totals[..., :, None, :] - column_totals[..., None, :, :], allowed[..., None]
    )
    return ops.sum(rows[..., :, None, :] * columns[..., None, :, :] * decay, axis=-1)


def _decay_and_add(inputs, state, constants, project):
    decay, addition = inputs
    return [decay * state[0] + addition]


def _multiply_and_add(inputs, state, constants, project):
    transition, addition = inputs
    return [ops.matmul(transition, state[0]) + addition]


def _carry(step: Step, inputs: tuple, initial: Any, training: bool = False) -> tuple[Any, Any]:
    """Runs a loop from chunk to chunk over inputs `(n, ...)`.

    Returns:
        The states before each chunk `(n, ...)`, and the one after the last.
    """
    if inputs[0].shape[0] == 1:
        (final,) = step([x[0] for x in inputs], [initial], (), apply_projections({}))
        return initial[None], final
    (after,), (final,) = scan(step, [initial], inputs, {}, training=training)
    return ops.concatenate([initial[None], after[:-1]], axis=0), final
