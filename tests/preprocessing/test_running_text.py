"""Texts as one stream of tokens, and the stream as windows: nothing is lost, nothing twice."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.preprocessing import ByteTokenizer, CharacterTokenizer, RunningText, WhitespaceTokenizer
from seqzoo.preprocessing.running_text import RunningTokens
from seqzoo.preprocessing.windows import evaluation_windows, training_windows

TEXTS = [" the <unk> sat ", "", "the mat"]


def words(**settings):
    text = RunningText(WhitespaceTokenizer(normalization=None), **settings)
    text.adapt(TEXTS)
    return text


def numbers(count):
    """A stream of the numbers from 10 on."""
    return RunningTokens(
        2, np.arange(10, 10 + count, dtype=np.int32), np.full(count, 2, np.float32)
    )


def test_a_line_ends_with_a_token_that_is_counted_and_begins_after_one():
    text = words()
    stream = text.stream(TEXTS)
    assert text.tokenizer.vocabulary == ["", "<unk>", "<start>", "<end>", "the", "mat", "sat"]
    assert stream.first_id == 3
    assert stream.token_ids.tolist() == [4, 1, 6, 3, 3, 4, 5, 3]
    # "the <unk> sat", "" and "the mat", each with the end of its line
    assert stream.characters.sum() == pytest.approx(14 + 1 + 8)
    assert text.prompt_ids(tf.constant(["mat", ""])).numpy().tolist() == [[3, 5], [3, 0]]


def test_without_end_tokens_texts_follow_each_other():
    stream = words(end_tokens=False).stream(TEXTS)
    assert stream.first_id == 2
    assert stream.token_ids.tolist() == [4, 1, 6, 4, 5]
    assert stream.characters.sum() == 13 + 7
    assert words(end_tokens=False).prompt_ids(tf.constant(["mat"])).numpy().tolist() == [[2, 5]]


def test_characters_are_counted_whatever_the_tokens_are():
    for tokenizer in (CharacterTokenizer(), ByteTokenizer()):
        text = RunningText(tokenizer, end_tokens=False)
        text.adapt("né\n日本")
        assert text.stream("né\n日本").characters.sum() == pytest.approx(5)


def test_one_text_a_list_and_a_dataset_are_the_same_stream():
    text = words()
    dataset = tf.data.Dataset.from_tensor_slices(TEXTS)
    for given in (dataset, [t.encode() for t in TEXTS], tuple(TEXTS)):
        np.testing.assert_array_equal(text.stream(given).token_ids, text.stream(TEXTS).token_ids)
    np.testing.assert_array_equal(
        text.stream("the mat").token_ids, text.stream(["the mat"]).token_ids
    )


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "corpus is empty"),
        (["the", 3], r"Received: 3 at index 1"),
    ],
)
def test_what_is_no_text_is_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        words().stream(texts)


def test_texts_without_a_token_are_refused():
    with pytest.raises(ValueError, match="The texts hold no token"):
        words(end_tokens=False).stream([" ", "\n"])
    with pytest.raises(ValueError, match=r"`window_length` must be at least 1\. Received"):
        words(window_length=0)


def test_a_config_makes_the_same_preprocessor():
    text = words(end_tokens=False, window_length=7, max_target_length=9)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(text)))
    assert keras.saving.deserialize_keras_object(config).get_config() == text.get_config()


def epochs_of(count, batch_size, window, epochs=4, **settings):
    """The batches of each epoch."""
    batches = training_windows(numbers(count), batch_size, window, **settings)
    steps = batches.steps_per_epoch
    found = list(batches.dataset.take(steps * epochs).as_numpy_iterator())
    return [found[i * steps : (i + 1) * steps] for i in range(epochs)]


@pytest.mark.one_of_each
@pytest.mark.parametrize("count", [1, 2, 7, 30, 31, 34, 35, 36, 59, 60, 61, 64])
@pytest.mark.parametrize(("batch_size", "window"), [(1, 5), (3, 5), (4, 1), (2, 50)])
def test_an_epoch_has_every_token_once_for_a_target_and_the_one_before_it_for_input(
    count, batch_size, window
):
    for epoch in epochs_of(count, batch_size, window):
        x, y, weight = zip(*epoch, strict=True)
        targets, weights = np.concatenate(y, axis=1), np.concatenate(weight, axis=1)
        inputs = np.concatenate([each["token_ids"] for each in x], axis=1)
        real = weights.reshape(-1) > 0
        wanted = list(range(10, 10 + count))
        assert targets.reshape(-1)[real].tolist() == wanted
        assert inputs.reshape(-1)[real].tolist() == [2, *wanted[:-1]]
        assert [each["fresh"].all() for each in x] == [True] + [False] * (len(epoch) - 1)
        assert sum(each["characters"].sum() for each in x) == 2 * count
        assert all(1 <= part.shape[1] <= window for part in y)


def test_windows_begin_elsewhere_in_each_epoch_and_the_same_seed_gives_the_same():
    lengths = [[y.shape[1] for _, y, _ in epoch] for epoch in epochs_of(100, 2, 8, epochs=12)]
    assert len({tuple(each) for each in lengths}) > 3
    assert {tuple(each[1:-1]) for each in lengths} == {(8,) * (len(lengths[0]) - 2)}
    again = [[y.shape[1] for _, y, _ in epoch] for epoch in epochs_of(100, 2, 8, epochs=12)]
    other = [[y.shape[1] for _, y, _ in epoch] for epoch in epochs_of(100, 2, 8, 12, seed=1)]
    assert again == lengths != other


def test_epochs_of_another_length_begin_without_a_history_and_go_on_with_the_text():
    settings = {"steps_per_epoch": 3}
    batches = training_windows(numbers(40), 2, 4, **settings).after(2).dataset.take(6)
    fresh = [bool(x["fresh"].all()) for x, _, _ in batches.as_numpy_iterator()]
    assert fresh[:4] == [False, True, False, False]
    whole = training_windows(numbers(40), 2, 4).dataset.skip(2).take(6)
    for (_, found, _), (_, wanted, _) in zip(batches, whole, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_evaluation_counts_every_token_once_at_a_bounded_size():
    for rows in (1, 3):
        found = list(evaluation_windows(numbers(10_000), rows).as_numpy_iterator())
        weights = np.concatenate([w for _, _, w in found], axis=1)
        targets = np.concatenate([y for _, y, _ in found], axis=1)
        assert targets.reshape(-1)[weights.reshape(-1) > 0].tolist() == list(range(10, 10_010))
        assert max(y.size for _, y, _ in found) <= 1024
        assert [x["fresh"].all() for x, _, _ in found] == [True] + [False] * (len(found) - 1)
