"""Log-probs whose normaliser stands apart, against NumPy."""

import numpy as np
import pytest

from seqzoo.ops.decoding.log_probs import (
    LogProbs,
    as_log_probs,
    log_sums,
    only,
    values_of,
    with_values,
    written_out,
)


@pytest.mark.parametrize("shift", [0.0, 70.0, 200.0, -60.0, -300.0])
def test_log_sums_hold_for_logits_of_any_size(shift):
    logits = 3 * np.random.default_rng(0).normal(size=(4, 50)).astype("float32")
    logits[1] += np.float32(shift)  # the other rows stay as they are, in the quick way
    logits[2, 7] = -np.inf
    wanted = np.log(np.exp(logits.astype("float64")).sum(axis=1))
    np.testing.assert_allclose(log_sums(logits), wanted, rtol=1e-6, atol=1e-6)


def test_impossible_rows_and_nan_have_no_finite_log_sum():
    logits = np.array([[-np.inf] * 3, [0.0, np.nan, 1.0], [0.0, 0.0, -np.inf]], "float32")
    found = np.asarray(log_sums(logits))
    assert found[0] == -np.inf
    assert np.isnan(found[1])
    assert found[2] == pytest.approx(np.log(2))


def example():
    logits = np.random.default_rng(1).normal(size=(3, 5)).astype("float32")
    return LogProbs(logits, np.float32([0.5, 2.0, -1.0]))


def test_values_are_those_that_are_written_out():
    log_probs = example()
    tokens = np.array([[4, 0], [1, 1], [2, 3]], "int32")
    wanted = np.take_along_axis(np.asarray(written_out(log_probs)), tokens, axis=1)
    np.testing.assert_allclose(values_of(log_probs, tokens), wanted, rtol=1e-6)
    plain = as_log_probs(written_out(log_probs))
    np.testing.assert_allclose(values_of(plain, tokens), wanted, rtol=1e-6)


@pytest.mark.parametrize("batch", [0, 3])
def test_only_the_chosen_tokens_change(batch):
    log_probs = LogProbs(*(part[:batch] for part in example()))
    tokens = np.array([[4, 0, 4], [1, 1, 9], [2, 3, 3]], "int32")[:batch]
    chosen = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1]], bool)[:batch]
    values = np.float32([[-7, 5, -7], [5, 5, 5], [5, -np.inf, -np.inf]])[:batch]
    wanted = np.asarray(written_out(log_probs)).copy()
    for row, place in np.argwhere(chosen):
        wanted[row, tokens[row, place]] = values[row, place]
    found = with_values(log_probs, tokens, chosen, values)
    np.testing.assert_allclose(written_out(found), wanted, rtol=1e-5, atol=1e-6)


def test_only_what_is_known_to_be_impossible_needs_no_mask():
    log_probs = example()
    assert log_probs.not_yet_impossible((0, 2)) == (0, 2)
    known = log_probs._replace(impossible=(2, 3))
    assert as_log_probs(known).not_yet_impossible((0, 2)) == (0,)
    tokens = np.array([[2]] * 3, "int32")
    changed = with_values(known, tokens, tokens > 0, np.zeros((3, 1), "float32"))
    assert changed.not_yet_impossible((0, 2)) == (0, 2)


def test_a_compiled_step_returns_what_it_knows_as_tensors_which_count_as_nothing_known(tf):
    known = example()._replace(impossible=(0, 2))
    compiled = tf.function(lambda: known)()
    assert as_log_probs(compiled).not_yet_impossible((0, 2)) == (0, 2)


def test_one_token_is_left_where_it_is_chosen():
    found = only(example(), np.array([2, 0, 4], "int32"), np.array([True, False, True]))
    possible = np.isfinite(found.logits)
    assert possible.sum(axis=1).tolist() == [1, 5, 1]
    assert possible[0, 2]
    assert possible[2, 4]
