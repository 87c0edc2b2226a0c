"""Two logical CPU devices, for the tests of replicas, and a seed for each test."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import seqzoo  # noqa: F401  it sets what TensorFlow reads when it is imported

# isort: split
import keras
import pytest
import tensorflow as tf

(CPU,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(CPU, [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture(scope="session")
def two_replicas():
    """One strategy for all tests: TensorFlow mixes up the sums of two on the same devices."""
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)
