"""Alignments that never go back, against the definitions, step by step in NumPy."""

import itertools
from functools import partial

import keras
import numpy as np
import pytest
from derivatives import assert_gradients_are_finite_differences, differentiate, randomize

from seqzoo.layers import MonotonicAttention, MonotonicChunkwiseAttention
from seqzoo.ops.monotonic import (
    LOWEST,
    chunk_weights,
    expected_alignment,
    first_chosen,
    next_log_weights,
)

MASK = np.array([[1, 1, 1, 1, 1], [0, 1, 1, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], "bool")
ROWS, STEPS = MASK.shape
RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(ROWS, STEPS))
BEFORE = RNG.dirichlet(np.ones(STEPS), size=ROWS)


def probability_of_choice(scores, readable, start):
    """The probability that each step is chosen from `start` on, tried one after the other."""
    chosen, left = np.zeros(STEPS), 1.0
    onward = [s for s in np.flatnonzero(readable) if s >= start]
    for s in onward:
        p = 1.0 if s == onward[-1] else 1 / (1 + np.exp(-scores[s]))
        chosen[s], left = left * p, left * (1 - p)
    return chosen


def test_expected_alignments_are_those_of_trying_step_by_step():
    found = expected_alignment(SCORES, BEFORE, MASK)
    for row in range(ROWS):
        expected = sum(
            BEFORE[row, start] * probability_of_choice(SCORES[row], MASK[row], start)
            for start in range(STEPS)
        )
        np.testing.assert_allclose(found[row], expected, atol=1e-14)


@pytest.mark.parametrize("height", [60.0, -60.0, 1e4, -1e4])
def test_scores_far_from_zero_leave_sums_and_gradients_finite(height):
    """Where the quotients of the paper are 0 by 0."""
    steps = 40
    scores = np.full((1, steps), height, "float32")
    scores[0, 30] = -height
    before = np.eye(steps, dtype="float32")[:1]
    mask = np.ones((1, steps), bool)
    found = expected_alignment(scores, before, mask)
    want = first_chosen(scores, before, mask)
    np.testing.assert_allclose(found, want, atol=1e-6)


def test_the_first_step_above_zero_is_chosen_or_else_the_last_one():
    starts = np.eye(STEPS)
    for row, start in itertools.product(range(ROWS), range(STEPS)):
        found = first_chosen(SCORES[row : row + 1], starts[start : start + 1], MASK[row : row + 1])
        # The choice is that of probabilities of 0 and 1.
        sure = np.where(SCORES[row] > 0, 500.0, -500.0)
        expected = probability_of_choice(sure, MASK[row], start)
        np.testing.assert_allclose(found[0], expected, atol=1e-14)


@pytest.mark.parametrize("width", [1, 2, 3, 7])
def test_chunks_end_at_the_chosen_step(width):
    alignment = expected_alignment(SCORES, BEFORE, MASK)
    scores = 3 * SCORES[::-1]
    found = chunk_weights(alignment, scores, MASK, width)
    for row in range(ROWS):
        expected = np.zeros(STEPS)
        for end in np.flatnonzero(MASK[row]):
            chunk = [s for s in range(max(0, end + 1 - width), end + 1) if MASK[row, s]]
            shares = np.exp(scores[row, chunk])
            expected[chunk] += np.asarray(alignment)[row, end] * shares / shares.sum()
        np.testing.assert_allclose(found[row], expected, atol=1e-14)


def test_a_chain_that_never_goes_back_has_the_moves_of_its_definition():
    log_weights = np.log(BEFORE)
    found = next_log_weights(SCORES[:3], log_weights[:3], MASK[:3])
    for row in range(3):
        expected = np.zeros(STEPS)
        for i in range(STEPS):
            onward = [j for j in range(i, STEPS) if MASK[row, j]]
            moves = np.exp(SCORES[row, onward])
            expected[onward] += BEFORE[row, i] * moves / moves.sum() if onward else 0
        expected /= expected.sum()
        np.testing.assert_allclose(np.exp(found[row]), expected, atol=1e-14)
    np.testing.assert_allclose(np.sum(np.exp(found), axis=-1), 1.0)


def test_a_chain_that_starts_behind_padding_is_finite():
    start = np.where(np.arange(STEPS) == 0, 0.0, LOWEST)[None].repeat(ROWS, axis=0)
    found = next_log_weights(SCORES.astype("float32"), start.astype("float32"), MASK)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.sum(np.exp(found), axis=-1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("kind", [MonotonicAttention, MonotonicChunkwiseAttention])
def test_gradients_of_the_training_weights_are_finite_differences(kind):
    attention = kind(3, noise=0.0, dtype="float64")
    arguments = {"query": RNG.normal(size=(4, 3, 2)), "memory": RNG.normal(size=(4, STEPS, 3))}
    arguments["mask"] = MASK
    attention(**arguments)
    randomize(attention)
    run, weights = partial(attention, training=True), attention.trainable_variables
    assert_gradients_are_finite_differences(run, arguments, weights)
    for weight, gradient in zip(
        weights, differentiate(run, arguments, weights)[1][2:], strict=True
    ):
        assert np.abs(gradient).max() > 0, weight.path


@pytest.mark.parametrize("kind", [MonotonicAttention, MonotonicChunkwiseAttention])
def test_noise_is_drawn_in_training_only_and_anew_at_every_query(kind):
    attention = kind(3)
    query, values = np.ones((1, 2, 2), "float32"), np.ones((1, 6, 3), "float32")
    weights = attention(query, values)[1]
    np.testing.assert_array_equal(attention(query, values)[1], weights)
    drawn = [np.asarray(attention(query, values, training=True)[1]) for _ in range(2)]
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3
    noise = keras.ops.convert_to_numpy(attention.training_noise(2, 3, attention.memory(values)))
    assert noise.shape == (2, 3, 6)
    assert len(np.unique(noise)) == noise.size


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (MonotonicAttention, {"noise": -1.0}, r"`noise` must be at least 0\. Received: noise=-1"),
        (MonotonicAttention, {"units": 0}, r"`units` must be at least 1\. Received: units=0"),
        (MonotonicChunkwiseAttention, {"chunk_width": 0}, r"`chunk_width` must be at least 1"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**{"units": 3, **options})(np.ones((1, 2, 2)), np.ones((1, 6, 3)))
