from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from seqzoo.preprocessing import (
    CharacterTokenizer,
    TextPairs,
    evaluation_batches,
    examples,
    training_batches,
)


class Lines:
    """Encodes line `number` as that number over and over, on both sides."""

    def encode(self, x, y):
        return self.rows(x), self.rows(y)

    def rows(self, lines):
        number, length = lines[:, 0], lines[:, 1]
        return tf.RaggedTensor.from_row_lengths(tf.repeat(number, length), length)

    def pack(self, source, target):
        return source.to_tensor(), target.to_tensor()


def corpus(count, target_length=None):
    """Lines from 1 on of 3 to 40 tokens, whose two sides are of like length."""
    rng = np.random.default_rng(count)
    source = rng.integers(4, 41, count)
    target = source + rng.integers(-3, 4, count) if target_length is None else target_length
    numbers = np.arange(1, count + 1)
    sides = [np.stack(np.broadcast_arrays(numbers, side), axis=1) for side in (source, target)]
    return tf.data.Dataset.from_tensor_slices(tuple(sides))


def stream(count, steps, **settings):
    """The line numbers in each of the first batches."""
    batches = training_batches(corpus(count), Lines(), **settings)
    return [source.numpy()[:, 0].tolist() for source, _ in batches.dataset.take(steps)]


def test_the_same_seed_gives_the_same_stream_and_another_seed_another():
    first = stream(60, 40, batch_size=7, seed=1)
    assert first == stream(60, 40, batch_size=7, seed=1)
    assert first != stream(60, 40, batch_size=7, seed=2)


def test_a_resumed_stream_goes_on_where_it_stopped():
    whole = stream(60, 20, batch_size=7, seed=1)
    assert stream(60, 8, batch_size=7, seed=1, first_step=12) == whole[12:]


def test_every_example_comes_equally_often():
    batches = training_batches(corpus(100), Lines(), batch_size=8)
    assert batches.steps_per_epoch == 13
    seen = Counter(number for batch in stream(100, 10 * 13, batch_size=8) for number in batch)
    assert set(seen) == set(range(1, 101))
    assert min(seen.values()) >= 9
    assert max(seen.values()) <= 12


def test_an_epoch_holds_every_example_of_a_bucket_once_in_an_order_of_its_own():
    one_bucket = stream(20, 10, batch_size=6)
    flat = [number for batch in one_bucket for number in batch]
    assert sorted(flat[:20]) == sorted(flat[20:40]) == list(range(1, 21))
    assert flat[:20] != flat[20:40]


def test_without_buckets_a_batch_holds_lengths_of_all_kinds():
    def spread(**settings):
        batches = training_batches(corpus(400), Lines(), batch_size=20, **settings).dataset
        lengths = [np.count_nonzero(source.numpy(), axis=1) for source, _ in batches.take(20)]
        return np.mean([np.ptp(each) for each in lengths])

    assert spread(by_length=False) > 25  # of 36
    assert spread() < 15


def padding(dataset, steps):
    """Shares of padding on the two sides of a stream."""
    batches = [[side.numpy() for side in batch] for batch in dataset.take(steps)]
    filled = [
        sum(np.count_nonzero(side) for side in sides) / sum(side.size for side in sides)
        for sides in zip(*batches, strict=True)
    ]
    return 1 - np.array(filled)


def test_every_batch_has_the_requested_rows_and_little_padding():
    batches = training_batches(corpus(1500), Lines(), batch_size=8)
    assert {len(source) for source, _ in batches.dataset.take(batches.steps_per_epoch)} == {8}
    assert (padding(batches.dataset, batches.steps_per_epoch) < 0.08).all()


def test_sources_are_bucketed_where_all_targets_are_equally_long():
    batches = training_batches(corpus(1500, target_length=5), Lines(), batch_size=8)
    source, target = padding(batches.dataset, batches.steps_per_epoch)
    assert source < 0.03
    assert target == 0


def test_a_token_budget_holds_for_the_longer_side():
    batches = training_batches(corpus(400), Lines(), tokens_per_batch=200)
    sizes = [
        max(tf.size(source), tf.size(target)).numpy()
        for source, target in batches.dataset.take(batches.steps_per_epoch)
    ]
    assert max(sizes) <= 200
    assert np.mean(sizes) > 0.75 * 200
    tokens = sum(max(int(x[1]), int(y[1])) for x, y in corpus(400))
    assert tokens / 200 <= batches.steps_per_epoch <= 1.3 * tokens / 200


@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_corpus_no_larger_than_a_batch_is_one_batch(count):
    assert training_batches(corpus(count), Lines(), batch_size=8).steps_per_epoch == 1
    for batch in stream(count, 3, batch_size=8):
        assert sorted(batch) == list(range(1, count + 1))


def test_texts_come_as_the_preprocessor_packs_them():
    preprocessor = TextPairs(CharacterTokenizer())
    pairs = examples([("ab", "a"), ("b", "")])
    preprocessor.adapt(pairs)
    x, y, weight = next(iter(training_batches(pairs, preprocessor, batch_size=2).dataset))
    rows = {text: i for i, text in enumerate(preprocessor.detokenize(x["source_ids"]).numpy())}
    assert sorted(rows) == [b"ab", b"b"]
    assert y.numpy()[rows[b"ab"]].tolist() == [4, 3]
    assert weight.numpy()[rows[b"b"]].tolist() == [1, 0]


def test_evaluation_batches_keep_the_order_and_every_example():
    dataset = evaluation_batches(corpus(20), Lines(), batch_size=6)
    got = [source.numpy()[:, 0].tolist() for source, _ in dataset]
    assert [len(batch) for batch in got] == [6, 6, 6, 2]
    assert [number for batch in got for number in batch] == list(range(1, 21))
    assert dataset.cardinality() == 4


def test_wrong_settings_are_refused_in_words():
    lines = corpus(5)
    with pytest.raises(ValueError, match="either `batch_size` or `tokens_per_batch`"):
        training_batches(lines, Lines())
    with pytest.raises(ValueError, match="either `batch_size` or `tokens_per_batch`"):
        training_batches(lines, Lines(), batch_size=2, tokens_per_batch=100)
    with pytest.raises(ValueError, match=r"`tokens_per_batch` is 3, but an example is \d+ tokens"):
        training_batches(lines, Lines(), tokens_per_batch=3)
    with pytest.raises(ValueError, match="endless"):
        training_batches(lines.repeat(), Lines(), batch_size=2)
    with pytest.raises(ValueError, match="corpus is empty"):
        training_batches(lines.filter(lambda x, y: False), Lines(), batch_size=2)


def test_batches_of_equal_rows_and_their_equal_parts_have_that_number_as_their_static_shape():
    def shapes(count, **settings):
        batches = training_batches(corpus(100), Lines(), **settings)
        batches = batches.parts(count, 0, count) if count > 1 else batches
        return {tuple(spec.shape) for spec in batches.dataset.element_spec}

    assert shapes(1, batch_size=12) == {(12, None)}
    assert shapes(3, batch_size=12) == {(4, None)}
    assert shapes(5, batch_size=12) == {(None, None)}
    assert shapes(1, tokens_per_batch=200) == {(None, None)}
    assert shapes(2, tokens_per_batch=200) == {(None, None)}
