"""Words as subwords in chunks: against a loop in Python."""

import numpy as np
import pytest
import tensorflow as tf

from seqzoo.preprocessing import (
    CharacterTokenizer,
    TaggedSubwords,
    Tokenizer,
    WordPieceTokenizer,
)

LETTERS = CharacterTokenizer(
    normalization=None, vocabulary=["", "<unk>", "<start>", "<end>", *"abcde"]
)
PIECES = ["[SEP]", "[PAD]", "[CLS]", "[UNK]", *"abcde", *(f"##{letter}" for letter in "abcde")]
WORD_PIECES = WordPieceTokenizer(PIECES, [1, 3, 2, 0], [2], [0])
SENTENCES = [["ab", "c"], [], ["a", "bcdea", "ed", "b"], ["zz"], ["cab"], ["abcde" * 3, "e"]]


def subwords_of(tokenizer, word):
    around = [id_ for side in tokenizer.around for id_ in side]
    ids = tokenizer.tokenize([word]).to_list()[0]
    return ids[1:-1] if around else ids


@pytest.mark.parametrize("max_length", [None, 5, 6])
@pytest.mark.parametrize("tokenizer", [LETTERS, WORD_PIECES], ids=["letters", "word_pieces"])
def test_each_word_begins_at_its_first_subword_and_chunks_are_those_of_a_loop(
    tokenizer, max_length
):
    subwords = TaggedSubwords(tokenizer, ["A", "B"], max_length)
    inputs = subwords.prepare(subwords.as_raw(SENTENCES))
    ids, mask, starts = (inputs[name].numpy() for name in ("inputs", "mask", "starts"))
    before, after = tokenizer.around
    width = 99 if max_length is None else max_length - len(before) - len(after)
    longest = max_length or 99
    for row, words in enumerate(SENTENCES):
        each = [subwords_of(tokenizer, word) for word in words]
        flat = [id_ for part in each for id_ in part]
        chunks = [flat[i : i + width] for i in range(0, max(1, len(flat)), width)]
        for found, chunk in zip(ids[row], chunks, strict=False):
            expected = [*before, *chunk, *after]
            assert found[: len(expected)].tolist() == expected
            assert not found[len(expected) :].any()
            assert len(found) <= longest
        assert mask[row].sum() == len(words)
        assert mask[row, : len(words)].all()
        found = ids[row].reshape(-1)[starts[row, : len(words)]]
        assert found.tolist() == [part[0] for part in each]


def test_a_word_without_subwords_is_unknown_and_a_hole_is_nothing():
    subwords = TaggedSubwords(WORD_PIECES, ["A", "B"], max_length=8)
    raw = tf.constant([["a", "", "b", "\x01", ""], [""] * 5, ["", "ab", "", "", ""]])
    inputs = subwords.prepare(raw)
    start, end = (side[0] for side in WORD_PIECES.around)
    a, b, b_after = (WORD_PIECES.vocabulary.index(piece) for piece in ("a", "b", "##b"))
    unknown = Tokenizer.unknown_id
    expected = [[start, a, b, unknown, end], [start, end, 0, 0, 0], [start, a, b_after, end, 0]]
    np.testing.assert_array_equal(inputs["inputs"][:, 0], expected)
    np.testing.assert_array_equal(inputs["starts"], [[1, 0, 2, 3, 0], [0] * 5, [0, 1, 0, 0, 0]])
    np.testing.assert_array_equal(inputs["mask"], [[1, 0, 1, 1, 0], [0] * 5, [0, 1, 0, 0, 0]])


@pytest.mark.parametrize("tokenizer", [LETTERS, WORD_PIECES], ids=["letters", "word_pieces"])
def test_no_row_and_no_word_have_an_axis_nevertheless(tokenizer):
    subwords = TaggedSubwords(tokenizer, ["A", "B"], max_length=8)
    steps = max(1, sum(map(len, tokenizer.around)))
    for raw, rows in ((subwords.as_raw([[]]), 1), (tf.zeros([0, 0], tf.string), 0)):
        inputs = subwords.prepare(raw)
        assert inputs["inputs"].shape == (rows, 1, steps if rows else 1)
        assert inputs["mask"].shape == inputs["starts"].shape == (rows, 1)


def test_the_length_of_a_published_tokenizer_holds_and_one_without_room_is_refused():
    short = WordPieceTokenizer(PIECES, [1, 3, 2, 0], [2], [0], max_length=5)
    assert TaggedSubwords(short, ["A", "B"]).max_length == 5
    with pytest.raises(ValueError, match=r"at least 3: .*Received: max_length=2"):
        TaggedSubwords(short, ["A", "B"], max_length=2)
    with pytest.raises(ValueError, match="max_length=0"):
        TaggedSubwords(LETTERS, ["A", "B"], max_length=0)
