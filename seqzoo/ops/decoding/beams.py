"""Ranking and picking for searches that keep several hypotheses for each example."""

from typing import Any

import keras
from keras import ops

from seqzoo.ops.decoding.log_probs import without_tokens
from seqzoo.ops.gather import gather

# Both by benchmarks/search_overhead.py: below, the stock kernel is as quick.
CHUNK = 64
WIDE_VOCABULARY = 1024

_IMPOSSIBLE = -float("inf")


def top_sums(totals: Any, log_probs: Any, k: int, never: tuple[int, ...] = ()) -> tuple[Any, Any]:
    """Ranks all continuations of an example's hypotheses by total plus log-prob.

    Exact: of equal sums the earlier hypothesis comes first, then the smaller token id. NaN
    counts as -inf. Where fewer than `k` sums lie above -inf, the rest are -inf at index 0.

    Args:
        totals: Float32 tensor `(B, K)`, without NaN or +inf.
        log_probs: Float32 tensor `(B * K, V)`, likewise but for NaN. Any size may be unknown
            while tracing; a wide vocabulary is ranked faster where V is known.
        k: Positive int.
        never: Tokens whose log-probs count as -inf too.

    Returns:
        The `k` largest sums `(B, k)`, best first, and their indices `(B, k)` int32 in the
        flat `(K * V)` continuations of the example.
    """
    if not _shows_nan():
        log_probs, never = without_tokens(log_probs, never), ()
    rows, vocabulary = log_probs.shape
    looked_into = k + 2 + len(never)
    wide = vocabulary is not None and vocabulary >= max(WIDE_VOCABULARY, CHUNK * looked_into)
    wide = wide and rows != 0  # JAX takes nothing from an axis of size 0
    rank = _chunked_top_sums if wide else _plain_top_sums
    sums, indices = rank(totals, log_probs, k, never)
    return sums, ops.where(ops.equal(sums, _IMPOSSIBLE), 0, indices)


def _plain_top_sums(totals: Any, log_probs: Any, k: int, never: tuple[int, ...]) -> tuple[Any, Any]:
    batch, width = ops.shape(totals)
    vocabulary = ops.shape(log_probs)[1]
    log_probs = ops.reshape(without_tokens(log_probs, never), (batch, width, vocabulary))
    sums = log_probs + totals[:, :, None]
    sums = ops.reshape(sums, (batch, width * vocabulary))
    # So that there are k of them whatever the vocabulary.
    filling = ops.full((batch, k), _IMPOSSIBLE, dtype=sums.dtype)
    sums, indices = ops.top_k(ops.concatenate([sums, filling], axis=1), k)
    return sums, ops.cast(indices, "int32")


def _chunked_top_sums(
    totals: Any, log_probs: Any, k: int, never: tuple[int, ...]
) -> tuple[Any, Any]:
    """Looks only into the chunks of the vocabulary that can hold one of the `k` best.

    A chunk is bounded by its maximum, so the `k` chunks with the largest bounds hold the
    `k` best. The chunks cut the flat buffer, so that it is read in place whatever the
    vocabulary. Where this is no multiple of a chunk, a chunk on the border of two rows has
    too large a bound in one of them, and an example has `K + 1` borders. So may have a chunk
    with a token that never comes, of which each row has one for each such token at most.
    """
    batch, width = ops.shape(totals)
    vocabulary = log_probs.shape[1]
    looked_into = k if vocabulary % CHUNK == 0 else k + width + 1
    looked_into += width * _chunks_of(never, vocabulary)
    bounds = _bounds(log_probs)  # (B * K, C)
    per_row = bounds.shape[1]
    bounds = ops.reshape(bounds, (batch, width, per_row)) + totals[:, :, None]
    _, chosen = ops.top_k(ops.reshape(bounds, (batch, width * per_row)), looked_into)
    # In the order of the vocabulary again, so that equal sums keep the order of their ids.
    chosen = ops.sort(ops.cast(chosen, "int32"), axis=1)

    beams = chosen // per_row
    values, tokens = _chunk_values(log_probs, beam_rows(beams, width), chosen % per_row)
    impossible = ops.isnan(values)
    for token in never:
        impossible = impossible | ops.equal(tokens, token)
    values = ops.where(impossible, _IMPOSSIBLE, values)
    sums = values + take_beams(totals, beams)[:, :, None]  # (B, chosen, CHUNK)
    sums, order = ops.top_k(ops.reshape(sums, (batch, looked_into * CHUNK)), k)
    indices = tokens + beams[:, :, None] * vocabulary
    return sums, take_beams(ops.reshape(indices, (batch, looked_into * CHUNK)), order)


