"""The exact ranking and the gathers of a beam, against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqzoo.ops.decoding.beams import beam_rows, take_beams, top_sums


def top_sums_by_sorting(totals, log_probs, k, never=()):
    """Largest first, of equal ones the smaller index; NaN is -inf; what lacks is -inf at 0."""
    log_probs = log_probs.copy()
    log_probs[:, [token for token in never if token < log_probs.shape[1]]] = -np.inf
    sums = totals[:, :, None] + log_probs.reshape(*totals.shape, log_probs.shape[1])
    sums = np.where(np.isnan(sums), -np.inf, sums).reshape(
        len(totals), totals.shape[1] * log_probs.shape[1]
    )
    order = np.argsort(-sums, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(sums, order, axis=1)
    order = np.where(best == -np.inf, 0, order)
    missing = ((0, 0), (0, k - best.shape[1]))
    return np.pad(best, missing, constant_values=-np.inf), np.pad(order, missing)


def check(found, totals, log_probs, k, never=()):
    expected = top_sums_by_sorting(totals, log_probs, k, never)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def random_sums(seed, batch, width, vocabulary, levels=10**6, impossible=0.0, nan=0.0):
    """Totals and log-probs that are multiples of 1/64, the fewer levels, the more ties."""
    rng = np.random.default_rng(seed)
    totals = -rng.integers(0, min(levels, 640), size=(batch, width)).astype("float32") / 64
    log_probs = -rng.integers(0, levels, size=(batch * width, vocabulary)).astype("float32") / 64
    for values in (totals, log_probs):
        values[rng.random(values.shape) < impossible] = -np.inf
    log_probs[rng.random(log_probs.shape) < nan] = np.nan
    return totals, log_probs


@pytest.mark.parametrize("k", [1, 6, 11])
@pytest.mark.parametrize(
    "vocabulary", [1, 3, 700, 1023, 1024, 1025, 1026, 1087, 1088, 1089, 1999, 4096]
)
@pytest.mark.parametrize(("batch", "width"), [(1, 1), (2, 3), (3, 1)])
def test_top_sums_equal_sorting_for_every_vocabulary(batch, width, vocabulary, k):
    totals, log_probs = random_sums(vocabulary, batch, width, vocabulary)
    check(top_sums(totals, log_probs, k), totals, log_probs, k)


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 10**6),
    batch=st.integers(0, 3),
    width=st.integers(1, 4),
    vocabulary=st.integers(1000, 1400) | st.sampled_from([1024, 1088, 1280]),
    k=st.integers(1, 14),
    levels=st.sampled_from([1, 2, 30, 3000]),
    impossible=st.sampled_from([0.0, 0.3, 0.995, 1.0]),
    nan=st.sampled_from([0.0, 0.0003, 0.3, 1.0]),
    never=st.sampled_from([(), (0,), (0, 2), (0, 63, 64), (0, 999)]),
)
def test_top_sums_equal_sorting_with_ties_infinities_and_nan(
    seed, batch, width, vocabulary, k, levels, impossible, nan, never
):
    totals, log_probs = random_sums(seed, batch, width, vocabulary, levels, impossible, nan)
    log_probs[:, list(never)] += 1000.0
    check(top_sums(totals, log_probs, k, never), totals, log_probs, k, never)


@pytest.mark.parametrize("vocabulary", [1, 3, 700, 1280, 1300])
def test_tokens_that_never_come_are_ranked_nowhere_though_they_are_best(vocabulary):
    totals, log_probs = random_sums(vocabulary, 3, 4, vocabulary)
    log_probs[:, [token for token in (0, 2) if token < vocabulary]] = 99.0
    check(top_sums(totals, log_probs, 8, (0, 2)), totals, log_probs, 8, (0, 2))


@pytest.mark.parametrize("index", [0, 63, 64, 1056, 1057, 1087, 1088, 2113])
def test_top_sums_find_a_single_value_and_ignore_a_single_nan(index):
    totals = np.zeros((1, 2), dtype="float32")
    log_probs = np.full((2, 1057), -np.inf, dtype="float32")
    log_probs.reshape(-1)[index] = -1.0
    check(top_sums(totals, log_probs, 3), totals, log_probs, 3)
    log_probs = -np.arange(2 * 1057, dtype="float32").reshape(2, 1057)
    log_probs.reshape(-1)[index] = np.nan
    check(top_sums(totals, log_probs, 3), totals, log_probs, 3)


@pytest.mark.parametrize("middle", [[0.0], [0.0, -100.0, 0.0]])
def test_top_sums_see_behind_chunks_that_a_neighbour_makes_look_good(middle):
    # The good rows of the middle example have possible tokens only in their midst, and every
    # row beside them, too bad itself or of another example, has the best ones at its borders.
    width = len(middle)
    totals = np.array([[-100.0] * width, middle, [-100.0] * width], dtype="float32")
    log_probs = np.full((3, width, 1057), -np.inf, dtype="float32")
    log_probs[totals == 0, 300:900:200] = -5.0
    log_probs[totals == -100, 0] = log_probs[totals == -100, -1] = -1.0
    log_probs = log_probs.reshape(3 * width, 1057)
    check(top_sums(totals, log_probs, 3), totals, log_probs, 3)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("vocabulary", [None, 1500, 1536])
def test_top_sums_are_the_same_in_a_graph_of_unknown_sizes(vocabulary, jit_compile, tf):
    signature = [tf.TensorSpec((None, 2), "float32"), tf.TensorSpec((None, vocabulary), "float32")]
    graph = tf.function(
        lambda totals, log_probs: top_sums(totals, log_probs, 6),
        input_signature=signature,
        jit_compile=jit_compile,
    )
    for batch, nan in [(0, 0.0), (3, 0.0), (3, 0.01)]:
        for size in [vocabulary] if vocabulary else [2, 1500]:
            totals, log_probs = random_sums(1, batch, 2, size, levels=900, nan=nan)
            check(graph(totals, log_probs), totals, log_probs, 6)


def test_take_beams_picks_beams_of_each_example():
    values = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    beams = np.array([[2, 0, 0, 1, 2, 2], [1, 1, 0, 2, 0, 1]], dtype="int32")
    picked = np.asarray(take_beams(values, beams))
    for example in range(2):
        np.testing.assert_array_equal(picked[example], values[example, beams[example]])


def test_beam_rows_are_the_rows_of_the_flat_layout():
    beams = np.array([[2, 0], [1, 1], [0, 2]], dtype="int32")
    assert np.asarray(beam_rows(beams, 3)).tolist() == [[2, 0], [4, 4], [6, 8]]
