"""Matrix-state recurrences by chunks, against a loop over the steps in NumPy."""

import numpy as np
import pytest
from derivatives import (
    assert_all_close,
    assert_gradients_are_finite_differences,
    differentiate,
)

from seqzoo.ops.recurrence.chunked import MatrixTerms, chunked_recurrence, matrix_step

B, T, H, K, V = 3, 7, 2, 4, 5
MASK = np.array([[1, 1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 1, 1, 0], [1, 1, 0, 0, 0, 1, 1]], "bool")
# A sequence begins at a step that is not real (row 1), and padding has an id of its own (row 2).
SEGMENT_IDS = np.array([[1, 1, 2, 2, 2, 3, 3], [1, 1, 1, 2, 2, 2, 2], [1, 1, 0, 0, 0, 2, 2]])

KINDS = {
    "one decay a head": (1, False, False, 1),
    "one decay a row": (K, False, False, H),
    "delta rule": (1, True, False, H),
    "delta rule, one decay a row": (K, True, False, H),
    "reads and writes of their own": (K, True, True, H),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def made(kind, batch=B, time=T):
    """Terms whose delta rule keeps the state small, and an initial state."""
    decays, reads, writes, key_heads = KINDS[kind]
    rng = np.random.default_rng(7)

    def vectors(heads, width, scale=1.0):
        return scale * rng.normal(size=(batch, time, heads, width))

    terms = MatrixTerms(
        query=vectors(key_heads, K),
        key=vectors(key_heads, K, 0.6),
        value=vectors(H, V),
        log_decay=-np.abs(vectors(H, decays)),
        read=vectors(H, K, 0.6) if reads else None,
        write=vectors(H, K, 0.6) if writes else None,
    )
    return terms, rng.normal(size=(batch, H, K, V))


def by_steps(terms, state, mask=None, segment_ids=None):
    """One step of one head of one row after the other."""
    batch, time = terms.value.shape[:2]
    outputs, states = np.zeros_like(terms.value), np.array(state)
    for b in range(batch):
        for h in range(H):
            before = run = 0
            for t in range(time):
                if segment_ids is not None and t and segment_ids[b, t] != segment_ids[b, t - 1]:
                    run += 1
                if mask is not None and not mask[b, t]:
                    continue
                if run != before:
                    states[b, h] = 0.0
                before = run
                query, key, value, log_decay, read, write = (
                    None if x is None else x[b, t, min(h, x.shape[2] - 1)] for x in terms
                )
                old = states[b, h]
                new = np.exp(log_decay)[:, None] * old + np.outer(key, value)
                if read is not None:
                    new += np.outer(key if write is None else write, old.T @ read)
                states[b, h] = new
                outputs[b, t, h] = new.T @ query
    return outputs, states


@kinds
@pytest.mark.parametrize("chunk_length", [1, 2, 3, T])
def test_chunks_of_any_length_are_a_loop_over_steps(kind, chunk_length):
    terms, initial = made(kind)
    bounds = [None, -50.0] if terms.log_decay.shape[-1] == K else [None]
    for mask, segment_ids in ((None, None), (MASK, None), (None, SEGMENT_IDS), (MASK, SEGMENT_IDS)):
        outputs, final = by_steps(terms, initial, mask, segment_ids)
        real = np.ones((B, T), "bool") if mask is None else mask
        for least in bounds:
            found, found_final = chunked_recurrence(
                terms, initial, mask, segment_ids, chunk_length, least
            )
            np.testing.assert_allclose(np.asarray(found)[real], outputs[real], atol=1e-12)
            np.testing.assert_allclose(found_final, final, atol=1e-12)


@kinds
def test_a_step_is_one_of_the_loop(kind):
    terms, state = made(kind)
    outputs, final = by_steps(terms, state)
    for t in range(T):
        output, state = matrix_step(terms.each(lambda x, t=t: x[:, t]), state)
        np.testing.assert_allclose(output, outputs[:, t], atol=1e-12)
    np.testing.assert_allclose(state, final, atol=1e-12)


@kinds
def test_gradients_are_finite_differences(kind):
    terms, initial = made(kind)
    real = MASK[..., None, None]
    for least in [None, -1.0] if terms.log_decay.shape[-1] == K else [None]:

        def run(initial, least=least, **terms):
            terms = MatrixTerms(**terms)
            outputs, final = chunked_recurrence(
                terms, initial, MASK, SEGMENT_IDS, 3, least, training=True
            )
            return [outputs * real, final]

        arguments = {name: x for name, x in terms._asdict().items() if x is not None}
        assert_gradients_are_finite_differences(run, {"initial": initial, **arguments}, ())


@pytest.mark.parametrize(
    "kind", [k if k.startswith("reads") else pytest.param(k, marks=pytest.mark.slow) for k in KINDS]
)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_sizes_may_be_unknown_while_tracing(tf, kind, jit_compile):
    terms, initial = made(kind)
    arguments = [x for x in terms if x is not None]
    names = [name for name, x in terms._asdict().items() if x is not None]

    def run(mask, segment_ids, initial, *arguments):
        terms = MatrixTerms(**dict(zip(names, arguments, strict=True)))
        return chunked_recurrence(terms, initial, mask, segment_ids, 3)

    inputs = [MASK, SEGMENT_IDS, initial, *arguments]
    known = [2, 2, 1] + [2] * len(arguments)  # sizes that are unknown: rows and steps
    signature = [
        tf.TensorSpec([None] * count + list(x.shape[count:]), x.dtype)
        for count, x in zip(known, inputs, strict=True)
    ]
    function = tf.function(run, input_signature=signature, jit_compile=jit_compile)
    outputs, final = by_steps(terms, initial, MASK, SEGMENT_IDS)
    found, found_final = function(*inputs)
    np.testing.assert_allclose(np.asarray(found)[MASK], outputs[MASK], atol=1e-12)
    np.testing.assert_allclose(found_final, final, atol=1e-12)
    none = function(*(x[:0] for x in inputs))
    assert [x.shape for x in none] == [(0, T, H, V), (0, H, K, V)]


@kinds
def test_what_a_decay_leaves_nothing_of_has_finite_gradients(kind):
    terms, initial = made(kind)
    strong = terms._replace(log_decay=np.full_like(terms.log_decay, -300.0))
    outputs, _ = by_steps(strong, initial)
    arguments = {"initial": initial} | {n: x for n, x in strong._asdict().items() if x is not None}

    def total(**arguments):
        initial = arguments.pop("initial")
        return [chunked_recurrence(MatrixTerms(**arguments), initial, chunk_length=3)[0]]

    found, gradients = differentiate(total, arguments)
    assert_all_close(found, [outputs], atol=1e-12)
    assert all(np.all(np.isfinite(g)) for g in gradients)
