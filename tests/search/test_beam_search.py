"""Beam search against a plain Python beam, against enumeration, and at its edges."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops, tree
from search_reference import brute_force, reference_beam, score
from search_tables import (
    START,
    alignments_of,
    coarse_tables,
    log_probs_after,
    random_tables,
    start_state,
    table_step,
)

from seqzoo.ops.decoding import beams
from seqzoo.search import BeamSearch, ExampleOptions, Greedy

END = 1
PENALTIES = [("none", 1.0), ("average", 1.0), ("average", 0.6), ("gnmt", 0.9)]
STOPS = ["first", "settled", "optimal", "all"]


def run(search, tables, end=END, options=ExampleOptions()):  # noqa: B008
    state = start_state(len(tables), search.width)
    found = search(table_step, state, tables, START, end, options)
    return type(found)(*(np.asarray(part) for part in found))


def sequences(found, row):
    """The token tuples of a row, without the empty places."""
    return [
        tuple(int(token) for token in ids[:length])
        for ids, length in zip(found.token_ids[row], found.lengths[row], strict=True)
        if length
    ]


def assert_same(found, row, expected, search, known=None):
    assert sequences(found, row) == [s.tokens for s in expected]
    missing = search.n_best - len(expected)
    scores = [score(s, search, known) for s in expected]
    np.testing.assert_allclose(found.scores[row], scores + [-np.inf] * missing, rtol=1e-5)
    for place, sequence in enumerate(expected):
        length = len(sequence.tokens)
        np.testing.assert_allclose(
            found.token_log_probs[row, place, :length], sequence.log_probs, rtol=1e-6
        )
        np.testing.assert_array_equal(
            found.alignments[row, place, :length], alignments_of(sequence.tokens)
        )


def assert_clear_behind_ends(found):
    behind = np.arange(found.token_ids.shape[2]) >= found.lengths[..., None]
    assert not found.token_ids[behind].any()
    assert not found.token_log_probs[behind].any()
    assert not found.alignments[behind].any()


@pytest.mark.one_of_each
@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize(("length_penalty", "alpha"), PENALTIES)
@pytest.mark.parametrize(("width", "n_best"), [(1, 1), (3, 2), (9, 9)])
def test_every_option_gives_what_a_plain_beam_gives(width, n_best, length_penalty, alpha, stop):
    for min_length, grain in [(0, 2), (3, 64)]:
        search = BeamSearch(
            width, n_best, length_penalty, alpha, 0.0, stop, min_length, max_length=6
        )
        tables = coarse_tables(seed=width, batch=7, vocabulary=5, grain=grain)
        found = run(search, tables)
        for row, table in enumerate(tables):
            assert_same(found, row, reference_beam(table, END, search), search)
        assert_clear_behind_ends(found)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 10**6),
    batch=st.integers(1, 3),
    vocabulary=st.integers(1, 6),
    width=st.integers(1, 8),
    n_best=st.integers(1, 8),
    penalty=st.sampled_from([*PENALTIES, ("average", -0.5)]),
    stop=st.sampled_from(STOPS),
    max_length=st.integers(1, 6),
    min_length=st.integers(0, 6),
    end=st.integers(0, 5),
    impossible=st.sampled_from([0.0, 0.2, 0.7, 1.0]),
)
def test_any_input_gives_what_a_plain_beam_gives(
    seed, batch, vocabulary, width, n_best, penalty, stop, max_length, min_length, end, impossible
):
    tables = coarse_tables(seed, batch, vocabulary, impossible)
    search = BeamSearch(
        width, min(n_best, width), *penalty, 0.0, stop, min(min_length, max_length), max_length
    )
    found = run(search, tables, end)
    for row, table in enumerate(tables):
        assert_same(found, row, reference_beam(table, end, search), search)
    assert_clear_behind_ends(found)


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_vocabulary_that_is_ranked_in_chunks_gives_what_a_plain_beam_gives(monkeypatch, chunk):
    monkeypatch.setattr(beams, "CHUNK", chunk)
    monkeypatch.setattr(beams, "WIDE_VOCABULARY", 1)
    search = BeamSearch(width=4, n_best=4, stop="optimal", max_length=6)
    tables = coarse_tables(seed=chunk, batch=5, vocabulary=40)
    found = run(search, tables)
    for row, table in enumerate(tables):
        assert_same(found, row, reference_beam(table, END, search), search)


@pytest.mark.one_of_each
@pytest.mark.parametrize("stop", ["optimal", "all"])
@pytest.mark.parametrize(("length_penalty", "alpha"), PENALTIES)
@pytest.mark.parametrize(
    ("vocabulary", "max_length", "width"), [(3, 6, 10), (4, 6, 96), (5, 5, 324), (6, 4, 320)]
)
def test_a_wide_beam_finds_the_best_of_all_sequences(
    vocabulary, max_length, width, length_penalty, alpha, stop
):
    n_best = min(10, max_length)
    for min_length in (0, 4):
        search = BeamSearch(width, n_best, length_penalty, alpha, 0.0, stop, min_length, max_length)
        tables = random_tables(seed=max_length, batch=2, vocabulary=vocabulary)
        found = run(search, tables)
        for row, table in enumerate(tables):
            assert_same(found, row, brute_force(table, END, search), search)


def test_the_widest_beam_finds_the_best_of_all_sequences_of_six_tokens_of_five():
    search = BeamSearch(5120, 10, stop="optimal", max_length=6)
    tables = random_tables(seed=3, batch=1, vocabulary=6)
    assert_same(run(search, tables), 0, brute_force(tables[0], END, search), search)


def test_a_score_is_the_score_of_the_returned_sequence():
    search = BeamSearch(4, 4, "gnmt", 0.7, max_length=9)
    tables = random_tables(seed=5, batch=6, vocabulary=8)
    found = run(search, tables)
    for row, table in enumerate(tables):
        for place, tokens in enumerate(sequences(found, row)):
            log_probs = [log_probs_after(table, tokens[:i])[t] for i, t in enumerate(tokens)]
            penalty = ((5 + len(tokens)) / 6) ** 0.7
            np.testing.assert_allclose(
                found.scores[row, place], sum(log_probs) / penalty, rtol=1e-5
            )
            np.testing.assert_allclose(
                found.token_log_probs[row, place, : len(tokens)], log_probs, rtol=1e-6
            )


def uniform_table(vocabulary, **log_probs):
    """The same log-probs after any history, -1 where not said otherwise."""
    row = np.full((vocabulary,), -1.0, dtype="float32")
    for name, value in log_probs.items():
        row[int(name.removeprefix("t"))] = value
    return np.broadcast_to(row, (1, 11, vocabulary, vocabulary)).copy()


def test_an_end_that_is_always_best_gives_the_end_alone_first():
    found = run(BeamSearch(3, max_length=5), uniform_table(4, t1=-0.1))
    assert sequences(found, 0) == [(END,)]


def test_an_end_that_never_comes_gives_hypotheses_of_max_length():
    tables = uniform_table(4, t1=-np.inf, t2=-0.5)
    found = run(BeamSearch(3, 3, max_length=5), tables)
    assert found.lengths.tolist() == [[5, 5, 5]]
    assert sequences(found, 0)[0] == (2, 2, 2, 2, 2)


def test_equal_hypotheses_come_in_the_order_of_their_token_ids():
    found = run(BeamSearch(4, 4, stop="all", max_length=2), uniform_table(5, t1=-np.inf))
    assert sequences(found, 0) == [(2, 2), (2, 3), (2, 4), (3, 2)]


def test_a_row_without_any_possible_token_has_only_empty_hypotheses():
    tables = np.concatenate([uniform_table(4), np.full((1, 11, 4, 4), -np.inf, "float32")])
    found = run(BeamSearch(2, 2, max_length=4), tables)
    assert len(sequences(found, 0)) == 2
    assert sequences(found, 1) == []
    assert found.scores[1].tolist() == [-np.inf, -np.inf]


def test_a_token_whose_log_prob_is_nan_is_never_chosen():
    found = run(BeamSearch(3, 3, max_length=3), uniform_table(4, t2=np.nan))
    assert not np.isnan(found.scores).any()
    assert all(2 not in tokens for tokens in sequences(found, 0))


@pytest.mark.parametrize("stop", STOPS)
def test_no_step_is_taken_once_every_row_is_finished(stop, tf):  # steps are counted as they run
    steps = []

    def counting_step(token_ids, state, memory):
        steps.append(1)
        return table_step(token_ids, state, memory)

    tables = uniform_table(4, t0=-9.0, t1=-0.1, t2=-9.0, t3=-9.0)
    BeamSearch(2, stop=stop, max_length=20)(counting_step, start_state(1, 2), tables, START, END)
    # (1,) with -0.1 and (2, 1) with -9.1 / 2 have finished after two steps. After t steps the
    # best live one has -9 t, so at most -9 t / 20 in the end: below -9.1 / 2 from t = 11 on.
    assert len(steps) == {"first": 2, "settled": 2, "optimal": 11, "all": 20}[stop]


def test_a_likely_hypothesis_that_is_not_finished_yet_is_waited_for():
    # Token 3 goes on to the fifth step, which ends; the ends before it are poor.
    steps = [[-9.0, -3.0, -9.0, -0.05], *[[-9.0, -5.0, -9.0, -0.01]] * 3, [-9.0, -0.01, -9.0, -9.0]]

    def step(token_ids, state, memory):
        log_probs = ops.take(np.array(steps, "float32"), ops.minimum(state[:, 0], 4), axis=0)
        return log_probs, state + 1

    found = {}
    for stop in STOPS:
        search = BeamSearch(2, stop=stop, max_length=8)
        best = search(step, np.zeros((2, 1), "int32"), (), START, END)
        found[stop] = np.asarray(best.token_ids)[0, 0].tolist()
    assert found["first"] == [3, 1, 0, 0, 0, 0, 0, 0]
    assert found["settled"] == found["optimal"] == found["all"] == [3, 3, 3, 3, 1, 0, 0, 0]


@pytest.mark.parametrize("search", [Greedy(max_length=9), BeamSearch(2, max_length=9)])
def test_no_step_is_computed_for_a_finished_example(search, tf):
    rows = []

    def counting_step(token_ids, state, memory):
        rows.append((len(token_ids), len(memory), *{len(x) for x in tree.flatten(state)}))
        return table_step(token_ids, state, memory)

    later, early = uniform_table(4, t1=-9.0), uniform_table(4, t1=-0.1)
    tables = np.concatenate([later, early, later])
    found = search(counting_step, start_state(3, search.width), tables, START, END)

    width = search.width
    assert rows[0] == (3, 3, 3)  # all hypotheses of an example begin as one
    assert rows[-1] == (2 * width, 2, 2 * width)
    assert len(rows) == 9
    for row, table in enumerate((later, early, later)):
        alone = search(table_step, start_state(1, width), table, START, END)
        np.testing.assert_array_equal(found.token_ids[row], alone.token_ids[0])
        np.testing.assert_array_equal(found.scores[row], alone.scores[0])


def test_the_optimal_rule_stops_when_no_live_hypothesis_can_win():
    steps = []

    def counting_step(token_ids, state, memory):
        steps.append(1)
        return table_step(token_ids, state, memory)

    tables = uniform_table(4, t0=-9.0, t1=-0.1, t2=-9.0, t3=-9.0)
    search = BeamSearch(2, length_penalty="none", stop="optimal", max_length=20)
    search(counting_step, start_state(1, 2), tables, START, END)
    assert len(steps) == 2  # the worst finished one has -9.1, the best live one -18


def test_each_row_may_have_its_own_start_token():
    tables = random_tables(seed=2, batch=3, vocabulary=5)
    search = BeamSearch(2, 2, max_length=5)
    starts = np.array([4, 0, 2])
    together = search(table_step, start_state(3, 2), tables, starts, END)
    for row in range(3):
        alone = search(
            table_step, start_state(1, 2), tables[row : row + 1], starts[row : row + 1], END
        )
        np.testing.assert_array_equal(together.token_ids[row], alone.token_ids[0])


def test_a_state_without_leaves_needs_start_tokens_for_each_row():
    def step(token_ids, state, memory):
        return np.repeat(memory, len(token_ids) // len(memory), axis=0), state

    log_probs = np.log(np.full((2, 4), 0.25, dtype="float32"))
    found = BeamSearch(3, max_length=2)(step, (), log_probs, np.zeros(2, "int32"), END)
    assert found.token_ids.shape == (2, 1, 2)
    assert found.alignments is None
    with pytest.raises(ValueError, match="batch size shows neither"):
        BeamSearch(3, max_length=2)(step, (), log_probs, START, END)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "`width` must be at least 1. Received: width=0"),
        ({"n_best": 0}, "`n_best` must be at least 1"),
        ({"n_best": 6}, "`n_best` must be at most `width`. Received: n_best=6, width=5"),
        ({"length_penalty": "gnm"}, "Unknown `length_penalty` 'gnm'. Did you mean 'gnmt'"),
        ({"stop": "optimum"}, "Unknown `stop` 'optimum'. Did you mean 'optimal'"),
        ({"alpha": float("nan")}, "`alpha` must give a finite positive penalty"),
        ({"alpha": 1000.0}, "`alpha` must give a finite positive penalty"),
        ({"min_length": -1}, "`min_length` must be at least 0"),
        ({"min_length": 9}, "`min_length` must be at most `max_length`"),
        ({"max_length": None}, "`max_length` is not set"),
        ({"max_length": 0}, "`max_length` must be at least 1"),
    ],
)
def test_a_wrong_option_is_named(options, message):
    search = dataclasses.replace(BeamSearch(max_length=8), **options)
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        search(table_step, start_state(1, 5), random_tables(0, 1, 4), START, END)


def test_a_state_that_was_not_made_for_the_width_is_refused():
    tables = random_tables(0, 7, 4)
    with pytest.raises(ValueError, match="7 rows for 1 examples"):
        BeamSearch(5, max_length=8)(table_step, start_state(7, 1), tables, START, END)
    with pytest.raises(ValueError, match="7 rows for 7 examples"):
        BeamSearch(5, max_length=8)(table_step, start_state(7, 1), tables, [START] * 7, END)
