"""What users ask of generation beside an answer: prefixes, constraints, scores, streams."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import BEAM, make_translator, trained_translator

from seqzoo import BeamSearch, Greedy, Sample
from seqzoo.search import PerSource
from seqzoo.search.config import search_from_config, search_to_config
from seqzoo.search.constraints import (
    BannedPhrases,
    BannedTokens,
    FrequencyPenalty,
    NoRepeatNGram,
    SuppressedAtStart,
)

TEXTS = ["a b c", "g", "e e f a", "", "b d"]
BARE_STREAM = Path(__file__).parents[1] / "serving" / "bare_stream.py"


@pytest.fixture(scope="module")
def translator():
    return trained_translator().task


def test_every_answer_begins_with_its_prefix(translator):
    prefixes = ["a a", "", "c", "g", "d"]
    answers = translator.generate(TEXTS, BEAM, prefixes=prefixes)
    for answer, prefix, text in zip(answers, prefixes, TEXTS, strict=True):
        assert answer.startswith(prefix) or not text
    free = translator.generate(TEXTS, BEAM)
    assert answers[1] == free[1]
    assert translator.generate(TEXTS[:1], BEAM, prefixes=prefixes[:1]) == answers[:1]


def test_constraints_may_be_texts(translator):
    search = Greedy(8, (BannedPhrases(("b a", "d")), BannedTokens(("g",))))
    said = translator.generate(TEXTS, search)
    by_ids = Greedy(8, (BannedPhrases(((5, 4), (7,))), BannedTokens((10,))))
    assert said == translator.generate(TEXTS, by_ids)
    assert not any("b a" in text or "d" in text or "g" in text for text in said)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prefixes": ["a"]}, "`prefixes` must be a list with a text for each of the 2 inputs"),
        ({"prefixes": "ab"}, "`prefixes` must be a list with a text"),
        (
            {"prefixes": ["a", "zz"]},
            "`prefixes` must hold tokens of the vocabulary. Received: 'zz'",
        ),
        ({"prefixes": ["a " * 9, ""]}, "`prefixes` must be at most `max_length` long"),
        (
            {"prefixes": ["a b", ""], "search": Greedy(8, (BannedTokens(("b",)),))},
            "`prefixes` and `constraints` contradict each other: 'a b'",
        ),
        (
            {"prefixes": ["a b", ""], "search": Greedy(8, (SuppressedAtStart(("a",)),))},
            "contradict each other",
        ),
        (
            {"prefixes": ["c a b", ""], "search": Greedy(8, (BannedPhrases(("a b",)),))},
            "contradict each other",
        ),
        ({"search": Greedy(8, (BannedPhrases(("a zz",)),))}, "whose token 2 is not known"),
        ({"search": Greedy(8, (BannedTokens(("a b",)),))}, "texts of one token. Received: 'a b'"),
        ({"search": Greedy(2, (BannedPhrases(("a b c",)),))}, "at most `max_length` long"),
    ],
)
def test_what_cannot_be_met_is_refused_in_words(translator, options, message):
    with pytest.raises(ValueError, match=message):
        translator.generate(["a", "b"], **{"search": Greedy(8), **options})


def test_a_sample_hangs_on_the_place_in_the_list_and_not_on_the_batch(translator):
    search = Sample(n_samples=3, seed=5, max_length=8)
    together = translator.generate(TEXTS, search, return_hypotheses=True)
    alone = translator.generate(TEXTS, search, return_hypotheses=True, batch_size=1)
    for one, other in zip(together, alone, strict=True):
        assert [each.tokens for each in one] == [each.tokens for each in other]
    same = translator.generate(["a b c"] * 9, Sample(seed=5, max_length=8))
    assert len(set(same)) > 1


def test_a_score_is_what_the_search_gave_its_answer(translator):
    found = translator.generate(TEXTS[:3], BEAM, return_hypotheses=True)
    pairs = [(text, row[0].text) for text, row in zip(TEXTS[:3], found, strict=True)]
    scored = translator.score(pairs, batch_size=2)
    for one, (other, *_) in zip(scored, found, strict=True):
        assert one.tokens == other.tokens
        np.testing.assert_allclose(one.token_log_probs, other.token_log_probs, 1e-3, 1e-4)
        assert one.score == pytest.approx(one.token_log_probs.sum(), rel=1e-5)
    assert translator.score([]) == []
    with pytest.raises(ValueError, match="pairs of an input and its target"):
        translator.score(["a b"])
    with pytest.raises(ValueError, match="`batch_size` must be at least 1"):
        translator.score(pairs, batch_size=0)


@pytest.mark.parametrize(
    "search", [Greedy(8), Sample(seed=2, max_length=8, constraints=(NoRepeatNGram(1),))]
)
def test_a_stream_grows_to_the_generated_answer(translator, search):
    partial = list(translator.stream(TEXTS, search))
    assert partial[-1] == translator.generate(TEXTS, search)
    for before, after in itertools.pairwise(partial):
        assert all(new.startswith(old) for old, new in zip(before, after, strict=True))
    assert list(translator.stream([], search)) == []


@pytest.mark.parametrize("search", [BEAM, Sample(n_samples=2, max_length=8)])
def test_a_search_that_may_change_its_mind_streams_nothing(translator, search):
    with pytest.raises(ValueError, match="A stream needs a search that never takes back"):
        translator.stream(TEXTS, search)


def test_a_bare_process_streams_what_is_generated(translator, tmp_path):
    search = Greedy(8, (NoRepeatNGram(2),))
    translator.export(tmp_path, search, streaming=True)
    command = [sys.executable, "-I", str(BARE_STREAM), str(tmp_path / "1")]
    lines = "\n".join(TEXTS).encode()
    done = subprocess.run(command, input=lines, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    partial = [line.split("\t") for line in done.stdout.decode().removesuffix("\n").split("\n")]
    assert partial == [list(texts) for texts in translator.stream(TEXTS, search)]


def test_a_task_keeps_the_whole_search_in_its_config():
    search = BeamSearch(
        4,
        max_length=PerSource(2.0, 3),
        constraints=(BannedPhrases(((5, 6), (7,))), FrequencyPenalty(0.5)),
    )
    assert search_from_config(search_to_config(search)) == search
    task = make_translator("sutskever_2014", search=search)
    assert type(task).from_config(task.get_config()).search == search


def test_a_length_may_hang_on_the_source(translator):
    search = Greedy(PerSource(1.0, -1))  # without the end token
    found = translator.generate(["a b c", "g"], search, return_hypotheses=True)
    assert [len(row[0].tokens) <= most for row, most in zip(found, (3, 1), strict=True)] == [1, 1]
    inputs = tf.constant([[4, 5, 3], [4, 3, 0]])
    lengths = translator.hypotheses(inputs, BeamSearch(2, min_length=PerSource(1.0, 2))).lengths
    assert lengths.numpy()[0, 0] >= 5
    assert lengths.numpy()[1, 0] >= 4
