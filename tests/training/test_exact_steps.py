"""A step is exact per target token: the same on one device, on two, and in other batches."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import letters_tokenizer, make_bigram, make_translator, reversal_pairs

from seqzoo.ops.tensorflow import fused as tensorflow_fused
from seqzoo.preprocessing import TextPairs
from seqzoo.training.optimizer import Adam
from seqzoo.training.steps import apply_gradients, token_mean_gradients

PAIRS = reversal_pairs(23)


def unscaled(loss):
    return loss


class Parts:
    """A loss of a table of weights: token i of a replica costs its weight in the table, squared."""

    def __init__(self):
        self.table = tf.Variable([1.0, 2.0, -3.0, 0.5])
        self.unused = tf.Variable([1.0])

    def gradients(self, ids, scale_loss=unscaled):
        def loss():
            costs = tf.gather(self.table, ids) ** 2
            return tf.reduce_sum(costs), tf.cast(tf.size(ids), tf.float32), self.penalty()

        return token_mean_gradients(loss, [self.table, self.unused], scale_loss)

    def penalty(self):
        return 10 * tf.reduce_sum(self.table)


def test_the_gradient_is_that_of_the_mean_over_tokens_and_of_the_penalty():
    (dense, nothing), loss_sum, weight_sum = Parts().gradients(tf.constant([0, 2, 2]))

    # d/dw of (w0^2 + 2 w2^2) / 3 + 10 sum w
    np.testing.assert_allclose(dense, [10 + 2 / 3, 10, 10 - 4, 10], rtol=1e-6)
    assert nothing is None
    assert (float(loss_sum), float(weight_sum)) == (19, 3)


def test_a_batch_without_a_token_has_the_gradient_of_the_penalty():
    (dense, _), *_ = Parts().gradients(tf.zeros(0, tf.int32))
    np.testing.assert_allclose(dense, [10, 10, 10, 10])


def test_the_gradient_is_that_of_the_scaled_loss():
    (plain, _), *_ = Parts().gradients(tf.constant([1]))
    (scaled, _), *sums = Parts().gradients(tf.constant([1]), lambda loss: 256 * loss)
    np.testing.assert_allclose(scaled, 256 * plain)
    assert [float(each) for each in sums] == [4, 1]


def test_replicas_with_few_tokens_count_for_few(two_replicas):
    with two_replicas.scope():
        parts = Parts()
    ids = [tf.constant([0, 2, 2]), tf.constant([1])]
    values = two_replicas.experimental_distribute_values_from_function(
        lambda context: ids[context.replica_id_in_sync_group]
    )

    (replicas, _), *sums = two_replicas.run(tf.function(parts.gradients), [values])

    (wanted, _), *_ = Parts().gradients(tf.concat(ids, 0))
    for found in two_replicas.experimental_local_results(replicas):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    local = [[float(x) for x in two_replicas.experimental_local_results(each)] for each in sums]
    assert local == [[19, 4], [3, 1]]


@pytest.mark.parametrize("clipping", ["clipvalue", "clipnorm", "global_clipnorm"])
def test_gradients_are_clipped_by_the_optimizer_which_keeps_its_settings(clipping):
    gradients = [np.array([3.0, -4.0], "float32"), np.array([12.0], "float32")]
    wanted = {
        "clipvalue": [[2, -2], [2]],
        "clipnorm": [[1.2, -1.6], [2]],
        "global_clipnorm": [[6 / 13, -8 / 13], [24 / 13]],
    }[clipping]
    variables = [keras.Variable([0.0, 0.0]), keras.Variable([0.0])]
    optimizer = keras.optimizers.SGD(1.0, **{clipping: 2.0})

    apply_gradients(optimizer, [tf.constant(g) for g in gradients], variables)

    for variable, gradient in zip(variables, wanted, strict=True):
        np.testing.assert_allclose(variable, -np.array(gradient), rtol=1e-5)
    assert optimizer.get_config()[clipping] == 2.0


def trained(optimizer, scope=None, penalty=0.0, **settings):
    """A task that has learned from batches whose rows do not divide evenly, and its history."""
    with scope or contextlib.nullcontext():
        task = make_bigram(penalty=penalty)
        task.compile(optimizer())
    history = task.fit(PAIRS, batch_size=5, epochs=2, verbose=0, **settings).history
    return task, history


def assert_weights_equal(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def adam():
    return Adam(0.05, epsilon=1e-3, global_clipnorm=0.05)


def sgd_under_a_loss_scale():
    inner = keras.optimizers.SGD(0.5, clipnorm=0.05)
    return keras.optimizers.LossScaleOptimizer(inner, initial_scale=1024.0)


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        pytest.param(sgd_under_a_loss_scale, {}, marks=pytest.mark.slow),
        (
            adam,
            {
                "penalty": 0.1,  # counted once
                "validation_data": PAIRS[:9],
                "validation_batch_size": 4,  # the last is one pair: none for the second replica
            },
        ),
    ],
)
def test_two_replicas_learn_and_measure_what_one_device_does(two_replicas, optimizer, settings):
    one, one_history = trained(optimizer, **settings)
    two, two_history = trained(optimizer, two_replicas.scope(), **settings)

    assert_weights_equal(two.get_weights(), one.get_weights())
    assert two_history.keys() == one_history.keys() >= {"loss", "perplexity", "token_accuracy"}
    for name, values in one_history.items():
        assert two_history[name] == pytest.approx(values, rel=1e-5), name
    start = make_bigram().get_weights()
    moves = [w - s for w, s in zip(one.get_weights(), start, strict=True)]
    assert min(np.abs(move).max() for move in moves) > 1e-3


def packed(pairs):
    source, target = zip(*pairs, strict=True)
    return TextPairs(letters_tokenizer())(tf.constant(source), tf.constant(target))


def weights_after(x, y, weight):
    """Weights after a step on a batch of tensors."""
    task = make_bigram(raw=False)
    task.compile(keras.optimizers.SGD(0.5), run_eagerly=True)
    task.train_on_batch(x, y, sample_weight=weight)
    return task.get_weights()


def test_padding_changes_no_step():
    x, y, weight = packed(PAIRS[:5])
    wider = tf.nest.map_structure(lambda part: tf.pad(part, [[0, 2], [0, 3]]), (x, y, weight))

    assert_weights_equal(weights_after(*wider), weights_after(x, y, weight))


def test_a_step_is_the_mean_of_the_steps_of_its_parts_by_tokens():
    parts = [packed(PAIRS[:3]), packed(PAIRS[3:5])]
    tokens = [float(tf.reduce_sum(weight)) for *_, weight in parts]
    assert tokens[0] != tokens[1]
    start = make_bigram(raw=False).get_weights()

    together = weights_after(*packed(PAIRS[:5]))

    steps = [[w - s for w, s in zip(weights_after(*p), start, strict=True)] for p in parts]
    mean = [
        s + (tokens[0] * a + tokens[1] * b) / sum(tokens)
        for s, a, b in zip(start, *steps, strict=True)
    ]
    assert_weights_equal(together, mean)


def test_weights_of_rows_and_no_weights_are_those_of_their_tokens():
    x, y, _ = packed(PAIRS[:2])
    ones = np.ones(y.shape, "float32")
    rows = np.array([2.0, 0.5], "float32")

    assert_weights_equal(weights_after(x, y, None), weights_after(x, y, ones))
    by_tokens = weights_after(x, y, rows[:, None] * ones)
    assert_weights_equal(weights_after(x, y, rows), by_tokens)


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.slow
def test_steps_of_one_kernel_learn_what_others_do(replicas, two_replicas, monkeypatch):
    kernels = []
    run = tensorflow_fused._run
    monkeypatch.setattr(tensorflow_fused, "_run", lambda *a: kernels.append(a) or run(*a))

    def train(fewest, scope=contextlib.nullcontext):
        monkeypatch.setattr(tensorflow_fused, "MIN_VALUES", fewest)
        with scope():
            task = make_translator()
            task.compile(Adam(0.01, epsilon=1e-3))
        task.fit(reversal_pairs(24), batch_size=8, epochs=2, verbose=0)
        return task.get_weights()

    expected = train(fewest=10**9)
    assert not kernels
    found = train(1, two_replicas.scope if replicas == 2 else contextlib.nullcontext)
    assert kernels
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)