def _chunks_of(tokens: tuple[int, ...], vocabulary: int) -> int:
    """In how many chunks of a row these tokens stand at most."""
    if vocabulary % CHUNK == 0:
        return len({token // CHUNK for token in tokens})
    return len(tokens)  # a border may stand between any two


def _bounds(log_probs: Any) -> Any:
    """Upper bounds `(N, C)` of the chunks that cover each row."""
    rows, columns = ops.shape(log_probs)
    whole, broken = _cut(log_probs)
    maxima = _maxima(whole)
    if columns % CHUNK == 0:
        return ops.reshape(maxima, (rows, columns // CHUNK))

    maxima = ops.append(maxima, ops.max(_without_nan(broken)))
    starts = ops.arange(rows, dtype="int32")[:, None] * columns
    chunks = starts // CHUNK + ops.arange((columns - 2) // CHUNK + 2, dtype="int32")
    inside = ops.less(chunks * CHUNK, starts + columns)
    bounds = gather(maxima, ops.where(inside, chunks, 0))
    return ops.where(inside, bounds, _IMPOSSIBLE)


def _maxima(chunks: Any) -> Any:
    maxima = ops.max(chunks, axis=1, initial=_IMPOSSIBLE)
    # A maximum shows whether its chunk holds NaN: what has none is read once and never copied.
    return ops.cond(
        ops.isnan(ops.max(maxima, initial=_IMPOSSIBLE)),
        lambda: ops.max(_without_nan(chunks), axis=1, initial=_IMPOSSIBLE),
        lambda: maxima,
    )


def _chunk_values(log_probs: Any, rows: Any, chunks: Any) -> tuple[Any, Any]:
    """Log-probs and token ids `(B, J, CHUNK)` of chunks `(B, J)` of rows `(B, J)`."""
    columns = log_probs.shape[1]
    starts = rows * columns
    tokens = chunks[:, :, None] * CHUNK - starts[:, :, None] % CHUNK
    tokens = tokens + ops.arange(CHUNK, dtype="int32")
    whole, broken = _cut(log_probs)
    indices = starts // CHUNK + chunks
    if columns % CHUNK == 0:
        return gather(whole, indices), tokens

    last = ops.shape(whole)[0]
    values = gather(whole, ops.minimum(indices, last - 1))
    values = ops.where(ops.equal(indices, last)[:, :, None], broken, values)
    own = ops.logical_and(tokens >= 0, tokens < columns)
    return ops.where(own, values, _IMPOSSIBLE), tokens


def _cut(log_probs: Any) -> tuple[Any, Any]:
    """The whole chunks `(M, CHUNK)` of the flat buffer, and the broken one `(CHUNK,)` behind."""
    rows, columns = ops.shape(log_probs)
    flat = ops.reshape(log_probs, (rows * columns,))
    end = rows * columns // CHUNK * CHUNK
    filling = ops.full((CHUNK,), _IMPOSSIBLE, dtype=log_probs.dtype)
    broken = ops.concatenate([flat[end:], filling])[:CHUNK]
    return ops.reshape(flat[:end], (-1, CHUNK)), broken


def _shows_nan() -> bool:
    """Whether a maximum over NaN is NaN: under JAX's compiler not always on a CPU."""
    return keras.backend.backend() == "tensorflow"


def _without_nan(values: Any) -> Any:
    return ops.where(ops.isnan(values), _IMPOSSIBLE, values)


def take_beams(values: Any, beams: Any) -> Any:
    """Picks beams of each example: `(B, K, …)` by indices `(B, N)` gives `(B, N, …)`."""
    shape = ops.shape(values)
    flat = ops.reshape(values, (shape[0] * shape[1], *shape[2:]))
    return gather(flat, beam_rows(beams, shape[1]))


def beam_rows(beams: Any, width: Any, examples: Any = None) -> Any:
    """Rows of the flat `(B * width, …)` layout that beams `(B, N)` of each example stand in.

    `examples` `(B,)` are the indices of the examples; None means one after the other.
    """
    if examples is None:
        examples = ops.arange(ops.shape(beams)[0], dtype="int32")
    return ops.expand_dims(examples * width, 1) + beams


def rows_per_example(rows: Any, examples: Any) -> Any:
    """How many of the rows each example has, 0 where there is none.

    Sizes that are no tensors, ints or JAX's symbols, give what is none either, as JAX allows
    nothing else in a shape.
    """
    unknown = ops.is_tensor(rows) or ops.is_tensor(examples)
    return rows // (ops.maximum(examples, 1) if unknown else max(examples, 1))


def take_rows(nest: Any, rows: Any) -> Any:
    """Picks rows `(N,)` of every leaf of a nest."""
    return keras.tree.map_structure(lambda leaf: gather(leaf, rows), nest)


def unfinished(finished: Any) -> tuple[Any, Any]:
    """Tells the examples that are not finished.

    On TensorFlow the others are left out, so that no step is computed for them: of 1,000
    sentences in batches of like length, a beam spent 25 % of its steps on finished examples.
    Under XLA and elsewhere no example counts as finished, as shapes must not depend on values
    there.

    Args:
        finished: Boolean `(B,)`, not True everywhere.

    Returns:
        Int32 `(A,)`, the indices of the A examples that are not finished, and int32 `(B,)`, for
        each of these its position among the A; for the others any.
    """
    if not shapes_may_depend_on_values():
        everyone = ops.arange(ops.shape(finished)[0], dtype="int32")
        return everyone, everyone
    active = ops.logical_not(finished)
    examples = ops.cast(ops.nonzero(active)[0], "int32")
    return examples, ops.maximum(ops.cumsum(ops.cast(active, "int32")) - 1, 0)


def that_may_get_shorter(nest: Any) -> Any:
    """A nest for a loop in whose course examples are left out."""
    if not shapes_may_depend_on_values():
        return nest
    from seqzoo.ops.tensorflow.xla import of_any_length

    return keras.tree.map_structure(of_any_length, nest)


def shapes_may_depend_on_values() -> bool:
    """Whether finished examples can be left out."""
    if keras.backend.backend() != "tensorflow":
        return False
    from seqzoo.ops.tensorflow.xla import traced_for_xla

    return not traced_for_xla()
