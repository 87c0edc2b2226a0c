"""Generation by a translator that has learned to reverse letters, more or less."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import BEAM, make_translator, reversal_pairs, trained_translator

from seqzoo import BeamSearch, Greedy, Seq2Seq
from seqzoo.search.constraints import BannedTokens
from seqzoo.tasks import generation
from seqzoo.tasks.request import batches_of_like_length

TEXTS = ["a b c", "g", "e e f a", "b d"]


@pytest.fixture(scope="module")
def translator():
    return trained_translator().task


@pytest.fixture
def traces(monkeypatch):
    """Counts how often the graph of a translator is traced."""
    counted = []
    encode = Seq2Seq.encode

    def counting(self, inputs):
        counted.append(inputs.shape)
        return encode(self, inputs)

    monkeypatch.setattr(Seq2Seq, "encode", counting)
    return counted


def test_the_search_of_the_task_answers_every_input_in_order(translator):
    answers = translator.generate(TEXTS)

    assert answers[1] == "g"
    assert [type(answer) for answer in answers] == [str] * 4
    assert answers == [translator.generate([text])[0] for text in TEXTS]


def test_the_n_best_come_with_scores_tokens_and_alignments(translator):
    found = translator.generate(TEXTS, search=BEAM, return_hypotheses=True)

    assert [len(row) for row in found] == [3] * 4
    assert translator.generate(TEXTS, search=BEAM) == [row[0].text for row in found]
    for text, row in zip(TEXTS, found, strict=True):
        scores = [each.score for each in row]
        assert scores == sorted(scores, reverse=True)
        assert len({tuple(each.tokens) for each in row}) == 3
        source = len(text.split()) + 1
        for each in row:
            length = len(each.tokens)
            assert each.tokens[-1] == "<end>" or length == 8
            assert each.text == " ".join(token for token in each.tokens if token != "<end>")
            assert each.token_log_probs.shape == (length,)
            assert each.score == pytest.approx(each.token_log_probs.sum() / length, rel=1e-5)
            assert each.alignment.shape[0] == length
            np.testing.assert_allclose(each.alignment[:, :source].sum(axis=1), 1, rtol=1e-5)


def test_scores_are_those_of_the_model_on_its_own_answer(translator):
    (best, *_) = translator.generate(["c a d"], search=BEAM, return_hypotheses=True)[0]
    x, y, _ = translator.preprocessor(["c a d"], [best.text])
    log_probs = tf.nn.log_softmax(translator(x)).numpy()[0]

    wanted = log_probs[np.arange(y.shape[1]), y.numpy()[0]]

    np.testing.assert_allclose(best.token_log_probs, wanted, rtol=1e-3, atol=1e-4)


def test_a_beam_of_width_one_is_greedy(translator):
    texts = [source for source, _ in reversal_pairs(30, seed=5)]
    narrow = translator.generate(texts, BeamSearch(width=1, max_length=8), return_hypotheses=True)
    greedy = translator.generate(texts, return_hypotheses=True)

    for (one,), (other,) in zip(narrow, greedy, strict=True):
        assert one.tokens == other.tokens
        assert one.score == pytest.approx(other.score, rel=1e-4)


def test_a_graph_is_traced_once_for_all_batches(translator, traces):
    search = Greedy(max_length=5)
    translator.generate(["a b"], search=search)
    assert len(traces) == 1

    translator.generate(["a b c d", "e"], search=Greedy(max_length=5))
    translator.generate([source for source, _ in reversal_pairs(9)], search=search, batch_size=4)
    translator.generate([], search=search)

    assert len(traces) == 1


def test_a_request_is_tokenised_and_completed_once(translator, monkeypatch):
    source, target = translator.preprocessor.source, translator.preprocessor.target
    texts, completed = {"source": 0, "target": 0}, []

    def count(side, tokenizer):
        tokenize = tokenizer.tokenize

        def counting(strings):  # in a graph as well: what runs is counted, not what is traced
            def seen(strings):
                texts[side] += len(strings)
                return strings

            strings = tf.convert_to_tensor(strings)
            return tokenize(tf.ensure_shape(tf.numpy_function(seen, [strings], tf.string), [None]))

        monkeypatch.setattr(tokenizer, "tokenize", counting)

    complete = generation.complete_search

    def completing(*arguments):
        completed.append(arguments)
        return complete(*arguments)

    monkeypatch.setattr(generation, "complete_search", completing)
    count("source", source)
    count("target", target)
    search = Greedy(max_length=7, constraints=(BannedTokens(("g",)),))
    many = [text for text, _ in reversal_pairs(9)]

    answers = translator.generate(many, search, batch_size=4, prefixes=["a", *[""] * 8])

    assert len(answers) == 9
    assert texts == {"source": 9, "target": 1 + 9}  # the banned token, and the prefixes
    assert len(completed) == 1


def test_training_further_changes_the_answers(translator):
    task = make_translator(units=16, search=Greedy(max_length=8))
    before = task.generate(["a b"], return_hypotheses=True)[0][0].score

    task.set_weights(translator.get_weights())

    after = task.generate(["a b"], return_hypotheses=True)[0][0].score
    assert after == translator.generate(["a b"], return_hypotheses=True)[0][0].score != before


@pytest.mark.parametrize(
    ("max_target_length", "search", "wanted"),
    [(None, None, 128), (6, None, 6), (6, Greedy(), 6), (6, Greedy(max_length=9), 9)],
)
def test_the_longest_answer_is_what_search_or_preprocessor_say(max_target_length, search, wanted):
    task = make_translator(max_target_length=max_target_length)
    task.head.bias.assign(np.eye(11)[3] * 50)  # the end comes at once
    found = task.hypotheses(tf.constant([[4, 5, 3]]), search)
    assert found.token_ids.shape == (1, 1, wanted)
    assert found.token_ids.numpy()[0, 0, :2].tolist() == [3, 0]


def test_a_decoder_without_attention_gives_no_alignment():
    task = make_translator("sutskever_2014", search=Greedy(max_length=4))
    ((found,),) = task.generate(["a b"], return_hypotheses=True)
    assert found.alignment is None
    assert 1 <= len(found.tokens) <= 4


def test_blank_texts_give_blank_answers(translator):
    blank = ["", " ", "\t\n", "\u3000\u00a0", b" \r\n"]
    assert translator.generate([*blank, "g"]) == [*[""] * 5, "g"]
    assert [row[0].text for row in translator.generate(blank, return_hypotheses=True)] == [""] * 5


def test_odd_texts_get_answers_and_leave_the_others_alone(translator):
    odd = ["🎉🏳️‍🌈", b"\xff a \xc3", "zzz ¿?", "\x00", "\ud800 b", "a" * 5000, "a b " * 5000]
    wanted = translator.generate(TEXTS)

    answers = translator.generate([*odd[:4], *TEXTS, *odd[4:]])

    assert answers[4:8] == wanted
    assert all(isinstance(answer, str) for answer in answers)


def test_no_texts_give_no_answers(translator):
    assert translator.generate([]) == []
    assert translator.generate([], return_hypotheses=True) == []


@pytest.mark.parametrize(
    "form", [tuple, iter, np.array, tf.constant, lambda texts: [text.encode() for text in texts]]
)
def test_texts_come_in_any_form(translator, form):
    assert translator.generate(form(TEXTS)) == translator.generate(TEXTS)


@pytest.mark.parametrize(
    ("inputs", "settings", "message"),
    [
        ("a b", {}, "A list of texts is needed. Received one text: 'a b'"),
        (b"a b", {}, "Received one text: b'a b'"),
        (["a", None], {}, "A list of texts is needed. Received None at index 1"),
        ([["a"]], {}, r"Received \['a'\] at index 0"),
        (["a"], {"batch_size": 0}, "`batch_size` must be at least 1. Received: batch_size=0"),
    ],
)
def test_what_is_no_list_of_texts_is_refused_in_words(translator, inputs, settings, message):
    with pytest.raises(ValueError, match=message):
        translator.generate(inputs, **settings)


def test_a_task_without_preprocessor_searches_on_ids_alone(translator):
    task = Seq2Seq(translator.encoder, translator.decoder, head=translator.head)
    ids = translator.preprocessor.source_ids(["a b c"])

    found = task.hypotheses(ids, Greedy(max_length=8))

    wanted = translator.hypotheses(ids)
    np.testing.assert_array_equal(found.token_ids, wanted.token_ids)
    with pytest.raises(ValueError, match="`generate` needs a preprocessor"):
        task.generate(["a b c"])


def test_the_served_answer_is_the_generated_one_blank_texts_too(translator):
    served = translator.serve(tf.constant([*TEXTS, "  "]), BEAM)

    found = translator.generate(TEXTS, search=BEAM, return_hypotheses=True)
    texts = [[each.text for each in row] for row in found]
    assert np.char.decode(served["text"].numpy().astype(bytes)).tolist() == [*texts, [""] * 3]
    scores = [[each.score for each in row] for row in found]
    np.testing.assert_allclose(served["scores"][:4], scores, rtol=1e-5)


def test_inputs_of_like_length_are_batched_and_long_ones_in_few_rows():
    lengths = np.array([3, 2000, 5, 1, 300, 4, 40_000, 2, 300])

    batches = [places.tolist() for places in batches_of_like_length(lengths, batch_size=4)]

    assert sorted(place for places in batches for place in places) == list(range(9))
    flat = [lengths[place] for places in batches for place in places]
    assert flat == sorted(flat)
    assert batches[0] == [3, 7, 0, 5]
    assert all(
        len(places) == 1 or len(places) * lengths[places].max() <= 4 * 256 for places in batches
    )
