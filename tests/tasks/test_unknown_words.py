"""Words of the source instead of words that the model does not know."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import BEAM, letters_tokenizer, make_language_model, make_translator

from seqzoo import BeamSearch, Greedy, Seq2Seq
from seqzoo.preprocessing import CharacterTokenizer, TextPairs, WordTokenizer
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.unknown_words import UnknownWords, read_dictionary

TEXTS = ["a zebra, b", "", "quagga", "b yak (c)"]
DICTIONARY = {"zebra": "Zebra", "yak": "Grunzochse", ",": ";"}


@pytest.fixture(scope="module")
def translator():
    """One that says the unknown word now and then."""
    task = make_translator(units=16, search=Greedy(max_length=8))
    bias = np.zeros(task.head.vocabulary_size, "float32")
    bias[Tokenizer.unknown_id], bias[Tokenizer.end_id] = 2.0, 0.2
    task.head.bias.assign(bias)
    task.head.kernel.assign(task.head.kernel * 8)
    return task


def by_hand(task, text, generated, dictionary):
    """The words of an answer, each unknown one replaced; without those of the end."""
    source_words = [p.decode() for p in task.preprocessor.source.split([text])[0].numpy()]
    answer = []
    for token, weights in zip(generated.tokens, generated.alignment, strict=True):
        if token == "<unk>":
            word = source_words[int(np.argmax(weights[: len(source_words)]))]
            token = dictionary.get(word.strip("￭"), word)
        answer.append(token)
    return [word for word in answer if word not in ("<start>", "<end>")]  # no text shows these


@pytest.mark.one_of_each
@pytest.mark.parametrize("dictionary", [None, DICTIONARY])
@pytest.mark.parametrize("search", [Greedy(max_length=8), BEAM], ids=["greedy", "beam"])
def test_an_unknown_word_is_the_one_that_it_looked_at(translator, search, dictionary):
    replace = True if dictionary is None else dictionary
    found = translator.generate(TEXTS, search, return_hypotheses=True, replace_unknown=replace)
    plain = translator.generate(TEXTS, search, return_hypotheses=True)
    replaced = 0
    for text, row, before in zip(TEXTS, found, plain, strict=True):
        for each, other in zip(row, before, strict=True):
            assert each.tokens == other.tokens  # these stay as the model gave them
            assert each.score == other.score
            if text:
                answer = tf.ragged.constant(
                    [by_hand(translator, text, each, dictionary or {})], tf.string
                )
                wanted = translator.preprocessor.target._join(answer).numpy()[0].decode()
                assert each.text == wanted
                replaced += each.text != other.text
            else:
                assert each.text == ""
    assert replaced > 2


@pytest.mark.slow
def test_the_exported_graph_replaces_too(translator, tmp_path):
    translator.export(tmp_path / "m", search=BEAM, replace_unknown=DICTIONARY)
    served = tf.saved_model.load(tmp_path / "m/1").signatures["serving_default"]

    found = served(text=tf.constant(TEXTS))["text"].numpy()

    wanted = translator.generate(TEXTS, BEAM, return_hypotheses=True, replace_unknown=DICTIONARY)
    for row, texts in zip(wanted, found, strict=True):
        assert [each.text for each in row] == [text.decode() for text in texts[: len(row)]]
    shown = [each.text for row in wanted for each in row]
    assert any(word in text for word in DICTIONARY.values() for text in shown)


def test_the_source_words_are_at_the_positions_of_the_ids(translator):
    pairs = TextPairs(letters_tokenizer(), letters_tokenizer(), max_source_length=3)
    for preprocessor in (pairs, translator.preprocessor):
        ids, words = preprocessor.source_ids(TEXTS), preprocessor.source_words(TEXTS)
        assert ids.shape == words.shape
        np.testing.assert_array_equal(words == "", (ids == 0) | (ids == Tokenizer.end_id))


def test_what_cannot_be_replaced_is_refused_in_words(translator, tmp_path):
    blind = make_translator("sutskever_2014")
    with pytest.raises(ValueError, match="`replace_unknown` needs a decoder that attends"):
        blind.generate(["a"], replace_unknown=True)
    with pytest.raises(ValueError, match=r"needs words on both sides.*NoneType as the source"):
        make_language_model().generate(["a"], replace_unknown=True)
    letters = CharacterTokenizer(vocabulary=letters_tokenizer().vocabulary)
    parts = {"head": translator.head, "preprocessor": TextPairs(letters, letters_tokenizer())}
    characters = Seq2Seq(translator.encoder, translator.decoder, **parts)
    with pytest.raises(ValueError, match="CharacterTokenizer as the source"):
        characters.export(tmp_path / "m", BeamSearch(2), replace_unknown=True)
    for wrong in ({"a": 3}, {"": "b"}):
        with pytest.raises(ValueError, match="must map words to words"):
            translator.generate(["a"], replace_unknown=wrong)
    with pytest.raises(ValueError, match=r"or a dictionary of words\. Received: 'copy'"):
        translator.generate(["a"], replace_unknown="copy")


def test_a_dictionary_is_normalised_as_the_texts_are(translator):
    composed, decomposed = "Écu", "E\u0301cu"
    vocabulary = letters_tokenizer().vocabulary
    source = WordTokenizer(vocabulary=vocabulary, lowercase=True)
    pairs = TextPairs(source, WordTokenizer(vocabulary=vocabulary))
    task = Seq2Seq(translator.encoder, translator.decoder, pairs, head=translator.head)
    for text in (composed, decomposed):
        for given in (composed, decomposed):
            words = UnknownWords(task, {given: f"{decomposed}s"})
            found = words._translated(pairs.source_words([f"a {text}"])).numpy()[0]
            assert [each.decode() for each in found] == ["a", f"{composed}s", ""]
    UnknownWords(task, {composed: "x", decomposed: "x"})
    with pytest.raises(ValueError, match="one translation of each word"):
        UnknownWords(task, {composed: "x", decomposed: "y"})


def test_a_dictionary_is_read_from_lines(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("Yak\tyak \n\nGrünzeug\tgreens\n", encoding="utf-8")
    assert read_dictionary(path) == {"Yak": "yak", "Grünzeug": "greens"}
    path.write_text("a\u2028b\u00a0\t c \n", encoding="utf-8")  # neither ends a line or a column
    assert read_dictionary(path) == {"a\u2028b\u00a0": "c"}
    path.write_text("one column\n")
    with pytest.raises(
        ValueError, match=r"a word, a tab and its translation\. Received: line 1 of"
    ):
        read_dictionary(path)
