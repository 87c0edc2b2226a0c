"""Ids of words that a vocabulary lacks."""

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing import (
    ByteTokenizer,
    CharacterTokenizer,
    CopyingPairs,
    Limits,
    WhitespaceTokenizer,
    WordTokenizer,
)

SPECIAL = ["", "<unk>", "<start>", "<end>"]
V = 7
SOURCES = ["call Ada , Ada now", "Bob", "", "now Bob Eve"]
TARGETS = ["Ada now Bob", "Bob Ada", "Bob", "Eve Eve"]


def make_pairs(kind=WordTokenizer, **settings):
    words = kind(vocabulary=[*SPECIAL, "call", "now", "\uffed,"])
    return CopyingPairs(words, **settings)


def test_a_word_has_the_id_of_its_first_position_in_its_own_source():
    x, y, weight = make_pairs()(tf.constant(SOURCES), tf.constant(TARGETS))

    # "," has no joiner before it here, so it is another word than that of the vocabulary.
    assert x["source_ids"].numpy().tolist() == [
        [4, V + 1, V + 2, V + 1, 5, 3],
        [V, 3, 0, 0, 0, 0],
        [3, 0, 0, 0, 0, 0],
        [5, V + 1, V + 2, 3, 0, 0],
    ]
    assert y.numpy().tolist() == [
        [V + 1, 5, 1, 3],
        [V, 1, 3, 0],
        [1, 3, 0, 0],
        [V + 2, V + 2, 3, 0],
    ]
    np.testing.assert_array_equal(x["target_ids"][:, 1:], np.where(y[:, :-1] == 3, 0, y[:, :-1]))
    np.testing.assert_array_equal(weight, y != 0)


def test_the_words_come_back_and_what_is_in_no_source_is_unknown():
    pairs, raw = make_pairs(), tf.constant(SOURCES)
    _, y, _ = pairs(raw, tf.constant(TARGETS))
    words = pairs.copied_words(raw)

    texts = pairs.detokenize(tf.stack([y, y], axis=1), words)

    wanted = [b"Ada now <unk>", b"Bob <unk>", b"<unk>", b"Eve Eve"]
    assert texts.numpy().tolist() == [[each, each] for each in wanted]
    assert pairs.detokenize(y[:1]).numpy().tolist() == [b"<unk> now <unk>"]
    assert pairs.target_tokens(y[:1], words[:1]).numpy().tolist() == [
        [b"Ada", b"now", b"<unk>", b"<end>"]
    ]
    shown = pairs.source_tokens(pairs.source_ids(raw[:1]), words[:1])
    assert shown.numpy().tolist() == [[b"call", b"Ada", b",", b"Ada", b"now", b"<end>"]]


def test_marks_join_words_that_were_copied():
    pairs = make_pairs()
    raw = tf.constant(["Ada's call, (Bob)"])
    ids = pairs.source_ids(raw)
    assert pairs.detokenize(ids, pairs.copied_words(raw)).numpy().tolist() == raw.numpy().tolist()


def test_only_what_is_left_of_a_source_can_be_copied():
    pairs = make_pairs(max_source_length=3, max_target_length=2)
    x, y, _ = pairs(tf.constant(SOURCES[3:]), tf.constant(["Eve Bob"]))
    assert (x["source_ids"].numpy().tolist(), y.numpy().tolist()) == ([[5, V + 1, 3]], [[1, 3]])
    whole = pairs.target_ids(tf.constant(SOURCES[3:]), tf.constant(["Eve Bob"]))
    assert whole.to_list() == [[1, V + 1]]

    raw, ids, *_ = make_pairs().encode_within(tf.constant(SOURCES[3:]), Limits(source_tokens=2))
    assert (raw.numpy().tolist(), ids.to_list()) == ([b"now Bob Eve"], [[5, 3]])


def test_a_row_of_several_pairs_has_ids_of_its_positions():
    pairs = make_pairs()
    encoded = pairs.encode(tf.constant(SOURCES), tf.constant(TARGETS))

    x, y, _ = pairs.pack_together(*encoded, tf.ragged.constant([[3, 0], [2, 1]], dtype=tf.int64))

    assert x["source_ids"].numpy()[:, :10].tolist() == [
        [5, V + 1, V + 2, 3, 4, V + 5, V + 6, V + 5, 5, 3],
        [3, V + 1, 3, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert y.numpy().tolist() == [[V + 2, V + 2, 3, V + 5, 5, 1, 3], [1, 3, V + 1, 1, 3, 0, 0]]


def test_special_tokens_of_a_text_are_words_like_others():
    pairs = make_pairs(WhitespaceTokenizer)
    raw = tf.constant(["now <start> <unk>"])
    ids = pairs.source_ids(raw)
    assert ids.numpy().tolist() == [[5, V + 1, V + 2, 3]]
    assert pairs.detokenize(ids, pairs.copied_words(raw)).numpy().tolist() == raw.numpy().tolist()


def test_characters_can_be_copied_and_bytes_are_never_unknown():
    letters = CopyingPairs(CharacterTokenizer(vocabulary=[*SPECIAL, "a"]))
    raw = tf.constant(["aéa", ""])
    ids = letters.source_ids(raw)
    assert ids.numpy().tolist() == [[4, 6, 4, 3], [3, 0, 0, 0]]
    assert letters.detokenize(ids, letters.copied_words(raw))[0].numpy().decode() == "aéa"

    of_bytes = CopyingPairs(ByteTokenizer())
    _, y, _ = of_bytes(raw, raw)
    assert of_bytes.detokenize(y, of_bytes.copied_words(raw))[0].numpy().decode() == "aéa"


def test_its_config_makes_it_again():
    pairs = make_pairs(max_source_length=5)
    again = CopyingPairs.from_config(pairs.get_config())
    assert again.get_config() == pairs.get_config()
    assert again.target is again.source
