import pytest
import tensorflow as tf

from seqzoo.preprocessing.batching import Batches
from seqzoo.training import strategy
from seqzoo.training.strategies import distribute_batches, has_several_workers, is_chief


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)


def test_strategies_are_made_by_name():
    assert strategy().num_replicas_in_sync == 1
    assert strategy("auto") is tf.distribute.get_strategy()
    mirrored = strategy("mirrored")  # of the logical CPUs, where there is no GPU
    assert isinstance(mirrored, tf.distribute.MirroredStrategy)
    assert mirrored.num_replicas_in_sync == len(tf.config.list_logical_devices("CPU")) == 2
    assert strategy("mirrored") is mirrored
    for each in (strategy(), mirrored):
        assert is_chief(each)
        assert not has_several_workers(each)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mirorred", r"Unknown `strategy` 'mirorred'\. Did you mean 'mirrored'\?"),
        ("tpu", "The strategy 'tpu' needs a TPU. Received: none"),
        ("multiworker", "'multiworker' needs the environment variable TF_CONFIG at every worker"),
    ],
)
def test_a_strategy_that_is_unknown_or_lacks_what_it_needs_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        strategy(name)


def test_a_tpu_is_found_connected_to_and_initialised_before_its_strategy_is_made(monkeypatch):
    calls = []

    def stand_in(name, result=None):
        def call(*arguments):
            calls.append((name, *arguments))
            return result

        return call

    resolvers = tf.distribute.cluster_resolver
    monkeypatch.setattr(resolvers, "TPUClusterResolver", stand_in("find", "resolver"))
    monkeypatch.setattr(tf.config, "experimental_connect_to_cluster", stand_in("connect"))
    monkeypatch.setattr(tf.tpu.experimental, "initialize_tpu_system", stand_in("initialise"))
    monkeypatch.setattr(tf.distribute, "TPUStrategy", stand_in("make", "strategy"))

    assert strategy("tpu") == "strategy"
    assert calls == [
        ("find",),
        ("connect", "resolver"),
        ("initialise", "resolver"),
        ("make", "resolver"),
    ]


def stream(sizes):
    """Batches of so many rows, which hold their numbers."""
    rows = tf.data.Dataset.from_generator(
        lambda: (tf.range(size) for size in sizes), output_signature=tf.TensorSpec([None], tf.int32)
    )
    return Batches(rows, lambda numbers: 10 * numbers, len(sizes), min(sizes), {})


def test_parts_of_a_batch_are_even_and_together_the_batch():
    parts = stream([5, 3]).parts(3, 1, 2).dataset
    assert [part.tolist() for part in parts.as_numpy_iterator()] == [[10, 20], [30, 40], [10], [20]]


def test_the_rows_of_a_batch_are_split_over_the_replicas(two_replicas):
    batches = distribute_batches(two_replicas, stream([5, 2]))
    seen = [
        [part.numpy().tolist() for part in two_replicas.experimental_local_results(batch)]
        for batch in batches
    ]
    assert seen == [[[0, 10], [20, 30, 40]], [[0], [10]]]


def test_a_batch_with_fewer_rows_than_there_are_replicas_is_refused(two_replicas):
    with pytest.raises(ValueError, match=r"each of the 2 replicas\. Received: a batch of 1\."):
        distribute_batches(two_replicas, stream([4, 1]))
