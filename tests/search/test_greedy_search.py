"""Greedy search against a loop in plain Python and against a beam of width 1."""

import numpy as np
import pytest
from search_tables import (
    PAD,
    START,
    alignments_of,
    coarse_tables,
    log_probs_after,
    start_state,
    table_step,
)

from seqzoo.search import BeamSearch, Greedy

END = 1


def run(search, tables):
    found = search(table_step, start_state(len(tables), 1), tables, START, END)
    return type(found)(*(np.asarray(part) for part in found))


def greedy_by_hand(table, max_length):
    """Tokens and log-probs; nothing where the row comes to a dead end."""
    tokens, log_probs = [], []
    while len(tokens) < max_length and END not in tokens:
        following = log_probs_after(table, tokens)
        following[[PAD, START]] = -np.inf
        tokens.append(int(np.argmax(following)))
        log_probs.append(following[tokens[-1]])
    return (tokens, log_probs) if np.isfinite(log_probs).all() else ([], [])


@pytest.mark.parametrize("impossible", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("vocabulary", [2, 5])
def test_greedy_takes_the_best_token_at_every_step(vocabulary, impossible):
    tables = coarse_tables(seed=vocabulary, batch=20, vocabulary=vocabulary, impossible=impossible)
    found = run(Greedy(max_length=6), tables)
    for row, table in enumerate(tables):
        tokens, log_probs = greedy_by_hand(table, max_length=6)
        behind = [0] * (6 - len(tokens))
        assert found.token_ids[row, 0].tolist() == tokens + behind
        assert found.token_log_probs[row, 0].tolist() == log_probs + behind
        assert found.lengths[row, 0] == len(tokens)
        expected = np.mean(log_probs) if tokens else -np.inf
        np.testing.assert_allclose(found.scores[row, 0], expected, rtol=1e-6)
        aligned = found.alignments[row, 0]
        np.testing.assert_array_equal(aligned[: len(tokens)], alignments_of(tokens))
        assert not aligned[len(tokens) :].any()


@pytest.mark.parametrize("impossible", [0.0, 0.3, 0.8])
def test_a_beam_of_one_that_stops_first_equals_greedy(impossible):
    tables = coarse_tables(seed=9, batch=20, vocabulary=6, impossible=impossible)
    greedy = run(Greedy(max_length=7), tables)
    beam = run(BeamSearch(width=1, stop="first", max_length=7), tables)
    for one, other in zip(greedy, beam, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_greedy_takes_no_step_once_every_row_is_finished():
    steps = []

    def counting_step(token_ids, state, memory):
        steps.append(1)
        return table_step(token_ids, state, memory)

    tables = np.full((2, 11, 3, 3), -2.0, dtype="float32")
    tables[..., END] = -0.5
    found = Greedy(max_length=50)(counting_step, start_state(2, 1), tables, START, END)
    assert len(steps) == 1
    assert np.asarray(found.lengths).tolist() == [[1], [1]]


def test_greedy_without_a_maximum_length_is_refused():
    with pytest.raises(ValueError, match="`max_length` is not set"):
        run(Greedy(), coarse_tables(seed=0, batch=1, vocabulary=3))
    with pytest.raises(ValueError, match="`max_length` must be at least 1"):
        run(Greedy(max_length=0), coarse_tables(seed=0, batch=1, vocabulary=3))
