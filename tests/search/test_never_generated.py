"""Padding and the start token come from no search, however probable a step makes them."""

import itertools

import numpy as np
import pytest

from seqzoo.ops.decoding.log_probs import LogProbs, with_values
from seqzoo.search import SEARCHES, BeamSearch, ExampleOptions, Greedy, Sample
from seqzoo.search.constraints import NoRepeatNGram, RepetitionPenalty
from seqzoo.search.step import never_generated

PAD, END, START, LENGTH = 0, 1, 3, 4
# Of each search all the ways in which it ranks.
CASES = {
    "greedy": [{}, {"constraints": (NoRepeatNGram(2), RepetitionPenalty(2.0))}],
    "beam": [
        {"width": 1},
        {"width": 4, "n_best": 4, "stop": "all"},
        {"width": 6, "n_best": 6, "groups": 2, "diversity": 0.5},
        {"width": 3, "n_best": 3, "constraints": (RepetitionPenalty(1.5),)},
    ],
    "sample": [
        {"n_samples": 5},
        {"n_samples": 5, "top_k": 4},
        {"n_samples": 5, "top_p": 0.9},
        {"n_samples": 5, "min_p": 0.001},
    ],
}
SINGLE = [(name, options) for name, cases in CASES.items() for options in cases]


def step_of(logits):
    """A step that gives the same log-probs `(V,)` whatever came before."""

    def step(token_ids, state, memory):
        return np.zeros((len(token_ids), 1), "float32") + np.float32(logits), state

    return step


def search_for(search, logits, rows=5):
    state = np.zeros((rows * search.width, 1), "float32")
    return search_by(step_of(logits), search, state)


def search_by(step, search, state):
    found = search(step, state, (), START, END)
    return np.asarray(found.token_ids), np.asarray(found.lengths), np.asarray(found.scores)


def tempting(vocabulary):
    """Log-probs that are highest by far for padding and the start token."""
    rng = np.random.default_rng(vocabulary)
    logits = rng.normal(size=vocabulary).astype("float32") - 9.0
    logits[[PAD, START]] = -0.7
    return logits


def test_every_search_of_the_registry_is_tested_here():
    assert CASES.keys() == SEARCHES.keys()


@pytest.mark.one_of_each
# 1280 and 1300 tokens are ranked in chunks, once with chunks that lie across rows.
@pytest.mark.parametrize("vocabulary", [6, 1280, 1300])
@pytest.mark.parametrize(("name", "options"), SINGLE)
def test_no_search_generates_padding_or_the_start_token(name, options, vocabulary):
    search = SEARCHES[name](max_length=LENGTH, **options)
    token_ids, lengths, _ = search_for(search, tempting(vocabulary))
    real = np.arange(LENGTH) < lengths[:, :, None]
    assert (lengths[:, 0] > 0).all()
    assert not np.isin(token_ids[real], [PAD, START]).any()
    assert not token_ids[~real].any()


@pytest.mark.one_of_each
@pytest.mark.parametrize("vocabulary", [6, 1280, 1300])
@pytest.mark.parametrize(("name", "options"), SINGLE)
def test_a_step_that_says_they_are_impossible_gives_the_same(name, options, vocabulary):
    search = SEARCHES[name](max_length=LENGTH, **options)
    logits = tempting(vocabulary)
    logits[[PAD, START]] = -np.inf
    state = np.zeros((5 * search.width, 1), "float32")
    plain = step_of(logits)

    def step(token_ids, state, memory):
        values, state = plain(token_ids, state, memory)
        return LogProbs(values, np.zeros(len(values), "float32"), (PAD, START)), state

    expected, result = search_for(search, logits), search_by(step, search, state)
    for one, other in zip(result, expected, strict=True):
        np.testing.assert_array_equal(one, other)


class MakesAllPossible:
    """A constraint that gives padding and the start token a log-prob of 0."""

    def check(self, limits):
        pass

    def __call__(self, log_probs, generated):
        rows = generated.token_ids.shape[0]
        tokens = np.array([[PAD, START]] * rows, "int32")
        every = np.ones((rows, 2), bool)
        return with_values(log_probs, tokens, every, np.zeros((rows, 2), "float32"))


