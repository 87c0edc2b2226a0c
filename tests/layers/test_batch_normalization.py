"""Normalisation of a batch by one kernel is that of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.layers import BatchNormalization

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(2, 3, (2, 3, 5, 4)).astype("float32")
UPSTREAM = RNG.normal(size=IMAGES.shape).astype("float32")
MASK = RNG.random((2, 3, 5)) < 0.5


def layer_of(kind, x, **options):
    layer = kind(momentum=0.7, **options)
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.uniform(0.5, 2, weight.shape) for weight in layer.weights])
    return layer


def outcome(kind, training, x=IMAGES, mask=None, **options):
    """The outputs, the gradients of x, gain and bias, and the moving moments afterwards."""
    layer, x = layer_of(kind, x, **options), tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, training=training, mask=mask)
        total = tf.reduce_sum(tf.cast(outputs, tf.float32) * UPSTREAM[: len(x)])
    watched = [x, *(weight.value for weight in layer.trainable_weights)]
    results = [outputs, *tape.gradient(total, watched), *layer.weights]
    return [np.asarray(tf.cast(each, tf.float64)) for each in results]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({}, {}),
        ({"scale": False}, {}),
        ({"center": False}, {}),
        ({"axis": 1}, {}),
        ({"dtype": "float64"}, {"x": IMAGES.astype("float64")}),
        ({}, {"mask": MASK}),
        ({"trainable": False}, {}),
    ],
)
def test_outputs_gradients_and_moments_are_those_of_keras(training, options, given):
    found, wanted = (
        outcome(kind, training, **given, **options)
        for kind in (BatchNormalization, keras.layers.BatchNormalization)
    )
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_it_computes_in_32_bits_under_mixed_precision(training):
    rounded = tf.cast(tf.cast(IMAGES, tf.bfloat16), tf.float32).numpy()
    wanted = outcome(BatchNormalization, training, rounded)
    found = outcome(BatchNormalization, training, rounded, dtype="mixed_bfloat16")
    np.testing.assert_allclose(found[0], wanted[0], rtol=2**-8, atol=1e-3)
    np.testing.assert_allclose(found[-2:], wanted[-2:], rtol=1e-5)


def test_it_runs_as_one_kernel_that_a_served_graph_knows():
    layer = layer_of(BatchNormalization, IMAGES)
    for training in (True, False):
        graph = tf.function(lambda x, t=training: layer(x, training=t))
        operations = graph.get_concrete_function(IMAGES).graph.get_operations()
        assert "FusedBatchNormV3" in {operation.type for operation in operations}
