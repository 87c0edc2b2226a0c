"""Tokens at white space, and those among them whose order says nothing."""

import itertools

import keras
import tensorflow as tf

from seqzoo.preprocessing import WhitespaceTokenizer
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS

WORDS = ["g e h t +V +PRS +3", "H a u s +N +PL", "+V g i n g +PST", "a +b", "+N"]


def features() -> WhitespaceTokenizer:
    known = [*SPECIAL_TOKENS, *"aegHhinstu", "+V", "+N", "+PL", "+PRS", "+PST", "+3"]
    return WhitespaceTokenizer(sorted_prefix="+", vocabulary=known)


def test_features_in_any_order_give_the_same_ids():
    tokenizer = features()
    want = tokenizer.tokenize(["g e h t +V +PRS +3"]).to_list()[0]
    words = tokenizer.vocabulary
    assert [words[index] for index in want] == [*"geht", "+V", "+PRS", "+3"]
    for order in itertools.permutations(["+V", "+PRS", "+3"]):
        first, second, third = order
        texts = [f"g e h t {first} {second} {third}", f"{first} g e {second}  h {third} t"]
        assert tokenizer.tokenize(texts).to_list() == [want, want]
        assert tokenizer.normalize(texts).numpy().tolist() == [b"g e h t +V +PRS +3"] * 2


def test_rows_do_not_mix_and_come_back():
    tokenizer = features()
    texts = [*WORDS, "", "n i e +x +V", "+"]
    together = tokenizer.tokenize(texts).to_list()
    assert together == [tokenizer.tokenize([text]).to_list()[0] for text in texts]
    assert [len(ids) for ids in together] == [len(text.split()) for text in texts]
    normal = tokenizer.normalize(texts).numpy().tolist()
    assert normal[2] == b"g i n g +V +PST"
    assert normal[6] == b"n i e +x +V"
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(tokenizer))
    assert again.tokenize(texts).to_list() == together
    graph = tf.function(tokenizer.tokenize, input_signature=[tf.TensorSpec([None], tf.string)])
    assert graph(tf.constant(texts)).to_list() == together


def test_without_a_prefix_all_stay_where_they_are():
    plain = WhitespaceTokenizer(vocabulary=features().vocabulary)
    assert plain.normalize(["+V g i n g +PST"]).numpy().tolist() == [b"+V g i n g +PST"]
    learned = WhitespaceTokenizer(sorted_prefix="+")
    learned.adapt(WORDS)
    assert learned.tokenize(["+N H +PL"]).to_list() == learned.tokenize(["H +PL +N"]).to_list()