@pytest.mark.parametrize("name", SEARCHES)
def test_no_constraint_brings_them_back(name):
    search = SEARCHES[name](max_length=LENGTH, constraints=(MakesAllPossible(), NoRepeatNGram(3)))
    state = np.zeros((5 * search.width, 1), "float32")

    def step(token_ids, state, memory):
        logits = np.repeat(tempting(6)[None], len(token_ids), axis=0)
        logits[:, [PAD, START]] = -np.inf
        return LogProbs(logits, np.zeros(len(logits), "float32"), (PAD, START)), state

    token_ids, lengths, _ = search_by(step, search, state)
    real = np.arange(LENGTH) < lengths[:, :, None]
    assert real.any()
    assert not np.isin(token_ids[real], [PAD, START]).any()


@pytest.mark.parametrize("vocabulary", [5, 6])
def test_a_wide_beam_finds_the_best_of_all_sequences_of_the_other_tokens(vocabulary):
    logits = tempting(vocabulary)
    others = [token for token in range(vocabulary) if token not in (PAD, START)]
    complete = [
        tokens
        for length in range(1, LENGTH + 1)
        for tokens in itertools.product(others, repeat=length)
        if END not in tokens[:-1] and (tokens[-1] == END or length == LENGTH)
    ]
    scores = sorted(-logits[list(tokens)].mean() for tokens in complete)
    n_best = min(12, len(complete))
    search = BeamSearch(200, n_best, stop="all", max_length=LENGTH)
    token_ids, lengths, found = search_for(search, logits, rows=1)
    np.testing.assert_allclose(-found[0], scores[:n_best], rtol=1e-5)
    sequences = {tuple(ids[:n]) for ids, n in zip(token_ids[0], lengths[0], strict=True)}
    assert sequences <= set(complete)
    assert len(sequences) == n_best


def test_samples_of_the_other_tokens_keep_their_shares():
    probabilities = np.array([0.4, 0.1, 0.06, 0.3, 0.04, 0.1])
    token_ids, *_ = search_for(Sample(max_length=1), np.log(probabilities), rows=4000)
    counts = np.bincount(token_ids[:, 0, 0], minlength=6)
    others = [1, 2, 4, 5]
    expected = 4000 * probabilities[others] / probabilities[others].sum()
    assert counts[[PAD, START]].tolist() == [0, 0]
    assert ((counts[others] - expected) ** 2 / expected).sum() < 17  # 3 degrees: 1 in 1,000


@pytest.mark.parametrize("name", SEARCHES)
def test_where_no_other_token_is_possible_a_sequence_is_empty(name):
    logits = np.full(6, -np.inf)
    logits[[PAD, START]] = -0.7
    _, lengths, scores = search_for(SEARCHES[name](max_length=LENGTH), logits, rows=2)
    assert lengths[:, 0].tolist() == [0, 0]
    assert np.isneginf(scores[:, 0]).all()


@pytest.mark.parametrize("name", SEARCHES)
def test_it_holds_for_a_vocabulary_that_is_unknown_while_tracing(name, tf):
    search = SEARCHES[name](max_length=LENGTH)

    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def run(log_probs):
        wide = tf.repeat(log_probs, search.width, axis=0)
        return search(lambda ids, state, memory: (state, state), wide, (), START, END).token_ids

    token_ids = run(np.stack([tempting(7)] * 3)).numpy()
    assert not (token_ids[:, 0, 0] == START).any()
    assert (token_ids[:, 0, 0] != PAD).all()


def test_the_last_tokens_of_prompts_may_come_again():
    logits = tempting(6)
    found = Greedy(max_length=LENGTH)(
        step_of(logits), (), (), np.array([START, 2], "int32"), END, ExampleOptions()
    )
    assert np.asarray(found.token_ids).tolist() == [[[START] * LENGTH]] * 2


def test_the_end_token_may_come_whatever_it_is():
    assert never_generated(START, END) == (PAD, START)
    assert never_generated(END, END) == (PAD,)
    assert never_generated(START, PAD) == (START,)
    assert never_generated(-1, END) == (PAD,)
    assert never_generated(np.int32(START), np.int64(END)) == (PAD, START)
    assert never_generated(np.array([START, 2]), END) == (PAD,)
    logits = np.log([0.5, 0.4, 0.1])
    state = np.zeros((1, 1), "float32")
    found = Greedy(LENGTH)(step_of(logits), state, (), END, END).token_ids
    assert np.asarray(found).tolist() == [[[END, PAD, PAD, PAD]]]
