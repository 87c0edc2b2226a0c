"""Constraints, coverage, groups and lengths of each row: against a plain beam and enumeration."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from search_reference import brute_force, next_log_probs, reference_beam, row_of
from search_tables import SOURCE, START, coarse_tables, random_tables, start_state, table_step
from test_beam_search import END, PENALTIES, STOPS, assert_same, run, sequences

from seqzoo.ops.decoding.log_probs import LogProbs, written_out
from seqzoo.search import BeamSearch, ExampleOptions, Greedy, PerSource, Sample
from seqzoo.search.constraints import (
    CONSTRAINTS,
    BannedPhrases,
    BannedTokens,
    ForcedEnd,
    FrequencyPenalty,
    GeneratedTokens,
    NoRepeatNGram,
    RepetitionPenalty,
    SuppressedAtStart,
)
from seqzoo.search.constraints.changes import constrained

LENGTH = 6
CASES = {
    "no_repeat_ngram": [NoRepeatNGram(1), NoRepeatNGram(2), NoRepeatNGram(3)],
    "repetition_penalty": [RepetitionPenalty(1.5)],
    "frequency_penalty": [FrequencyPenalty(0.5), FrequencyPenalty(0.25, presence=0.75)],
    "banned_tokens": [BannedTokens((2,)), BannedTokens(()), BannedTokens((4, 2))],
    "banned_phrases": [BannedPhrases(((2, 3), (3,), (4, 2, 2))), BannedPhrases(())],
    "suppressed_at_start": [SuppressedAtStart((END, 2))],
    "forced_end": [ForcedEnd()],
}
SINGLE = [(constraint,) for cases in CASES.values() for constraint in cases]
TOGETHER = (NoRepeatNGram(2), FrequencyPenalty(0.5), SuppressedAtStart((END,)), ForcedEnd())
ALL = [*SINGLE, TOGETHER]
ONE_OF_EACH = [(cases[0],) for cases in CASES.values()] + [TOGETHER]
some = pytest.mark.parametrize(
    "constraints",
    [each if each in ONE_OF_EACH else pytest.param(each, marks=pytest.mark.slow) for each in ALL],
    ids=str,
)
PREFIXES = np.array([[3, -1, 2], [-1, -1, -1], [2, 2, -1], [4, END, -1], [-1, 3, -1]], "int32")


def known_rows(search, count, prefixes=None):
    """What the reference is told of each row."""
    return [
        row_of(search, prefix=() if prefixes is None else tuple(prefixes[i])) for i in range(count)
    ]


def test_every_constraint_of_the_registry_is_tested_here():
    assert CASES.keys() == CONSTRAINTS.keys()


@some
def test_a_constrained_beam_gives_what_a_plain_beam_gives(constraints):
    tables = coarse_tables(seed=4, batch=5, vocabulary=5, grain=16)
    for width, stop, prefixes in [(3, "first", PREFIXES), (4, "all", None)]:
        search = BeamSearch(
            width, min(width, 3), stop=stop, max_length=LENGTH, constraints=constraints
        )
        found = run(search, tables, options=ExampleOptions(prefix_ids=prefixes))
        for row, known in enumerate(known_rows(search, len(tables), prefixes)):
            expected = reference_beam(tables[row], END, search, known)
            assert_same(found, row, expected, search, known)


@pytest.mark.one_of_each
@pytest.mark.parametrize("stop", ["optimal", "all"])
@some
def test_a_wide_constrained_beam_finds_the_best_of_all_sequences(constraints, stop):
    tables = random_tables(seed=6, batch=2, vocabulary=5)
    penalties = PENALTIES if constraints is TOGETHER else PENALTIES[1:2]
    for penalty in penalties:
        search = BeamSearch(
            324, 7, *penalty, stop=stop, min_length=2, max_length=5, constraints=constraints
        )
        found = run(search, tables)
        for row, table in enumerate(tables):
            assert_same(found, row, brute_force(table, END, search), search)


@some
def test_greedy_and_samples_obey_constraints(constraints):
    tables = random_tables(seed=8, batch=5, vocabulary=5)
    rows = ExampleOptions(prefix_ids=PREFIXES)
    for search in (
        Greedy(max_length=LENGTH, constraints=constraints),
        Sample(n_samples=3, max_length=LENGTH, constraints=constraints),
        Sample(top_k=1, max_length=LENGTH, constraints=constraints),
    ):
        found = run(search, tables, options=rows)
        beam = BeamSearch(1, max_length=LENGTH, constraints=constraints)
        for row, known in enumerate(known_rows(beam, len(tables), PREFIXES)):
            for place, tokens in enumerate(sequences(found, row)):
                for length, token in enumerate(tokens):
                    log_probs = next_log_probs(tables[row], tokens[:length], beam, known, END)
                    np.testing.assert_allclose(
                        found.token_log_probs[row, place, length], log_probs[token], rtol=1e-5
                    )
                    if search.width == 1:
                        assert token == np.argmax(log_probs)


@pytest.mark.one_of_each
@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize("mask", [None, [True, True, False, True]])
def test_a_coverage_penalty_counts_real_source_steps(stop, mask):
    tables = coarse_tables(seed=5, batch=4, vocabulary=5, grain=64)
    masks = None if mask is None else np.array([mask] * 4)
    for width, penalty in [(1, ("none", 1.0)), (3, ("gnmt", 0.8)), (5, ("average", 1.0))]:
        search = BeamSearch(width, width, *penalty, 0.3, stop, 2, max_length=LENGTH)
        found = run(search, tables, options=ExampleOptions(source_mask=masks))
        for row, table in enumerate(tables):
            known = row_of(search, source=mask)
            assert_same(found, row, reference_beam(table, END, search, known), search, known)


def test_a_wide_beam_with_coverage_finds_the_best_of_all_sequences():
    tables = random_tables(seed=9, batch=2, vocabulary=5)
    for stop in ("optimal", "all"):
        search = BeamSearch(324, 9, "gnmt", 0.6, 0.4, stop, max_length=5)
        found = run(search, tables)
        for row, table in enumerate(tables):
            assert_same(found, row, brute_force(table, END, search), search)


@pytest.mark.one_of_each
@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize(("width", "groups"), [(2, 2), (6, 2), (6, 3)])
@pytest.mark.parametrize("diversity", [0.0, 0.375, 5.0])  # exact in binary, as the tables are
def test_groups_give_what_plain_beams_that_avoid_each_other_give(width, groups, diversity, stop):
    tables = coarse_tables(seed=width, batch=5, vocabulary=6, grain=64)
    search = BeamSearch(
        width, width, stop=stop, max_length=LENGTH, groups=groups, diversity=diversity
    )
    found = run(search, tables)
    for row, table in enumerate(tables):
        expected = reference_beam(table, END, search)
        assert_same(found, row, expected, search)
        assert len(set(sequences(found, row))) == len(expected)


def test_a_strong_diversity_gives_other_first_tokens():
    tables = random_tables(seed=1, batch=3, vocabulary=9)
    tables[..., END] = -np.inf
    search = BeamSearch(4, 4, stop="all", max_length=1, groups=4, diversity=100.0)
    found = run(search, tables)
    for row in range(3):
        assert len({tokens[0] for tokens in sequences(found, row)}) == 4


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 10**6),
    batch=st.integers(0, 3),
    vocabulary=st.integers(1, 6),
    shape=st.sampled_from([(1, 1), (2, 1), (4, 2), (6, 2), (7, 1), (3, 3)]),
    penalty=st.sampled_from(PENALTIES),
    coverage_penalty=st.sampled_from([0.0, 0.25]),
    stop=st.sampled_from(STOPS),
    diversity=st.sampled_from([0.0, 0.5]),
    constraints=st.lists(
        st.sampled_from([NoRepeatNGram(2), RepetitionPenalty(2.0), ForcedEnd()]), max_size=2
    ),
    lengths=st.tuples(st.integers(0, 6), st.integers(1, 6)),
    end=st.integers(0, 5),
    impossible=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_any_input_gives_what_a_plain_beam_gives(
    seed,
    batch,
    vocabulary,
    shape,
    penalty,
    coverage_penalty,
    stop,
    diversity,
    constraints,
    lengths,
    end,
    impossible,
):
    tables = coarse_tables(seed, batch, vocabulary, impossible, grain=64)
    width, groups = shape
    search = BeamSearch(
        *(width, width, *penalty, coverage_penalty, stop, 0, 6, groups, diversity),
        constraints=tuple(constraints) if end < vocabulary else (),
    )
    given_rows = ExampleOptions(
        min_length=np.full((batch,), lengths[0]), max_length=np.full((batch,), lengths[1])
    )
    found = run(search, tables, end, given_rows)
    known = row_of(search, min_length=min(lengths), max_length=lengths[1])
    for row, table in enumerate(tables):
        assert_same(found, row, reference_beam(table, end, search, known), search, known)


def test_lengths_may_grow_with_the_source():
    mask = np.array([[True] * 4, [True, False, True, False], [False] * 4])
    tables = random_tables(seed=3, batch=3, vocabulary=5)
    search = BeamSearch(
        3, 3, min_length=PerSource(0.5, 1), max_length=PerSource(1.5, -1, at_most=LENGTH)
    )
    found = run(search, tables, options=ExampleOptions(source_mask=mask))
    limits = [(3, 5), (2, 2), (1, 1)]
    assert found.token_ids.shape[2] == LENGTH
    for row, (shortest, longest) in enumerate(limits):
        known = row_of(
            dataclasses.replace(search, max_length=LENGTH), min_length=shortest, max_length=longest
        )
        assert_same(found, row, reference_beam(tables[row], END, search, known), search, known)
    greedy = run(Greedy(search.max_length), tables, options=ExampleOptions(source_mask=mask))
    assert (greedy.lengths[:, 0] <= [5, 2, 1]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 2}, "`groups` must divide `width`. Received: groups=2, width=5"),
        ({"groups": 0}, "`groups` must be at least 1"),
        ({"diversity": -1.0}, "`diversity` must be at least 0"),
        ({"coverage_penalty": -0.1}, "`coverage_penalty` must be at least 0"),
        ({"coverage_penalty": float("nan")}, "`coverage_penalty` must be at least 0"),
        ({"min_length": PerSource(1.0)}, "`min_length` depends on the source length"),
        ({"max_length": PerSource(1.0)}, "`max_length` is not set"),
        ({"constraints": (NoRepeatNGram(0),)}, "`NoRepeatNGram.n` must be at least 1"),
        ({"constraints": (RepetitionPenalty(0.5),)}, "`RepetitionPenalty.penalty` must be at l"),
        ({"constraints": (FrequencyPenalty(-1.0),)}, "`FrequencyPenalty.frequency` must be at"),
        ({"constraints": (BannedTokens((7,)),)}, "ids of 4 tokens, from 0. Received: 7"),
        ({"constraints": (BannedTokens(("a",)),)}, "must hold token ids where a search is"),
        ({"constraints": (BannedPhrases(((),)),)}, "at least one token each"),
        ({"constraints": (BannedPhrases(((2,) * 9,)),)}, "must be at most `max_length` long"),
        ({"constraints": (SuppressedAtStart((-1,)),)}, "from 0. Received: -1"),
        ({"constraints": (BannedTokens((END,)), ForcedEnd())}, "contradict each other"),
    ],
)
def test_a_wrong_option_is_named(options, message):
    search = dataclasses.replace(BeamSearch(max_length=8), **options)
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        search(table_step, start_state(1, 5), random_tables(0, 1, 4), START, END)


@pytest.mark.one_of_each
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stop", STOPS)
def test_an_example_may_have_a_length_penalty_of_its_own(stop, groups):
    tables = coarse_tables(seed=2, batch=5, vocabulary=5, grain=64)
    search = BeamSearch(4, 4, "gnmt", 0.9, stop=stop, max_length=LENGTH, groups=groups)
    alphas = [0.0, 2.0, np.nan, -0.5, 50.0]
    found = run(search, tables, options=ExampleOptions(alpha=np.array(alphas, "float32")))
    for row, alpha in enumerate([0.0, 2.0, 0.9, -0.5, 10.0]):
        own = dataclasses.replace(search, alpha=alpha)
        assert_same(found, row, reference_beam(tables[row], END, own), own)


def test_an_example_may_have_a_temperature_of_its_own():
    tables = random_tables(seed=2, batch=5, vocabulary=7)
    search = Sample(temperature=0.7, n_samples=2, top_p=0.95, max_length=LENGTH)
    temperatures = np.array([0.2, 3.0, np.nan, 0.0, 1e-9], "float32")
    found = run(search, tables, options=ExampleOptions(temperature=temperatures))
    for row, temperature in enumerate([0.2, 3.0, 0.7, 0.7, 1e-3]):
        own = dataclasses.replace(search, temperature=temperature, seed=row)
        alone = run(own, tables[row : row + 1])
        np.testing.assert_array_equal(found.token_ids[row], alone.token_ids[0])


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(st.permutations(range(len(SINGLE))), st.integers(0, 10**6))
def test_constraints_written_at_once_give_what_they_give_one_by_one(order, seed):
    rng = np.random.default_rng(seed)
    constraints = tuple(SINGLE[place][0] for place in order[:4])
    lengths = rng.integers(0, LENGTH, 6).astype("int32")
    tokens = rng.integers(0, 5, (6, LENGTH)).astype("int32")
    tokens[np.arange(LENGTH) >= lengths[:, None]] = -1
    limits = lengths * 0 + LENGTH
    generated = GeneratedTokens(*map(ops.convert_to_tensor, (tokens, lengths, limits)), END)
    logits = rng.normal(size=(6, 5)).astype("float32")
    log_probs = LogProbs(ops.convert_to_tensor(logits), ops.logsumexp(logits, axis=1))
    one_by_one = log_probs
    for constraint in constraints:
        one_by_one = constraint(one_by_one, generated)

    at_once = constrained(constraints, log_probs, generated)

    np.testing.assert_allclose(written_out(at_once), written_out(one_by_one), rtol=1e-5)


def test_coverage_needs_a_decoder_that_attends():
    def step(token_ids, state, memory):
        return np.zeros((len(token_ids), 4), "float32"), state

    search = BeamSearch(2, coverage_penalty=0.2, max_length=3)
    with pytest.raises(ValueError, match="`coverage_penalty` needs a decoder that attends"):
        search(step, (), (), [START] * 3, END)


def test_the_source_of_the_tables_has_the_length_that_masks_have():
    assert SOURCE == 4
