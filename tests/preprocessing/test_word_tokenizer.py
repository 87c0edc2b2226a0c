import hypothesis.strategies as st
import pytest
from hypothesis import example, given, settings
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from seqzoo.preprocessing import WordTokenizer
from seqzoo.preprocessing.word import JOINER as J


def adapted(texts, **settings_):
    tokenizer = WordTokenizer(**settings_)
    tokenizer.adapt(texts)
    return tokenizer


def tokens_of(text):
    tokenizer = adapted([text])
    return [tokenizer.vocabulary[i] for i in tokenizer.tokenize([text])[0].numpy()]


def shown(text):
    tokenizer = adapted([text])
    return [t.decode() for t in tokenizer.tokens(tokenizer.tokenize([text]))[0].numpy()]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, world.", f"Hello {J}, world {J}."),
        ("(a) [b]", f"({J} a {J}) [{J} b {J}]"),
        ('say "so" now', f'say "{J} so {J}" now'),
        ("a/b a / b", f"a {J}/{J} b a / b"),
        ("wait... what?!", f"wait {J}. {J}. {J}. what {J}? {J}!"),
        ("3.5 km, 1,000 2.", f"3.5 km {J}, 1,000 2 {J}."),
        ("at 12:30", f"at 12 {J}:{J} 30"),
        ("don't l\u2019eau T-Shirt 3-year-old", "don't l\u2019eau T-Shirt 3-year-old"),
        ("dogs' 'n' - end-", f"dogs {J}' '{J} n {J}' - end {J}-"),
        ("1.a a.1 v3.5b", f"1 {J}.{J} a a {J}.{J} 1 v3.5b"),
        ("50% $5 #1", f"50 {J}% ${J} 5 #{J} 1"),
        ("naïve cafe\u0301", "naïve café"),
        ("😀😀a", f"😀 {J}😀{J} a"),
        (f"{J} a", f"{J} a"),
        (f"x{J}y {J}{J}", f"x {J}{J} {J}y {J} {J}{J}"),
        (f"({J})", f"( {J}{J} {J})"),
    ],
)
def test_text_is_split_as_documented(text, tokens):
    assert tokens_of(text) == tokens.split(" ")


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(alphabet=f"{J}a1é.,'-(\u2019 \n\x00�😀"), min_size=1, max_size=30))
@example([f"{J}", f"{J}{J}", f"{J} {J}", f"a{J}", f"{J}a", f"({J}", f"{J}(", f"a{J}({J}a"])
def test_marks_and_joiners_of_the_text_come_back_exactly(texts):
    tokenizer = adapted(texts)
    got = [t.decode() for t in tokenizer.detokenize(tokenizer.tokenize(texts)).numpy()]
    assert got == [" ".join(text.replace("\x00", "�").split()) for text in texts]


SENTENCES = [
    "Two young, White males are outside near many bushes.",
    'Ein Mann (links) sagt: "Hallo!" und geht; die Frau bleibt.',
    "A man's T-shirt costs $5, or 50% of 1,000 yen; really?",
    "Several men in hard hats are operating a giant pulley system.",
    "Eine Gruppe von Männern lädt Baumwolle auf einen Lastwagen.",
]


def test_split_agrees_with_the_13a_tokenization_of_bleu():
    reference = Tokenizer13a()
    for sentence in SENTENCES:
        assert " ".join(shown(sentence)) == reference(sentence)


def test_lower_case_reaches_beyond_ascii():
    assert adapted(["ÄRGER Ёж"], lowercase=True).vocabulary[4:] == ["ärger", "ёж"]


def test_vocabulary_is_ordered_by_count_and_then_by_token():
    texts = ["b b a c c", "d a e"]
    assert adapted(texts).vocabulary[4:] == ["a", "b", "c", "d", "e"]
    assert adapted([*texts, "e e"]).vocabulary[4:] == ["e", "a", "b", "c", "d"]


def test_rare_tokens_and_those_beyond_the_size_are_unknown():
    texts = ["a a a b b c"]
    assert adapted(texts, min_frequency=2).vocabulary[4:] == ["a", "b"]
    tokenizer = adapted(texts, vocabulary_size=5)
    assert tokenizer.vocabulary_size == 5
    assert tokenizer.tokenize(["a b"]).to_list() == [[4, 1]]
    assert tokenizer.detokenize([[4, 1]]).numpy().tolist() == [b"a <unk>"]


def test_a_vocabulary_of_nothing_but_unknowns_answers_with_unknowns():
    tokenizer = adapted(["a b c"], min_frequency=99)
    assert tokenizer.vocabulary_size == 4
    assert tokenizer.tokenize(["a b", ""]).to_list() == [[1, 1], []]
    assert tokenizer.detokenize([[1, 1, 3]]).numpy().tolist() == [b"<unk> <unk>"]


def test_ids_outside_the_vocabulary_are_unknown():
    assert adapted(["a"]).detokenize([[4, 99]]).numpy().tolist() == [b"a <unk>"]


def test_joiners_that_a_model_puts_beside_one_another_join_once():
    tokenizer = adapted(["(a), b"])
    ids = [tokenizer.vocabulary.index(t) for t in (f"{J})", f"({J}", f"{J},", "b", f"({J}")]
    assert tokenizer.detokenize([ids]).numpy().tolist() == [b") (, b ("]


def test_a_vocabulary_without_the_special_tokens_is_refused():
    with pytest.raises(ValueError, match=r"must begin with \['', '<unk>', '<start>', '<end>'\]"):
        WordTokenizer(vocabulary=["a", "b"])
    with pytest.raises(ValueError, match="must be at least 4"):
        WordTokenizer(vocabulary_size=3)


@pytest.mark.parametrize(
    ("settings", "given", "normal", "text", "ids"),
    [
        ({}, ["cafe\u0301", f"{J}!"], ["café", f"{J}!"], "café!", [4, 5]),
        ({}, ["cafe\u0301", "café"], ["cafe\u0301", "café"], "cafe\u0301", [5]),
        ({"lowercase": True}, ["Étude", "The"], ["étude", "the"], "étude THE", [4, 5]),
        ({"lowercase": True}, ["Étude", "étude"], ["Étude", "étude"], "Étude", [5]),
        ({"normalization": "nfkc"}, ["ﬁn", f"{J}…{J}", J], ["fin", f"{J}...{J}", J], "fin", [4]),
        ({"normalization": None}, ["cafe\u0301"], ["cafe\u0301"], "cafe\u0301", [4]),
    ],
)
def test_given_tokens_are_normalised_as_texts_are(settings, given, normal, text, ids):
    special = ["", "<unk>", "<start>", "<end>"]
    tokenizer = WordTokenizer(vocabulary=special + given, **settings)
    assert tokenizer.vocabulary == special + normal
    assert tokenizer.tokenize([text]).to_list() == [ids]
    saved = tokenizer.get_config() | {"vocabulary": special + given}
    assert WordTokenizer.from_config(saved).vocabulary == special + given
