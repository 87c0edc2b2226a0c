"""Samples follow the probabilities that their options make."""

import dataclasses

import numpy as np
import pytest
from search_tables import START, random_tables, start_state, table_step

from seqzoo.ops.decoding import noise
from seqzoo.search import ExampleOptions, Greedy, Sample

END, ROWS = 1, 4000


def first_tokens(search, log_probs):
    """The first tokens of many rows with the same distribution `(V,)`, which begins at token 1.

    Padding, which no search generates, is as probable as all others together.
    """
    log_probs = np.append(0.0, log_probs) - np.log(2)

    def step(token_ids, state, memory):
        return np.broadcast_to(np.float32(log_probs), (len(token_ids), len(log_probs))), state

    search = dataclasses.replace(search, max_length=1)
    return np.asarray(search(step, (), (), [START] * ROWS, END).token_ids)[:, 0, 0] - 1


def expected_shares(probabilities, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0):
    """The distribution after the options, in float64."""
    p = np.asarray(probabilities, "float64") ** (1 / temperature)
    p /= p.sum()
    order = np.argsort(-p, kind="stable")
    keep = np.zeros(len(p), bool)
    keep[order[: top_k or None]] = True
    p = np.where(keep, p, 0) / p[keep].sum()
    before = np.cumsum(p[order]) - p[order]
    keep = np.zeros(len(p), bool)
    keep[order[before < top_p]] = True
    p = np.where(keep & (p >= min_p * p.max()), p, 0)
    return p / p.sum()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.5},
        {"temperature": 2.0, "top_k": 3},
        {"top_p": 0.7},
        {"top_k": 4, "top_p": 0.6},
        {"min_p": 0.3},
        {"top_k": 5, "top_p": 0.9, "min_p": 0.4, "temperature": 1.5},
    ],
)
def test_tokens_come_as_often_as_they_are_probable(options):
    probabilities = np.array([0.05, 0.3, 0.1, 0.33, 0.02, 0.2])
    found = first_tokens(Sample(seed=3, **options), np.log(probabilities))
    counts = np.bincount(found, minlength=6)
    expected = ROWS * expected_shares(probabilities, **options)
    assert not counts[expected == 0].any()
    real = expected > 0
    chi_square = ((counts - expected)[real] ** 2 / expected[real]).sum()
    assert chi_square < 25  # of 5 degrees of freedom, exceeded once in 7,000 draws


@pytest.mark.parametrize("top_p", [0.5, 0.999])
def test_the_nucleus_of_a_wide_vocabulary_is_that_of_all_of_it(top_p):
    flat = np.log(expected_shares(np.random.default_rng(0).random(1500) ** 3))
    keep = expected_shares(np.exp(flat), top_p=top_p) > 0
    found = first_tokens(Sample(top_p=top_p), flat)
    assert keep[found].all()
    assert len(set(found.tolist())) > 100


def test_the_most_probable_token_alone_is_greedy():
    tables = random_tables(seed=4, batch=6, vocabulary=7)
    greedy = Greedy(max_length=5)(table_step, start_state(6, 1), tables, START, END)
    sample = Sample(top_k=1, max_length=5)(table_step, start_state(6, 1), tables, START, END)
    np.testing.assert_array_equal(greedy.token_ids, sample.token_ids)
    np.testing.assert_allclose(greedy.scores, sample.scores, rtol=1e-6)


def test_a_row_is_told_by_its_seed_alone():
    tables = random_tables(seed=4, batch=4, vocabulary=7)
    search = Sample(n_samples=2, max_length=5)
    together = search(table_step, start_state(4, 2), tables, START, END)
    seeds = ExampleOptions(seeds=np.array([3, 1], "int32"))
    some = search(table_step, start_state(2, 2), tables[[3, 1]], START, END, seeds)
    np.testing.assert_array_equal(some.token_ids, np.asarray(together.token_ids)[[3, 1]])
    other = dataclasses.replace(search, seed=9)(table_step, start_state(4, 2), tables, START, END)
    assert (np.asarray(other.token_ids) != np.asarray(together.token_ids)).any()


def test_a_row_without_a_possible_token_is_empty():
    tables = np.full((2, 11, 4, 4), -np.inf, "float32")
    tables[0] = np.nan
    found = Sample(max_length=3)(table_step, start_state(2, 1), tables, START, END)
    assert np.asarray(found.lengths).tolist() == [[0], [0]]
    assert np.isneginf(found.scores).all()


def test_noise_is_that_of_a_gumbel_distribution_without_correlation():
    tokens = np.arange(2000, dtype="int32")[None] + np.zeros((50, 1), "int32")
    seeds = np.arange(50, dtype="int32")
    one = np.asarray(noise.gumbel(seeds, 0 * seeds, 0, tokens))
    others = [
        noise.gumbel(seeds, 0 * seeds, 1, tokens),
        noise.gumbel(seeds, 0 * seeds + 1, 0, tokens),
        noise.gumbel(seeds + 1, 0 * seeds, 0, tokens),
        noise.gumbel(seeds, 0 * seeds, 0, tokens + 1),
    ]
    assert one.mean() == pytest.approx(np.euler_gamma, abs=0.02)
    assert one.var() == pytest.approx(np.pi**2 / 6, abs=0.05)
    for other in others:
        assert abs(np.corrcoef(one.ravel(), np.asarray(other).ravel())[0, 1]) < 0.02


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "`temperature` must be positive and finite. Received: tem"),
        ({"temperature": float("nan")}, "`temperature` must be positive"),
        ({"top_k": -1}, "`top_k` must be at least 0"),
        ({"top_p": 0.0}, "`top_p` must be above 0 and at most 1"),
        ({"top_p": 1.5}, "`top_p` must be above 0 and at most 1"),
        ({"min_p": -0.1}, "`min_p` must be from 0 to 1"),
        ({"n_samples": 0}, "`n_samples` must be at least 1"),
        ({"max_length": None}, "`max_length` is not set"),
    ],
)
def test_a_wrong_option_is_named(options, message):
    search = Sample(**{"max_length": 3, **options})
    with pytest.raises(ValueError, match=message):
        search(table_step, start_state(1, 1), random_tables(0, 1, 4), START, END)
