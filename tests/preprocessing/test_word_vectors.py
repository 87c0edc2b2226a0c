"""Vectors of words from plain text, beside a plain program over all pairs."""

import keras
import numpy as np
import pytest

from seqzoo.preprocessing import (
    TokenLookup,
    WhitespaceTokenizer,
    assign_vectors,
    cooccurrence_vectors,
    with_tokens_of,
)

TEXTS = ["a b c d", "b c a", "d", "a b b d c a", "e a unknown b"]


def make_tokenizer():
    tokenizer = WhitespaceTokenizer()
    tokenizer.adapt(["a b c d e f"])
    return tokenizer


def information(tokenizer, window):
    """Positive pointwise mutual information of a token and one before it, or one after it."""
    ids = {token: place for place, token in enumerate(tokenizer.vocabulary)}
    size = len(ids)
    counts = np.zeros((size, 2 * size))
    for text in TEXTS:
        places = [ids.get(token) for token in text.split()]
        for i, one in enumerate(places):
            for j, other in enumerate(places):
                near = i != j and abs(i - j) <= window
                if near and one is not None and other is not None:
                    counts[one, other + (size if j > i else 0)] += 1 / abs(i - j)
    contexts = counts.sum(axis=0) ** 0.75
    expected = counts.sum(axis=1)[:, None] * contexts / contexts.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(counts > 0, np.maximum(np.log(counts / expected), 0), 0)


@pytest.mark.parametrize("window", [1, 3])
def test_angles_between_vectors_are_those_of_the_information(window):
    tokenizer = make_tokenizer()
    size = tokenizer.vocabulary_size
    vectors = cooccurrence_vectors(tokenizer, TEXTS, dim=size, window=window)

    left, values, _ = np.linalg.svd(information(tokenizer, window))
    wanted = left[:, :size] * np.sqrt(values[:size])
    met = [tokenizer.vocabulary.index(token) for token in "abcde"]
    wanted = wanted[met] / np.linalg.norm(wanted[met], axis=1, keepdims=True)
    np.testing.assert_allclose(
        vectors[met] @ vectors[met].T / size, wanted @ wanted.T, rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(np.linalg.norm(vectors[met], axis=1), size**0.5, rtol=1e-5)


def test_what_was_not_met_gets_random_numbers_and_padding_zeros():
    tokenizer = make_tokenizer()
    vectors = cooccurrence_vectors(tokenizer, ["a", "b"], dim=5)
    assert (vectors[0] == 0).all()
    assert vectors[1:].any(axis=1).all()
    np.testing.assert_array_equal(vectors, cooccurrence_vectors(tokenizer, ["b", "c"], dim=5))


@pytest.mark.parametrize("wrong", [{"dim": 0}, {"dim": 11}, {"dim": 2, "window": 0}])
def test_sizes_out_of_range_are_explained(wrong):
    with pytest.raises(ValueError, match=r"`window` must be at least 1, and `dim` .* at most 10"):
        cooccurrence_vectors(make_tokenizer(), TEXTS, **wrong)


def test_new_tokens_come_after_those_that_were_known():
    tokenizer = WhitespaceTokenizer(lowercase=True, min_frequency=2)
    tokenizer.adapt(["Dogs bark", "dogs run", "run"])
    more = with_tokens_of(tokenizer, ["cats run", "Cats sleep sleep", "bark"], min_frequency=2)
    assert more.vocabulary == [*tokenizer.vocabulary, "cats", "sleep"]
    assert more.tokenize(["CATS bark"]).to_list() == [[6, 1]]
    assert isinstance(with_tokens_of(TokenLookup(vocabulary=more.vocabulary), ["x"]), TokenLookup)


def test_an_embedding_begins_with_vectors_of_the_size_of_its_values():
    tokenizer = make_tokenizer()
    size = tokenizer.vocabulary_size
    embedding = keras.layers.Embedding(size, size + 2, embeddings_initializer="uniform")
    embedding.build()
    before = keras.ops.convert_to_numpy(embedding.embeddings).copy()
    assign_vectors(embedding, tokenizer, TEXTS)
    after = keras.ops.convert_to_numpy(embedding.embeddings)
    vectors = cooccurrence_vectors(tokenizer, TEXTS, dim=size)
    np.testing.assert_allclose(after[:, :size], np.std(before) * vectors, rtol=1e-5)
    np.testing.assert_array_equal(after[:, size:], before[:, size:])
