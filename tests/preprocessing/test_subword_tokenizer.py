import subprocess
import sys

import pytest
import tensorflow as tf

from seqzoo.preprocessing import SubwordTokenizer, subword

TEXTS = ["lower lowest newer newest wider widest", "low new wide", "￭ ▁ low"] * 5


def adapted(texts=TEXTS, **settings):
    tokenizer = SubwordTokenizer(**settings)
    tokenizer.adapt(texts)
    return tokenizer


@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
def test_both_algorithms_learn_subwords_and_invert(algorithm):
    tokenizer = adapted(algorithm=algorithm, vocabulary_size=25)
    assert tokenizer.vocabulary_size <= 25
    assert any(len(piece) > 2 for piece in tokenizer.vocabulary[4:])
    ids = tokenizer.tokenize(TEXTS[:2])
    assert [t.decode() for t in tokenizer.detokenize(ids).numpy()] == TEXTS[:2]


def test_a_tiny_corpus_gives_a_smaller_vocabulary():
    tokenizer = adapted(["hello world"], vocabulary_size=8000)
    assert 12 <= tokenizer.vocabulary_size < 100
    assert tokenizer.detokenize(tokenizer.tokenize(["world"])).numpy().tolist() == [b"world"]


def test_the_sign_for_a_space_reads_as_a_space():
    tokenizer = adapted()
    ids = tokenizer.tokenize(["low▁new ▁wide"])
    assert tokenizer.detokenize(ids).numpy()[0].decode() == "low new wide"


def test_compatibility_forms_are_replaced_by_default():
    tokenizer = adapted(["ﬁne FINE"], lowercase=True)
    assert tokenizer.normalize(["ﬁne\u00a0FINE"]).numpy().tolist() == [b"fine fine"]


def test_too_small_a_size_says_how_many_characters_there_are():
    with pytest.raises(ValueError, match=r"at least 8: the corpus has 3 distinct .*_size=5"):
        adapted(["ab c"], vocabulary_size=5)
    assert adapted(["ab c"], vocabulary_size=8).vocabulary_size == 8


def test_a_blank_corpus_and_an_unknown_algorithm_are_refused():
    with pytest.raises(ValueError, match="nothing but white space"):
        adapted([" ", ""])
    with pytest.raises(ValueError, match=r"\"unigram\" or \"bpe\". Received: 'wordpiece'"):
        SubwordTokenizer(algorithm="wordpiece")


def test_a_model_with_other_ids_is_refused(tmp_path):
    import sentencepiece

    with open(tmp_path / "m.model", "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(TEXTS), model_writer=file, vocab_size=20, minloglevel=2
        )
    with pytest.raises(ValueError, match="pad 0, unknown 1, start 2, end 3"):
        SubwordTokenizer.load_vocabulary(str(tmp_path / "m.model"))


QUIET = """
from seqzoo.preprocessing import SubwordTokenizer, subword
import os, sys, tensorflow as tf, tensorflow_text
tf.constant(0)  # TensorFlow's own greetings come before
sys.stdout.flush(); sys.stderr.flush()
null = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
os.dup2(null, 1); os.dup2(null, 2)
t = SubwordTokenizer(); t.adapt(["hello world"]); t.detokenize(t.tokenize(["hello"]))
SubwordTokenizer.from_config(t.get_config())
"""


def test_training_and_loading_write_nothing_to_the_console(tmp_path):
    log = tmp_path / "log"
    subprocess.run([sys.executable, "-c", QUIET, str(log)], check=True, capture_output=True)
    assert log.read_text() == ""


def test_a_seed_that_is_set_later_leaves_the_tokenizers_of_two_models_as_they_were():
    one, other = SubwordTokenizer(vocabulary_size=40), SubwordTokenizer(vocabulary_size=40)
    one.adapt(["der mann geht nach hause", "die frau liest ein buch"] * 5)
    other.adapt(["a man walks home", "the woman reads some book"] * 5)
    texts = ["der mann liest", "the man reads"]
    before = [tokenizer.tokenize(texts).to_list() for tokenizer in (one, other)]
    tf.random.set_seed(3)  # clears TensorFlow's kernels
    assert [tokenizer.tokenize(texts).to_list() for tokenizer in (one, other)] == before
    assert one.detokenize(one.tokenize(texts[:1])).numpy().tolist() == [b"der mann liest"]
    assert other.detokenize(other.tokenize(texts[1:])).numpy().tolist() == [b"the man reads"]


@pytest.mark.parametrize("algorithm", ["unigram", "bpe"])
def test_no_part_of_a_very_long_text_is_left_out(algorithm):
    half = "low newer widest " * 100_000  # 1.7 MB
    tokenizer = SubwordTokenizer(40, algorithm)
    tokenizer.adapt(["low", f"{half}жук {half}"])
    assert tokenizer.unknown_id not in tokenizer.tokenize(["жук widest"]).flat_values.numpy()


def test_a_very_long_text_is_trained_on_in_lines_that_end_at_spaces():
    text = "zwei Hunde laufen " * 70_000 + "x" * 10_000 + " Ende"
    parts = list(subword._parts(text))
    assert max(map(len, parts)) <= subword._PART
    assert " ".join(parts).replace("x x", "xx") == text
    words = set(text.split())
    assert {w for part in parts for w in part.split() if set(w) != {"x"}} == {
        w for w in words if set(w) != {"x"}
    }
    assert list(subword._parts(text[:1000])) == [text[:1000]]
