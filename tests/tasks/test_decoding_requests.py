"""What users ask of generation beside an answer: prefixes, constraints, scores, streams."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from tiny_tasks import BEAM, letters_tokenizer, make_translator, trained_translator

from seqzoo import BeamSearch, Greedy, Sample, Seq2Seq, zoo
from seqzoo.ops.decoding.log_probs import only
from seqzoo.preprocessing import ByteTokenizer, TextPairs, WordTokenizer
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search import PerSource, search_from_config, search_to_config
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


@pytest.mark.usefixtures("eagerly")
def test_every_answer_begins_with_its_prefix(translator):
    prefixes = ["a a", "", "c", "g", "d"]
    answers = translator.generate(TEXTS, BEAM, prefixes=prefixes)
    for answer, prefix, text in zip(answers, prefixes, TEXTS, strict=True):
        assert answer.startswith(prefix) or not text
    free = translator.generate(TEXTS, BEAM)
    assert answers[1] == free[1]
    assert translator.generate(TEXTS[:1], BEAM, prefixes=prefixes[:1]) == answers[:1]


@pytest.mark.usefixtures("eagerly")
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


def test_a_sample_depends_on_the_index_in_the_list_and_not_on_the_batch(translator):
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


def test_a_long_target_is_scored_whole(translator):
    short = Seq2Seq(
        translator.encoder,
        translator.decoder,
        TextPairs(letters_tokenizer(), letters_tokenizer(), max_target_length=4),
        head=translator.head,
    )
    long = "a b c d e f g a b"
    (scored,) = short.score([("c b", long)])
    assert scored.tokens == [*long.split(), "<end>"]
    (whole,) = translator.score([("c b", long)])
    np.testing.assert_allclose(scored.token_log_probs, whole.token_log_probs, rtol=1e-5)
    x, y, _ = translator.preprocessor(["c b"], [long])
    log_probs = tf.nn.log_softmax(translator(x))
    expected = tf.gather(log_probs, y, batch_dims=2).numpy()[0]
    np.testing.assert_allclose(scored.token_log_probs, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"A list of texts is needed\. Received 3 at index 1"):
        short.score([("a", "b"), ("a", 3)])


class Spelled(NamedTuple):
    """A constraint that lets a model generate given tokens alone."""

    token_ids: tuple[int, ...]

    def check(self, limits):
        assert limits.max_length >= len(self.token_ids)

    def __call__(self, log_probs, generated):
        ids = ops.convert_to_tensor(np.array(self.token_ids, "int32"))
        following = ops.take(ids, ops.minimum(generated.length, len(self.token_ids) - 1))
        return only(log_probs, following, ops.ones_like(following, dtype="bool"))


@pytest.mark.parametrize(
    "spelled",
    [
        "aé€😀b".encode(),  # characters of 1 to 4 bytes
        b"\xf0\x9f\x98x\xc3\xa9",  # one that stays incomplete, and one that does not
        b"\xff\xfe\xe2\x82\xac",  # bytes that are never part of any
        "é😀".encode()[:-1],  # the end of the text comes within one
    ],
)
@pytest.mark.usefixtures("eagerly")
def test_no_half_character_is_streamed(spelled):
    byte = ByteTokenizer(normalization=None)
    task = zoo.luong_2015(
        ByteTokenizer(normalization=None), byte, units=4, layers=1, embedding_dim=3, dropout=0.0
    )
    ids = (*(4 + each for each in spelled), Tokenizer.end_id)
    search = Greedy(len(ids), (Spelled(ids),))
    partial = [texts[0] for texts in task.stream(["x"], search)]
    assert partial[-1] == task.generate(["x"], search)[0]
    assert partial[-1] == byte.detokenize([ids]).numpy()[0].decode()
    assert all(after.startswith(before) for before, after in itertools.pairwise(partial))
    assert len(partial) == len(ids)
    assert any(partial[:-1])  # it is shown before it ends


def test_constraints_and_prefixes_are_normalised_as_texts_are():
    composed, decomposed = "é", "e\u0301"
    vocabulary = ["", "<unk>", "<start>", "<end>", composed, "b"]
    tokenizers = [WordTokenizer(vocabulary=vocabulary) for _ in range(2)]
    task = zoo.sutskever_2014(*tokenizers, units=4, layers=1, embedding_dim=3)
    for constraint, ids in (
        (BannedTokens((decomposed,)), BannedTokens((4,))),
        (SuppressedAtStart((decomposed,)), SuppressedAtStart((4,))),
        (BannedPhrases((f"b {decomposed}",)), BannedPhrases(((5, 4),))),
    ):
        assert task.complete(Greedy(5, (constraint,))).constraints == (ids,)
    (answer,) = task.generate(["b"], Greedy(3), prefixes=[decomposed])
    assert answer.startswith(composed)


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
    with pytest.raises(ValueError, match="A stream needs a search that never changes"):
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
