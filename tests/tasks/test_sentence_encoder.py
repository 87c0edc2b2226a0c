"""Texts become vectors: means of their real steps, whatever stands beside them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo.encoders import BlockEncoder
from seqzoo.layers import make_blocks
from seqzoo.preprocessing import LabelledText, WordPieceTokenizer
from seqzoo.tasks.sentence_encoder import SentenceVectors

PIECES = ["[SEP]", "[PAD]", "[CLS]", "[UNK]", *"abcde", "##b"]
TEXTS = ["a b c", "", "ab", "A É d e", "z"]


def make(normalize=True):
    keras.utils.set_random_seed(2)
    tokenizer = WordPieceTokenizer(PIECES, [1, 3, 2, 0], [2], [0], max_length=5)
    blocks = make_blocks(6, 1, num_heads=2, norm_position="after")
    encoder = BlockEncoder(10, 6, blocks, "learned", max_length=5, embedding_norm=True)
    return sz.SentenceEncoder(encoder, LabelledText(tokenizer), SentenceVectors(normalize))


def test_ids_are_those_of_seqzoo_and_the_original_ones_are_at_hand():
    tokenizer = make().preprocessor.tokenizer
    ids = tokenizer.tokenize(TEXTS)
    assert [tokenizer.original(row).tolist() for row in ids.to_list()] == [
        [2, 4, 5, 6, 0],
        [2, 0],
        [2, 4, 9, 0],
        [2, 4, 8, 7, 0],
        [2, 3, 0],
    ]
    assert ids.to_list()[2] == [2, 4, 9, 3]
    assert tokenizer.tokenize(["a b c d e"]).to_list() == [[2, 4, 5, 6, 3]]
    np.testing.assert_array_equal(
        tokenizer.from_original(tokenizer.original_ids), np.arange(len(PIECES))
    )
    assert tokenizer.detokenize(ids).numpy().tolist() == [b"a b c", b"", b"ab", b"a e d", b"<unk>"]


@pytest.mark.parametrize("normalize", [True, False])
def test_a_vector_is_the_mean_of_real_steps(normalize):
    task = make(normalize)
    vectors = task.encode(TEXTS, batch_size=2)
    for text, vector in zip(TEXTS, vectors, strict=True):
        ids = task.preprocessor.tokenizer.tokenize([text]).to_tensor()
        mean = task.encoder(ids).outputs[0].numpy().astype("float64").mean(0)
        expected = mean / np.linalg.norm(mean) if normalize else mean
        np.testing.assert_allclose(vector, expected, atol=1e-6)


@pytest.mark.slow
def test_it_is_saved_and_exported(tmp_path):
    task = make()
    expected = task.encode(TEXTS)
    task.save(tmp_path / "task.keras")
    np.testing.assert_allclose(sz.load(tmp_path / "task.keras").encode(TEXTS), expected, atol=1e-6)
    task.limits = sz.preprocessing.Limits(source_bytes=4)
    task.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served" / "1"))
    found = served.signatures["serving_default"](text=tf.constant(TEXTS))["embedding"]
    is_read = [len(text.encode()) <= 4 for text in TEXTS]
    np.testing.assert_allclose(found, expected * np.array(is_read)[:, None], atol=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_its_encoder_is_fine_tuned_in_a_classifier():
    task = make()
    text = LabelledText(task.preprocessor.tokenizer, ["no", "yes"])
    classifier = sz.Classifier(task.encoder, text, pooling="mean")
    before = task.encode(TEXTS)
    classifier.compile(run_eagerly=True)
    classifier.fit([("a b", "yes"), ("c d", "no")], batch_size=2, epochs=1, verbose=0)
    assert np.abs(make().encode(TEXTS) - before).max() < 1e-6
    assert np.abs(sz.SentenceEncoder(task.encoder, text).encode(TEXTS) - before).max() > 1e-5


def test_what_does_not_fit_is_refused():
    task = make()
    with pytest.raises(ValueError, match="not trained as one"):
        task.fit(["a"])
    encoder = BlockEncoder(9, 6, make_blocks(6, 1, num_heads=2))
    with pytest.raises(ValueError, match="vocabulary_size=10"):
        sz.SentenceEncoder(encoder, task.preprocessor)
    with pytest.raises(ValueError, match="one text"):
        task.encode("a")
