import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.preprocessing import CharacterTokenizer, TextPairs, WordTokenizer

PAIRS = [("ein Hund", "a dog"), ("zwei Hunde", "two dogs run"), ("", "")]


@pytest.fixture
def pairs():
    pairs = TextPairs(WordTokenizer(), WordTokenizer())
    pairs.adapt(PAIRS)
    return pairs


def ids(tokenizer, words):
    return [tokenizer.vocabulary.index(word) for word in words.split()]


def test_a_batch_holds_shifted_targets_end_ids_and_weights(pairs):
    sources, targets = zip(*PAIRS, strict=True)
    x, y, weight = pairs(list(sources), list(targets))
    hund, dog = ids(pairs.source, "ein Hund"), ids(pairs.target, "a dog")
    hunde, dogs = ids(pairs.source, "zwei Hunde"), ids(pairs.target, "two dogs run")
    assert x["source_ids"].numpy().tolist() == [[*hund, 3], [*hunde, 3], [3, 0, 0]]
    assert x["target_ids"].numpy().tolist() == [[2, *dog, 0], [2, *dogs], [2, 0, 0, 0]]
    assert y.numpy().tolist() == [[*dog, 3, 0], [*dogs, 3], [3, 0, 0, 0]]
    assert weight.numpy().tolist() == [[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]]
    assert {x["source_ids"].dtype, x["target_ids"].dtype, y.dtype} == {tf.int32}
    assert weight.dtype == tf.float32


def test_source_ids_are_those_of_the_training_batch(pairs):
    sources, targets = zip(*PAIRS, strict=True)
    x, _, _ = pairs(list(sources), list(targets))
    np.testing.assert_array_equal(pairs.source_ids(list(sources)), x["source_ids"])
    assert pairs.source_ids([""]).numpy().tolist() == [[3]]
    assert pairs.source_ids(tf.zeros([0], tf.string)).shape[0] == 0


def test_cut_texts_keep_their_end_ids(pairs):
    short = TextPairs(pairs.source, pairs.target, max_source_length=2, max_target_length=3)
    x, y, weight = short(["zwei Hunde", "ein"], ["two dogs run", "a"])
    assert x["source_ids"].numpy().tolist() == [
        [*ids(pairs.source, "zwei"), 3],
        [*ids(pairs.source, "ein"), 3],
    ]
    assert x["target_ids"].numpy()[0].tolist() == [2, *ids(pairs.target, "two dogs")]
    assert y.numpy()[0].tolist() == [*ids(pairs.target, "two dogs"), 3]
    assert weight.numpy().tolist() == [[1, 1, 1], [1, 1, 0]]
    assert TextPairs(pairs.source, max_source_length=1).source_ids(["ein Hund"]).numpy() == [[3]]
    with pytest.raises(ValueError, match="must be at least 1"):
        TextPairs(pairs.source, max_target_length=0)


def test_labels_detokenize_to_the_targets(pairs):
    sources, targets = zip(*PAIRS, strict=True)
    _, y, _ = pairs(list(sources), list(targets))
    assert [t.decode() for t in pairs.detokenize(y).numpy()] == list(targets)
    assert pairs.target_tokens(y).numpy()[0].tolist() == [b"a", b"dog", b"<end>", b""]
    assert pairs.source_tokens([[4, 3]]).numpy()[0, 1] == b"<end>"


def test_one_tokenizer_for_both_sides_sees_both_and_stays_one():
    shared = TextPairs(CharacterTokenizer())
    shared.adapt([("ab", "xy")])
    assert shared.source.vocabulary[4:] == ["a", "b", "x", "y"]
    again = TextPairs.from_config(shared.get_config())
    assert again.source is again.target


@pytest.mark.parametrize("form", [list, tf.data.Dataset])
def test_adapt_takes_lists_and_datasets(pairs, form):
    examples = PAIRS
    if form is tf.data.Dataset:
        examples = tf.data.Dataset.from_tensor_slices(tuple(map(list, zip(*PAIRS, strict=True))))
    again = TextPairs(WordTokenizer(), WordTokenizer())
    again.adapt(examples)
    assert again.get_config() == pairs.get_config()


def test_config_makes_the_same_preprocessor(pairs):
    pairs.max_source_length = 2
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(pairs)))
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == pairs.get_config()
    assert again.source is not again.target
    assert again.source_ids(["zwei ein"]).numpy().tolist() == [[ids(pairs.source, "zwei")[0], 3]]


def test_an_exported_function_keeps_the_tables_of_both_sides(pairs, tmp_path):
    module = tf.Module()
    module.pairs = pairs
    module.serve = tf.function(
        lambda text: pairs.detokenize(pairs.source_ids(text)),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))
    texts = tf.constant(["zwei Hunde", ""])
    again = tf.saved_model.load(str(tmp_path)).serve(texts)
    assert again.numpy().tolist() == module.serve(texts).numpy().tolist()
