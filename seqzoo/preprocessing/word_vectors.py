"""Vectors of words from plain text: from the words near each word."""

from __future__ import annotations

from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import Texts, text_batches
from seqzoo.preprocessing.lookup import LookupTokenizer
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS, Tokenizer


def with_tokens_of(
    tokenizer: LookupTokenizer, texts: Texts, min_frequency: int = 5
) -> LookupTokenizer:
    """Returns a tokenizer that knows more tokens: those that other texts hold often enough.

    So a word that no labelled example has can be known by its vector.

    Args:
        tokenizer: Adapted. Its tokens keep their ids.
        texts: See `cooccurrence_vectors`.
        min_frequency: Smallest count of a new token.

    Texts are strings, or a dataset of string tensors `()` or `(B,)`.

    Example:
        >>> tokenizer = sz.preprocessing.WhitespaceTokenizer()
        >>> tokenizer.adapt(["a film"])
        >>> sz.preprocessing.with_tokens_of(tokenizer, ["a story"], min_frequency=1).vocabulary
        ['', '<unk>', '<start>', '<end>', 'a', 'film', 'story']
    """
    config, known = tokenizer.get_config(), tokenizer.vocabulary
    settings = {"vocabulary": None, "vocabulary_size": None, "min_frequency": min_frequency}
    other = type(tokenizer).from_config(config | settings)
    other.adapt(texts)
    seen = set(known)
    new = [token for token in other.vocabulary if token not in seen]
    config |= {"vocabulary": known + new}
    return cast(LookupTokenizer, type(tokenizer).from_config(config))


def cooccurrence_vectors(
    tokenizer: Tokenizer, texts: Texts, dim: int = 100, window: int = 5, seed: int = 0
) -> np.ndarray:
    """Returns a vector for each token, from how often tokens stand near each other in texts.

    Counts at a distance of d tokens weigh 1/d, those on the left and on the right of a token are
    counted separately, and the positive pointwise mutual information of tokens and contexts, whose
    counts are raised to 0.75, is decomposed. No labels are used. Every vector has the length
    sqrt(dim), so that its numbers have a standard deviation of 1; a token that the texts do not
    hold beside another gets random numbers, padding zeros.

    Args:
        tokenizer: Adapted to the texts, or to any others.
        texts: Iterable of str or bytes, or a `tf.data.Dataset` of string scalars or of batches
            `(B,)`. Tokens of different texts are not near each other.
        dim: Positive int, at most the size of the vocabulary.
        window: Positive int, the farthest distance that is looked at, in tokens.
        seed: Int, of the random numbers.

    Returns:
        Float32 array `(vocabulary_size, dim)`.

    Raises:
        ValueError: if an argument is out of its range.
    Reference: Levy, Goldberg and Dagan, 2015, https://aclanthology.org/Q15-1016

    Example:
        >>> texts = ["a dull film", "a long and dull film", "a moving film"]
        >>> tokenizer = sz.preprocessing.WhitespaceTokenizer()
        >>> tokenizer.adapt(texts)
        >>> sz.preprocessing.cooccurrence_vectors(tokenizer, texts, dim=3).shape
        (10, 3)
    """
    from sklearn.utils.extmath import randomized_svd  # half a second that few need

    size = tokenizer.vocabulary_size
    if not (window >= 1 and 1 <= dim <= size):
        raise ValueError(
            f"`window` must be at least 1, and `dim` at least 1 and at most {size}, the size of "
            f"the vocabulary. Received: window={window}, dim={dim}."
        )
    counts = _counts(_chained(tokenizer, texts, window), size, window)
    if not counts.nnz:
        return _of_equal_length(np.zeros((size, dim)), seed)
    left, values, _ = randomized_svd(_information(counts), dim, n_iter=4, random_state=seed)
    return _of_equal_length(left * np.sqrt(values), seed)


def assign_vectors(embedding: Any, tokenizer: Tokenizer, texts: Texts) -> None:
    """Lets an embedding begin with `cooccurrence_vectors` of texts, as large as its values are.

    Args:
        embedding: A `keras.layers.Embedding`, built, of `(vocabulary_size, dim)`. Where it is wider
            than the vocabulary, the other columns stay.
        tokenizer: See `cooccurrence_vectors`.
        texts: See `cooccurrence_vectors`; of the training examples, or other plain text.

    Example:
        >>> tokenizer = sz.preprocessing.WhitespaceTokenizer()
        >>> tokenizer.adapt(["a dull film", "a moving film"])
        >>> embedding = keras.layers.Embedding(tokenizer.vocabulary_size, 3)
        >>> embedding.build()
        >>> sz.preprocessing.assign_vectors(embedding, tokenizer, ["a film", "a dull film"])
        >>> tuple(embedding.embeddings.shape)
        (8, 3)
    """
    values = np.array(keras.ops.convert_to_numpy(embedding.embeddings))
    dim = min(values.shape[1], tokenizer.vocabulary_size)
    values[:, :dim] = np.std(values) * cooccurrence_vectors(tokenizer, texts, dim)
    embedding.embeddings.assign(values)


def _chained(tokenizer: Tokenizer, texts: Texts, gap: int) -> np.ndarray:
    """Ids of all texts, each followed by so many zeros that no window reaches over them."""
    parts: list[np.ndarray] = []
    for batch in text_batches(texts):
        ids = tokenizer.tokenize(batch)
        between = tf.zeros([ids.nrows(), gap], tf.int32)
        parts.append(tf.concat([ids, between], axis=1).flat_values.numpy())
    return np.concatenate(parts)


def _counts(ids: np.ndarray, size: int, window: int):
    """Sparse `(size, 2 * size)`: how often a token (row) has another before it, and after it."""
    from scipy import sparse

    total = sparse.csr_matrix((size, size), dtype=np.float32)
    for distance in range(1, window + 1):
        first, second = ids[:-distance], ids[distance:]
        known = (first >= len(SPECIAL_TOKENS)) & (second >= len(SPECIAL_TOKENS))
        weights = np.full(np.count_nonzero(known), 1 / distance, np.float32)
        total += sparse.csr_matrix((weights, (second[known], first[known])), (size, size))
    return sparse.hstack([total, total.T], format="csr")


def _information(counts):
    """The positive pointwise mutual information of rows and columns, as sparse as the counts."""
    rows, columns = (np.asarray(counts.sum(axis=axis)).ravel() for axis in (1, 0))
    columns = columns**0.75
    expected = np.repeat(rows, np.diff(counts.indptr)) * (columns / columns.sum())[counts.indices]
    counts.data = np.maximum(np.log(counts.data / expected), 0)
    counts.eliminate_zeros()
    return counts


def _of_equal_length(vectors: np.ndarray, seed: int) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    drawn = np.random.default_rng(seed).normal(size=vectors.shape)
    dim = vectors.shape[1]
    vectors = np.where(lengths > 1e-6, vectors * (dim**0.5 / np.maximum(lengths, 1e-6)), drawn)
    vectors[0] = 0
    return vectors.astype(np.float32)
