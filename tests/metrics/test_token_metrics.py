"""Token metrics against NumPy in float64, over batches of different sizes."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from seqzoo.metrics import Perplexity, TokenAccuracy

VOCABULARY = 7


def batches():
    """Makes logits, targets and weights of batches with different shapes and much padding."""
    rng = np.random.default_rng(3)
    for batch, time in [(2, 3), (5, 4), (1, 6)]:
        logits = rng.normal(size=(batch, time, VOCABULARY))
        targets = rng.integers(VOCABULARY, size=(batch, time))
        weights = (rng.random((batch, time)) < 0.6).astype("float64")
        yield logits, targets, weights


def negative_log_likelihood(logits, targets):
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -np.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]


def test_perplexity_is_exact_per_token_over_unequal_batches():
    metric = Perplexity()
    all_losses = []
    for logits, targets, weights in batches():
        losses = negative_log_likelihood(logits, targets)
        metric.update_state((losses * weights).sum(), weights.sum())
        all_losses.extend(losses[weights == 1])

    assert float(metric.result()) == pytest.approx(np.exp(np.mean(all_losses)), rel=1e-6)


def test_token_accuracy_is_exact_per_token_over_unequal_batches():
    metric = TokenAccuracy()
    all_right = []
    for logits, targets, weights in batches():
        right = logits.argmax(-1) == targets
        metric.update_state((right * weights).sum(), weights.sum())
        all_right.extend(right[weights == 1])

    assert float(metric.result()) == pytest.approx(np.mean(all_right), rel=1e-6)


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary():
    metric = Perplexity()
    metric.update_state(11 * np.log(VOCABULARY), 11)

    assert float(metric.result()) == pytest.approx(VOCABULARY, rel=1e-6)


@pytest.mark.parametrize(("metric", "empty"), [(TokenAccuracy(), 0.0), (Perplexity(), 1.0)])
def test_no_token_gives_a_number_and_a_reset_forgets_all(metric, empty):
    assert float(metric.result()) == empty
    metric.update_state(2.0, 5)
    assert float(metric.result()) != empty
    metric.reset_state()
    assert float(metric.result()) == empty


@pytest.mark.parametrize(
    ("metric", "name"), [(TokenAccuracy(), "token_accuracy"), (Perplexity(), "perplexity")]
)
def test_a_metric_comes_back_from_its_config(metric, name):
    config = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(config)

    assert config["registered_name"] == f"seqzoo>{type(metric).__name__}"
    assert type(again) is type(metric)
    assert metric.name == again.name == name


REPLICAS = """
import tensorflow as tf
from seqzoo.metrics import Perplexity, TokenAccuracy

[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    accuracy, perplexity = TokenAccuracy(), Perplexity()

@tf.function
def step():
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    accuracy.update_state(1 + replica, 4 + 4 * replica)  # 1 of 4 tokens, and 2 of 8
    perplexity.update_state(2 + replica, 3 + replica)    # 2 nats for 3 tokens, and 3 for 4

for _ in range(2):
    strategy.run(step)
print(float(accuracy.result()), float(perplexity.result()))
"""


def test_sums_of_replicas_are_added_up():
    printed = subprocess.run([sys.executable, "-c", REPLICAS], capture_output=True, check=True)
    accuracy, perplexity = map(float, printed.stdout.split())

    assert accuracy == pytest.approx(3 / 12)
    assert perplexity == pytest.approx(np.exp(5 / 7), rel=1e-6)
