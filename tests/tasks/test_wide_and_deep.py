"""Classifiers whose wide part counts tokens and pairs of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import classified, make_wide_classifier

import seqzoo as sz
from seqzoo.datasets import streams
from seqzoo.layers import BagOfWords
from seqzoo.preprocessing import LabelledText, WordTokenizer
from seqzoo.preprocessing.labelled_text import frequent_bigrams
from seqzoo.tasks.classifier import WideAndDeep

PAIRS = [
    ("not good at all", "bad"),
    ("not good", "bad"),
    ("so good", "good"),
    ("so good at it", "good"),
]


def preprocessor():
    text = LabelledText(WordTokenizer(), bigrams=True)
    text.adapt(PAIRS)
    return text


def test_pairs_that_two_texts_have_are_known_and_told_by_their_last_token():
    text = preprocessor()
    tokens = text.tokenizer.tokenize(tf.constant(["not good at so good"]))[0].numpy().tolist()
    size = text.tokenizer.vocabulary_size
    known = [
        tokens[0] * size + tokens[1],
        tokens[1] * size + tokens[2],
        tokens[3] * size + tokens[4],
    ]
    assert text.bigrams == sorted(known)

    found = text.prepare(tf.constant(["not good at so good", "good not", ""]))["bigrams"].numpy()

    place = {pair: i + 1 for i, pair in enumerate(sorted(known))}
    not_good, good_at, so_good = (place[pair] for pair in known)
    assert found.tolist() == [[0, not_good, good_at, 0, so_good], [0] * 5, [0] * 5]


def test_a_pair_counts_once_in_a_text_and_the_most_frequent_ones_stay(monkeypatch):
    texts = [[[1, 2, 1, 2], [3, 4, 5]], [[3, 4], [4, 5], [4, 5]]]
    assert frequent_bigrams(texts, 10) == [34, 45]
    monkeypatch.setattr("seqzoo.preprocessing.labelled_text._MOST_BIGRAMS", 1)
    assert frequent_bigrams(texts, 10) == [45]


def test_streams_are_read_and_the_config_keeps_what_is_known(tmp_path):
    text = preprocessor()
    file = tmp_path / "pairs.tsv"
    file.write_text("".join(f"{text}\t{label}\n" for text, label in PAIRS))
    streamed = LabelledText(WordTokenizer(), bigrams=True)
    streamed.adapt(streams.tab_separated(file))
    assert streamed.bigrams == text.bigrams
    assert LabelledText.from_config(text.get_config()).bigrams == text.bigrams


def test_they_must_be_adapted_before_a_task_is_made():
    words = WordTokenizer()
    words.adapt(["not good"])
    text = LabelledText(words, ["bad", "good"], bigrams=True)
    with pytest.raises(ValueError, match="`adapt` the preprocessor"):
        sz.zoo.kim_2014(text, embedding_dim=4, filters=2)


def test_the_wide_part_is_a_linear_function_of_counts():
    rng = np.random.default_rng(0)
    layer = BagOfWords(7, 3, 2)
    layer.build((None, None))
    weights, bias = rng.normal(size=(10, 2)), rng.normal(size=2)
    layer.set_weights([bias, weights] if layer.weights[0].shape == (2,) else [weights, bias])
    ids = np.array([[4, 4, 5, 0], [6, 0, 0, 0], [0, 0, 0, 0]])
    bigrams = np.array([[0, 1, 3, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    mask = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], bool)

    found = layer(ids, bigrams, mask=mask)

    sums = [2 * weights[4] + weights[5] + weights[7] + weights[9], weights[6], np.zeros(2)]
    wanted = [10 * s / np.sqrt(n) + bias for s, n in zip(sums, (5, 1, 1), strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_pair_does_not_count_where_one_of_its_tokens_is_masked():
    layer = BagOfWords(7, 3, 2)
    layer.build((None, None))
    layer.embedding.embeddings.assign(np.arange(20.0).reshape(10, 2))
    ids, bigrams = np.array([[4, 4, 5]]), np.array([[0, 1, 3]])
    found = layer(ids, bigrams, mask=np.array([[True, False, True]]))
    np.testing.assert_allclose(found, layer(ids[:, ::2], np.zeros((1, 2), int)), rtol=1e-6)


@pytest.mark.parametrize("multi_label", [False, True])
def test_each_part_learns_from_its_own_loss_and_the_answer_is_by_their_mean(multi_label):
    task = make_wide_classifier(multi_label)
    pairs = classified(8, multi_label=multi_label)
    inputs, labels = zip(*pairs, strict=True)
    targets = tf.ragged.constant(labels) if multi_label else tf.constant(labels)
    x, y, weight = task.preprocessor(tf.constant(inputs), targets)
    task.compile()

    with tf.GradientTape(persistent=True) as tape:
        parts = WideAndDeep(*task(x, training=True))
        loss_sum, weight_sum = task._token_losses(x, y, parts, weight)
        apart = [task.head.loss(y, each, weight)[0] for each in parts]

    assert weight_sum == task.head.loss(y, parts.deep, weight)[1]
    np.testing.assert_allclose(loss_sum, sum(apart) / 2, rtol=1e-6)
    for part, variables in zip(
        apart, (task.wide.trainable_variables, task.head.trainable_variables), strict=True
    ):
        for a, b in zip(
            tape.gradient(loss_sum, variables), tape.gradient(part, variables), strict=True
        ):
            a, b = tf.convert_to_tensor(a), tf.convert_to_tensor(b)
            np.testing.assert_allclose(a, b / 2, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(task(x), (parts.wide + parts.deep) / 2, rtol=1e-4, atol=1e-6)


def test_the_order_of_words_matters_and_a_text_of_unknown_pairs_is_answered():
    task = make_wide_classifier()
    task.compile()
    task.fit(classified(80), epochs=4, batch_size=16, verbose=0)
    there, back = task.probabilities(["a b c d e", "e d c b a"])
    assert np.abs(there - back).max() > 1e-4
    assert task.classify(["a a a a a"]) == ["yes"]


@pytest.mark.parametrize("multi_label", [False, True])
def test_how_much_each_part_counts_fits_the_validation(multi_label, tmp_path):
    task = make_wide_classifier(multi_label)
    pairs, others = classified(80, multi_label=multi_label), classified(40, 1, multi_label)
    task.compile()
    task.fit(pairs, batch_size=16, verbose=0)
    assert task.wide_share.numpy() == 0.5

    task.fit(pairs, batch_size=16, epochs=6, validation_data=others, verbose=0)

    share = float(task.wide_share)
    assert 0 < share < 1
    losses = {}
    for tried in (share, share - 0.05, share + 0.05):
        task.wide_share.assign(tried)
        loss = task.evaluate(others, verbose=0, return_dict=True)["loss"]
        losses[tried] = loss * len(others) * (2 if multi_label else 1) - np.log(tried * (1 - tried))
    assert min(losses, key=losses.get) == share
    task.wide_share.assign(share)
    x = task.preprocessor.prepare(tf.constant(["a b c", "c b a"]))
    parts = task(x, training=False), *task._parts(x)
    np.testing.assert_allclose(parts[0], share * parts[1] + (1 - share) * parts[2], rtol=1e-5)
    task.save(tmp_path / "task.keras")
    again = sz.load(tmp_path / "task.keras")
    np.testing.assert_allclose(again.wide_share, share)


def test_a_weighed_example_counts_as_often_in_the_share():
    shares = []
    pairs = classified(24)
    for validation in ((*zip(*pairs, strict=True), [1.0, 3.0] * 12), pairs + 2 * pairs[1::2]):
        task = make_wide_classifier()
        task.compile()
        task.fit(pairs, batch_size=8, validation_data=validation, verbose=0)
        shares.append(float(task.wide_share))
    np.testing.assert_allclose(*shares, atol=1e-4)
    assert abs(shares[0] - 0.5) > 1e-3


def test_a_keras_loss_is_that_of_both_parts():
    pairs = classified(16)
    losses = []
    for loss in ("auto", "sparse_categorical_crossentropy"):
        task = make_wide_classifier()
        task.compile(keras.optimizers.SGD(0.1), loss=loss)
        losses.append(task.fit(pairs, batch_size=8, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_rows_of_several_texts_are_refused():
    task = make_wide_classifier()
    with pytest.raises(ValueError, match=r"bigrams\. Leave one of them out"):
        task.fit(classified(8), packed=True, verbose=0)
